"""Schedules on a real database of each kind: taken once, caught up once, and taken up again when their process died."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import func, select
from sqlalchemy.dialects import sqlite

from notifier.app.acts import BUILT_IN, built_in, kinds_of
from notifier.pipeline import drafting
from notifier.pipeline.drafting import CannotChange, Change, Known
from notifier.pipeline.kinds import Call, Kind
from notifier.pipeline.runs import LEASE, Runner
from notifier.pipeline.scheduled import heard
from notifier.pipeline.scheduling import Scheduling
from notifier.policy.schedules import TRIES, Draft, Timing, WrongSchedule
from notifier.scheduler.lead import Lead
from notifier.scheduler.ticks import Ticks
from notifier.store import running
from notifier.store.database import Database, DatabaseAway
from notifier.store.leases import Leases
from notifier.store.models import Audit, ScheduleRun
from notifier.store.schedules import RunEntry, ScheduleEntry, Schedules
from tests.pipeline.line import START, Clock, at_once, until_somebody_waits

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ANN = "ann@app.example"


class Place:
    """Schedulers and people at one database, with a clock to set, and a kind whose calls are noted."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.calls: list[Call] = []
        self.act: Callable[[Call], str] = lambda _: "done"
        self.kinds = {
            "note": Kind("note", act=self._note, local=True),
            "sweep": Kind("sweep", act=self._note, vital=True),
        }
        self.people = Scheduling(database, self.kinds, frozenset({"sweep", "purge"}), self.clock)

    def scheduler(self, name: str = "one") -> Runner:
        return Runner(self.database, self.kinds, name, self.clock)

    def add(self, name: str = "tea", enabled: bool = True, **timing: object) -> ScheduleEntry:
        said = Timing(**(timing or {"interval_seconds": 60}))  # type: ignore[arg-type]
        return self.people.add(Draft(name, "note", said, enabled=enabled), ANN)

    def tick(self, runner: Runner | None = None) -> int:
        """Take and do what has come; gives how much that was."""
        runner = runner or self.scheduler()
        taken = runner.take()
        for one in taken:
            runner.perform(one)
        return len(taken)

    def runs(self, schedule: ScheduleEntry) -> list[RunEntry]:
        return self.people.runs(schedule.id, "", 200)

    def outcomes(self, schedule: ScheduleEntry) -> list[str]:
        """Of its runs, the oldest first."""
        return [str(run.outcome) for run in reversed(self.runs(schedule))]

    def now(self, schedule: ScheduleEntry) -> ScheduleEntry:
        found = self.people.find(schedule.id)
        assert found
        return found

    def _note(self, call: Call) -> str:
        self.calls.append(call)
        return self.act(call)


@pytest.fixture
def place(database: Database) -> Place:
    return Place(database)


def test_a_schedule_runs_when_its_time_has_come_and_says_how_it_went(place: Place):
    tea = place.add()
    assert (tea.next_run_at, place.tick()) == (START + MINUTE, 0)
    place.clock.move(seconds=60)
    assert (place.tick(), place.tick()) == (1, 0)
    [run] = place.runs(tea)
    assert (run.moment, run.triggered_by, run.outcome, run.text) == (START + MINUTE, "timer", "ok", "done")
    after = place.now(tea)
    assert (after.next_run_at, after.last.outcome, after.running) == (START + 2 * MINUTE, "ok", None)
    [call] = place.calls
    assert (call.moment, call.wall, call.key.partition("/")[0]) == (START + MINUTE, None, tea.id)


def test_two_schedulers_at_once_take_each_moment_once(place: Place):
    schedules = [place.add(f"tea-{number}") for number in range(12)]
    one, two = place.scheduler("one"), place.scheduler("two")
    for _ in range(3):
        place.clock.move(seconds=60)
        both = at_once(one.take, two.take)
        assert sorted(taken.schedule.name for some in both for taken in some) == sorted(tea.name for tea in schedules)
        at_once(*[partial(one.perform, taken) for some in both for taken in some])
    for tea in schedules:
        assert place.outcomes(tea) == ["ok"] * 3
        assert len({run.moment for run in place.runs(tea)}) == 3


def test_what_was_missed_while_nobody_ran_it_is_caught_up_once(place: Place):
    tea, daily = place.add(), place.add("daily", cron="0 9 * * *", timezone="Europe/Berlin")
    place.clock.move(days=10, seconds=30)
    assert (place.tick(), place.tick()) == (2, 0)
    [run] = place.runs(tea)
    assert run.moment == START + timedelta(days=10)
    [run] = place.runs(daily)
    assert run.moment == datetime(2026, 12, 1, 8, tzinfo=UTC)  # the last of ten
    assert place.now(daily).next_run_at == datetime(2026, 12, 2, 8, tzinfo=UTC)
    assert place.now(tea).next_run_at == START + timedelta(days=10) + MINUTE


def test_an_act_that_fails_is_recorded_and_stops_no_other(place: Place):
    place.add("bad")
    good = place.add("good")

    def act(call: Call) -> str:
        if call.key.startswith(good.id):
            return "fine"
        raise ValueError("the kettle is empty")

    place.act = act
    place.clock.move(seconds=60)
    assert place.tick() == 2
    bad = place.people.named("bad")
    assert (bad.last.outcome, bad.last.text) == ("failed", "ValueError: the kettle is empty")
    assert place.now(good).last.text == "fine"
    place.clock.move(seconds=60)
    assert place.tick() == 2  # and it comes again


def test_a_run_whose_process_died_is_seen_as_cut_off_and_done_again_within_a_lease(place: Place):
    tea = place.add()
    place.clock.move(seconds=60)
    [lost] = place.scheduler("dead").take()  # and is killed before it does anything
    assert place.tick() == 0  # it may still live
    assert place.now(tea).running == lost.run.id
    place.clock.move(seconds=LEASE.total_seconds() + 1)
    assert place.tick() == 1
    assert place.outcomes(tea) == ["cut_off", "ok"]
    first, second = reversed(place.runs(tea))
    assert (first.moment, first.tries, second.tries) == (second.moment, 1, 2)
    assert place.calls[0].moment == lost.run.moment
    place.scheduler("dead").perform(lost)  # it lived after all: what the other did stands
    assert place.outcomes(tea) == ["cut_off", "ok"]


def test_a_run_that_is_renewed_is_nobody_elses(place: Place):
    place.add()
    place.clock.move(seconds=60)
    runner = place.scheduler("slow")
    [taken] = runner.take()
    for _ in range(5):
        place.clock.move(seconds=8)
        with place.database.write() as connection:
            runner.renew(connection)
        assert place.scheduler("other").take() == []
    runner.perform(taken)
    assert [run.outcome for run in place.runs(taken.schedule)] == ["ok"]


def test_a_run_that_kills_its_process_each_time_is_given_up(place: Place):
    tea = place.add()
    place.clock.move(seconds=60)
    for _ in range(TRIES + 2):
        place.scheduler("dying").take()
        place.people.change(tea.id, Change(timing={"cron": "0 0 1 1 *"}), ANN)  # so that no other moment comes
        place.clock.move(seconds=LEASE.total_seconds() + 1)
    assert place.outcomes(tea) == ["cut_off"] * TRIES
    assert (place.now(tea).running, place.now(tea).last.outcome) == (None, "cut_off")


def test_an_act_that_meets_an_absent_database_is_done_again(place: Place):
    tea = place.add(at="now")

    def away(_: Call) -> str:
        raise DatabaseAway("gone for a moment")

    place.act = away
    assert place.tick() == 1
    place.act = lambda _: "done"
    place.clock.move(seconds=LEASE.total_seconds() + 1)
    assert place.tick() == 1
    assert place.outcomes(tea) == ["cut_off", "ok"]


def test_a_schedule_that_still_runs_is_not_begun_again(place: Place):
    tea = place.add()
    place.clock.move(seconds=60)
    runner = place.scheduler()
    [slow] = runner.take()
    place.clock.move(seconds=3)
    with place.database.write() as connection:
        runner.renew(connection)
    place.people.run_now(tea.id, ANN)
    assert place.tick() == 0
    runner.perform(slow)
    assert place.tick() == 1
    assert [run.triggered_by for run in reversed(place.runs(tea))] == ["timer", ANN]


def test_who_asks_for_a_run_gets_one_also_while_it_is_paused(place: Place):
    tea = place.add(cron="0 0 1 1 *", local=True)
    place.people.pause(tea.id, ANN)
    asked = place.people.run_now(tea.id, ANN)
    assert place.people.run_now(tea.id, ANN).id == asked.id  # it has not begun
    assert (place.tick(), place.tick()) == (1, 0)
    [run] = place.runs(tea)
    assert (run.id, run.triggered_by, run.outcome) == (asked.id, ANN, "ok")
    assert place.calls[0].wall is None  # now, whatever people's clocks show
    assert (place.now(tea).enabled, place.now(tea).next_run_at) == (False, None)
    place.clock.move(seconds=1)
    both = at_once(lambda: place.people.run_now(tea.id, ANN), place.scheduler("one").take, place.scheduler("two").take)
    assert len(both[1]) + len(both[2]) + len(place.scheduler().take()) == 1


def test_now_is_now_on_whatever_clock(place: Place):
    tea = place.add(at="now", timezone="Asia/Tokyo")
    assert (tea.next_run_at, tea.timetable.at.hour) == (START, 19)
    assert (place.tick(), place.tick()) == (1, 0)


def test_a_paused_schedule_does_not_run_and_makes_nothing_up_for_it(place: Place):
    tea = place.add()
    assert place.people.pause(tea.id, ANN).next_run_at is None
    place.clock.move(hours=2)
    assert place.tick() == 0
    assert place.people.resume(tea.id, ANN).next_run_at == START + 2 * HOUR + MINUTE
    assert place.tick() == 0


def test_a_change_counts_at_once_and_a_moment_that_was_run_for_does_not_come_again(place: Place):
    tea = place.add(at="2026-11-21T11:00")
    place.clock.move(hours=1)
    assert place.tick() == 1
    assert place.now(tea).next_run_at is None
    place.people.pause(tea.id, ANN)
    with pytest.raises(CannotChange, match="has passed"):
        place.people.resume(tea.id, ANN)
    place.clock.move(hours=-1)  # a clock that is set back
    changed = place.people.change(tea.id, Change(timing={"cron": "0 11 * * *"}, enabled=True), ANN)
    assert (changed.next_run_at, changed.timetable.at) == (START + HOUR, None)
    place.clock.move(hours=1)
    assert place.tick() == 0
    assert place.now(tea).next_run_at == START + timedelta(days=1) + HOUR
    assert (place.now(tea).running, len(place.runs(tea))) == (None, 1)


def test_a_schedule_that_is_changed_while_it_is_taken_is_run_under_one_of_both(place: Place):
    tea = place.add()
    place.clock.move(seconds=60)
    stale = place.now(tea)
    place.people.change(tea.id, Change(name="coffee", timing={"interval_seconds": 3600}), ANN)
    with place.database.write() as connection:
        holding = running.Holding("one", place.clock(), place.clock() + LEASE)
        assert running.Running(connection).take(stale, place.clock(), None, holding) is None
    assert place.now(tea).next_run_at == START + MINUTE + HOUR


def test_two_who_change_a_schedule_at_once_both_have_their_way(place: Place):
    if place.database.on_sqlite:
        pytest.skip("SQLite has one writer at a time")
    tea = place.add()
    with ThreadPoolExecutor(1) as pool:
        with place.database.write() as connection:
            found = Schedules(connection).hold(tea.id)
            paused = drafting.changed(found, Change(enabled=False), Known(place.kinds, frozenset()), place.clock())
            Schedules(connection).change(tea.id, paused, ANN, place.clock())
            change = pool.submit(place.people.change, tea.id, Change(name="coffee"), ANN)
            until_somebody_waits(place.database)
        change.result()
    assert (place.now(tea).name, place.now(tea).enabled, place.now(tea).next_run_at) == ("coffee", False, None)


def test_two_who_ask_for_a_run_at_once_ask_for_the_same_one(place: Place):
    if place.database.on_sqlite:
        pytest.skip("SQLite has one writer at a time")
    tea = place.add()
    with ThreadPoolExecutor(1) as pool:
        with place.database.write() as connection:
            Schedules(connection).hold(tea.id)
            first = Schedules(connection).ask(tea.id, ANN, place.clock())
            second = pool.submit(place.people.run_now, tea.id, "ben@app.example")
            until_somebody_waits(place.database)
        assert second.result() == first


def test_a_local_schedule_tells_its_act_the_time_on_everybodys_wall(place: Place):
    wall = datetime(2026, 12, 24, 18)  # noqa: DTZ001 (a clock on the wall)
    place.add(at="2026-12-24T18:00", local=True)
    place.clock.now = datetime(2026, 12, 24, 4, tzinfo=UTC)
    assert place.tick() == 1
    assert (place.calls[0].wall, place.calls[0].moment) == (wall, place.clock())


def test_whatever_is_done_to_a_schedule_is_on_record(place: Place):
    tea = place.add()
    place.people.change(tea.id, Change(name="coffee"), ANN)
    place.people.pause(tea.id, ANN)
    place.people.resume(tea.id, ANN)
    place.people.run_now(tea.id, ANN)
    place.people.remove(tea.id, ANN)
    with place.database.read() as connection:
        rows = connection.execute(select(Audit.action, Audit.who, Audit.subject).order_by(Audit.id)).all()
    done = ["add", "edit", "pause", "resume", "run", "remove"]
    assert [row.action for row in rows] == [f"schedule.{what}" for what in done]
    assert {row.who for row in rows} == {ANN}
    assert rows[1].subject == f"{tea.id} coffee"


def test_a_schedule_that_is_removed_takes_its_history_along_even_while_it_runs(place: Place):
    tea = place.add()
    place.clock.move(seconds=60)
    runner = place.scheduler()
    [taken] = runner.take()
    place.people.remove(tea.id, ANN)
    runner.perform(taken)
    assert place.people.find(tea.id) is None
    with place.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(ScheduleRun)) == 0


def test_of_each_schedule_the_newest_runs_are_kept(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "KEPT", 3)
    tea = place.add()
    for _ in range(5):
        place.clock.move(seconds=60)
        assert place.tick() == 1
    assert [run.moment for run in place.runs(tea)] == [START + minutes * MINUTE for minutes in (5, 4, 3)]


def test_two_of_one_name_cannot_be(place: Place):
    place.add("tea")
    coffee = place.add("coffee")
    with pytest.raises(CannotChange, match="'tea' already"):
        place.add("tea")
    with pytest.raises(CannotChange, match="'tea' already"):
        place.people.change(coffee.id, Change(name="tea"), ANN)
    assert place.now(coffee).name == "coffee"
    with pytest.raises(WrongSchedule, match="built-in"):
        place.add("purge")


def test_built_in_schedules_are_made_once_and_an_owners_changes_stay(place: Place):
    kinds = kinds_of(*(lambda: pytest.fail("nothing is run here"),) * 6)
    people = Scheduling(place.database, kinds, frozenset(BUILT_IN), place.clock)
    runners = [Runner(place.database, kinds, name, place.clock) for name in ("one", "two")]
    at_once(*[partial(runner.keep, built_in(kinds, place.clock())) for runner in runners])
    entries = people.page("", 50)
    assert sorted(entry.name for entry in entries) == sorted(set(BUILT_IN) & set(kinds))
    digests = people.named("digests")
    people.change(digests.id, Change(timing={"interval_seconds": 300}), ANN)
    people.pause(digests.id, ANN)
    runners[0].keep(built_in(kinds, place.clock()))
    kept = people.named("digests")
    assert (kept.timetable.interval, kept.enabled) == (timedelta(minutes=5), False)
    with pytest.raises(CannotChange, match="built in"):
        people.change(digests.id, Change(name="other"), ANN)
    with pytest.raises(CannotChange, match="built in"):
        people.remove(digests.id, ANN)
    sweep = people.named("sweep")
    assert sweep.next_run_at is None
    for act in (people.pause, people.resume, people.run_now):
        with pytest.raises(CannotChange, match="alive"):
            act(sweep.id, ANN)
    with pytest.raises(CannotChange, match="alive"):
        people.change(sweep.id, Change(timing={"interval_seconds": 300}), ANN)


@pytest.mark.parametrize(("error", "said"), [(DatabaseAway(), "database does not answer"), (KeyError("x"), "the log")])
def test_a_sweep_that_fails_is_shown_with_why(place: Place, error: Exception, said: str):
    def fail() -> int:
        raise error

    runner = place.scheduler()
    lead = Lead(place.database, runner, "one", place.clock)
    kinds = kinds_of(*(lambda: pytest.fail("nothing is run here"),) * 6)
    runner.keep(built_in(kinds, place.clock()))
    ticks = Ticks(fail, runner, lead, (), place.clock)
    with pytest.raises(type(error)):
        ticks.sweep()
    ticks.beat()
    last = place.people.named("sweep").last
    assert (last.outcome, said in last.text) == ("failed", True)


def test_the_lease_is_one_schedulers_until_it_is_silent(database: Database):
    def take(holder: str, at: datetime) -> bool:
        return database.transact(lambda tx: Leases(tx).take("x", holder, now=at, until=at + LEASE))

    assert at_once(lambda: take("one", START), lambda: take("two", START)).count(True) == 1
    with database.read() as connection:
        held = Leases(connection).find("x")
    other = "two" if held.holder == "one" else "one"
    assert take(held.holder, START + LEASE / 2)
    assert not take(other, START + LEASE)
    assert take(other, START + 2 * LEASE)
    with database.write() as connection:
        Leases(connection).release("x", held.holder, START + 2 * LEASE)  # no longer its own
        assert Leases(connection).find("x").until == START + 3 * LEASE
        Leases(connection).release("x", other, START + 2 * LEASE)
    assert take(held.holder, START + 2 * LEASE + timedelta(seconds=1))
    with database.read() as connection:
        held = Leases(connection).find("x")
    assert heard(held, held.beat_at) == "ok"
    assert heard(held, held.beat_at + MINUTE) == "silent since 2026-11-21T10:00:21.000Z"
    assert heard(None, START) == "never heard of"


def test_the_question_of_each_second_reads_indexes_alone(place: Place):
    place.add()
    if not place.database.on_sqlite:
        pytest.skip("PostgreSQL reads a small table as a whole")
    question = running._WAITS.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": False})
    with place.database.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}", (START.replace(tzinfo=None),) * 2).all()
    told = [str(step[3]) for step in plan]
    assert [one for one in told if "schedules_next_run_at" in one]
    assert [one for one in told if "schedule_runs_open" in one]
    assert not [one for one in told if one.startswith("SCAN schedule")]


def test_runs_under_way_in_many_threads_are_all_renewed(place: Place):
    for number in range(6):
        place.add(f"tea-{number}")
    place.clock.move(seconds=60)
    runner, go = place.scheduler(), threading.Event()
    place.act = lambda _: "waited" if go.wait(timeout=20) else "gave up"
    taken = runner.take()
    threads = [threading.Thread(target=runner.perform, args=[one]) for one in taken]
    for thread in threads:
        thread.start()
    place.clock.move(seconds=8)
    with place.database.write() as connection:
        runner.renew(connection)
    place.clock.move(seconds=8)
    assert place.scheduler("other").take() == []
    go.set()
    for thread in threads:
        thread.join()
    assert {run.text for one in taken for run in place.runs(one.schedule)} == {"waited"}


EVE = "2026-12-24T18:00"
WRONG = {
    "/cron": [{"cron": "0 25 * * *"}, {"cron": "x"}, {}],
    "/interval_seconds": [
        {"interval_seconds": 59},
        {"interval_seconds": 10**9},
        {"cron": "0 0 * * *", "interval_seconds": 60},
    ],
    "/timezone": [
        {"cron": "0 0 * * *", "timezone": "Mars/Olympus"},
        {"cron": "0 0 * * *", "timezone": "UTC", "local": True},
        {"at": f"{EVE}Z", "timezone": "Europe/Berlin"},
    ],
    "/at": [
        {"at": at} for at in ("tomorrow", "2026-12-24", "2026-11-21T09:00", "0001-01-01T00:00", "2026-02-30T10:00")
    ],
    "/local": [
        {"interval_seconds": 60, "local": True},
        {"at": "now", "local": True},
        {"at": f"{EVE}Z", "local": True},
    ],
}


@pytest.mark.parametrize(
    ("pointer", "timing"), [(pointer, timing) for pointer, timings in WRONG.items() for timing in timings]
)
def test_a_wrong_time_is_refused_with_a_pointer_to_what_is_wrong(tmp_path, pointer: str, timing: dict[str, object]):
    place = Place(Database(f"sqlite:///{tmp_path / 'none.db'}"))
    with pytest.raises(WrongSchedule) as refused:
        place.people.add(Draft("tea", "note", Timing(**timing)), ANN)  # type: ignore[arg-type]
    assert [fault[0] for fault in refused.value.faults] == [pointer]
    assert all(detail.endswith(".") for _, detail in refused.value.faults)


def test_all_that_is_wrong_is_named_at_once(tmp_path):
    place = Place(Database(f"sqlite:///{tmp_path / 'none.db'}"))
    with pytest.raises(WrongSchedule) as refused:
        place.people.add(Draft(" tea", "poke", Timing(cron="x", timezone="x")), ANN)
    assert [pointer for pointer, _ in refused.value.faults] == ["/name", "/kind", "/cron", "/timezone"]
