"""Schedulers as real processes: two at once, killed in the middle, and on nights when clocks change."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from notifier.app.parts import Parts
from notifier.pipeline.runs import LEASE
from notifier.policy.schedules import Draft, Timing
from notifier.store.database import Database
from notifier.store.models import Schedule, ScheduleRun
from notifier.store.schedules import RunEntry, ScheduleEntry
from tests.scheduling import MovedClock, marking_parts, marks, start_scheduler
from tests.stack import Stack, comment, eventually

SECOND = timedelta(seconds=1)
PATIENCE = LEASE.total_seconds() + 15


class Place:
    """A database, a clock to move, and the schedulers that were started there."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder, self.url = folder, database_url
        self.clock = MovedClock(folder)
        (folder / "clock").write_text("0")
        self.parts: Parts = marking_parts(folder, database_url)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        self.processes.append(start_scheduler(self.folder, self.url))
        return self.processes[-1]

    def leader(self) -> int:
        """The process id of the scheduler that leads, once one is heard of."""

        def led() -> int:
            held = self.parts.scheduling.heartbeat()
            fresh = held and self.clock() < held.until
            return int(held.holder.rpartition(":")[2]) if held and fresh else 0

        return int(eventually(led, PATIENCE))

    def add(self, name: str, timing: Timing, **arguments: float) -> ScheduleEntry:
        return self.parts.scheduling.add(Draft(name, "mark", timing, arguments), "ann")

    def each_second(self, name: str) -> ScheduleEntry:
        """People's own intervals have a minute at least; this one has a second."""
        made = self.add(name, Timing(interval_seconds=60))
        soon = {"interval_seconds": 1, "next_run_at": self.clock().replace(microsecond=0) + SECOND}
        with self.parts.database.write() as connection:
            connection.execute(update(Schedule).where(Schedule.id == made.id).values(**soon))
        return made

    def runs(self, schedule: ScheduleEntry) -> list[RunEntry]:
        """The oldest first."""
        return list(reversed(self.parts.scheduling.runs(schedule.id, "", 1_000)))

    def moments(self, schedule: ScheduleEntry) -> list[str]:
        """Of its runs that went well."""
        return [f"{run.moment:%d %H:%M}" for run in self.runs(schedule) if run.outcome == "ok"]

    def log(self) -> str:
        return (self.folder / "scheduler.log").read_text()


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    made = Place(tmp_path, database_url)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()
    made.parts.database.close()


def test_two_schedulers_run_each_second_once_and_the_other_takes_over_when_the_leader_is_killed(place: Place):
    schedules = [place.each_second(name) for name in ("tea", "coffee", "milk")]
    both = {process.pid: process for process in (place.start(), place.start())}
    first = place.leader()
    eventually(lambda: all(len(place.runs(one)) >= 6 for one in schedules))
    both[first].kill()
    killed_at = datetime.now(UTC)
    eventually(lambda: place.leader() != first, PATIENCE)
    second = place.leader()
    assert second in both
    eventually(lambda: all(place.runs(one)[-1].moment > killed_at + LEASE + 5 * SECOND for one in schedules), PATIENCE)
    both[second].send_signal(signal.SIGTERM)
    assert both[second].wait(timeout=20) == 0
    for one in schedules:
        check_each_second(place.runs(one), killed_at)
    # Whatever was begun twice was begun by both: the one that was killed did not end it.
    begun = Counter(key for key, what, _ in marks(place.folder) if what == "ended")
    assert max(begun.values()) <= 2
    twice = [key for key, count in begun.items() if count > 1]
    assert len(twice) <= len(schedules)
    assert "Traceback" not in place.log()


def check_each_second(runs: list[RunEntry], killed_at: datetime) -> None:
    """Each moment went well once; none is missing while somebody led, and what was missed was caught up once."""
    well = [run.moment for run in runs if run.outcome == "ok"]
    assert len(well) == len(set(well))
    assert {run.outcome for run in runs} <= {"ok", "cut_off"}
    assert {run.moment for run in runs if run.outcome == "cut_off"} <= set(well)
    gaps = [after - before for before, after in zip(sorted(well), sorted(well)[1:], strict=False)]
    long = [gap for gap in gaps if gap > 3 * SECOND]
    assert len(long) <= 1, gaps
    assert sum(gaps, timedelta(0)) > (killed_at - well[0])


def test_an_act_whose_scheduler_is_killed_in_the_middle_is_cut_off_and_done_again(place: Place):
    killed = place.start()
    assert place.leader() == killed.pid
    long = place.add("long", Timing(at="now"), seconds=30)
    eventually(lambda: [what for _, what, _ in marks(place.folder)] == ["begun"])
    assert place.runs(long)[0].outcome == "running"
    killed.kill()
    with place.parts.database.write() as connection:
        connection.execute(update(Schedule).where(Schedule.id == long.id).values(arguments="{}"))
    other = place.start()
    eventually(lambda: [run.outcome for run in place.runs(long)] == ["cut_off", "ok"], PATIENCE)
    first, again = place.runs(long)
    assert (first.moment, first.tries, again.tries) == (again.moment, 1, 2)
    assert again.ended_at - first.started_at < LEASE + timedelta(seconds=12)
    keys = {key for key, _, _ in marks(place.folder)}
    assert len(keys) == 1  # the act is told that it is for the same moment
    assert marks(place.folder)[-1][1:] == ["ended", str(other.pid)]


def test_a_long_act_keeps_neither_the_others_nor_the_sweep_from_their_time(place: Place):
    place.start()
    place.leader()
    place.add("long", Timing(at="now"), seconds=12)
    tea = place.each_second("tea")
    eventually(lambda: len(place.moments(tea)) >= 8)
    assert [what for _, what, _ in marks(place.folder)].count("ended") >= 8
    swept = place.parts.scheduling.named("sweep").last
    assert (swept.outcome, datetime.now(UTC) - swept.at < timedelta(seconds=15)) == ("ok", True)
    # It outlives its first lease, which is renewed.
    eventually(lambda: place.parts.scheduling.named("long").last)
    assert [run.outcome for run in place.runs(place.parts.scheduling.named("long"))] == ["ok"]


def test_nights_on_which_clocks_change_and_a_week_in_which_nothing_ran(place: Place):
    place.clock.show("2026-10-23T12:00")
    berlin = place.add("berlin", Timing("30 2 * * *", timezone="Europe/Berlin"))
    cairo = place.add("cairo", Timing("0 0 * * *", timezone="Africa/Cairo"))
    place.clock.show("2026-10-24T22:00")
    place.start()
    eventually(lambda: len(place.moments(berlin)) == 1 and len(place.moments(cairo)) == 1, PATIENCE)
    assert (place.moments(berlin), place.moments(cairo)) == (["24 00:30"], ["24 21:00"])
    place.clock.show("2026-10-25T00:30")  # 02:30, for the first time
    eventually(lambda: len(place.moments(berlin)) == 2, PATIENCE)
    place.clock.show("2026-10-25T01:30")  # 02:30, for the second time
    time.sleep(4)
    assert place.moments(berlin) == ["24 00:30", "25 00:30"]
    place.clock.show("2026-11-02T12:00")  # a week of sleep
    eventually(lambda: len(place.moments(berlin)) == 3 and len(place.moments(cairo)) == 2, PATIENCE)
    time.sleep(3)
    assert (place.moments(berlin)[2:], place.moments(cairo)[1:]) == (["02 01:30"], ["01 22:00"])
    place.clock.show("2027-03-28T01:29:58")  # 02:30 is left out: it comes at 03:30
    eventually(lambda: place.moments(berlin)[-1] == "28 01:30", PATIENCE)


def test_the_whole_service_replaces_its_scheduler_and_says_so(stack: Stack):
    def checks() -> str:
        return str(stack.call("GET", "/readyz").json["checks"]["scheduler"])

    eventually(lambda: checks() == "ok")
    [killed] = stack.pids["scheduler"]

    def digests_id() -> str:
        listed = stack.call("GET", "/v1/schedules").json["data"]
        return next((str(one["id"]) for one in listed if one["name"] == "digests"), "")

    digests = eventually(digests_id)
    os.kill(killed, signal.SIGKILL)
    asked = stack.call("POST", f"/v1/schedules/{digests}/run")
    assert asked.status == 202
    beside = stack.beside("scheduler")
    stack.person("bob")
    stack.post(comment())
    stack.at_rest()  # the sweep goes on whoever leads

    def outcome() -> str:
        runs = stack.call("GET", f"/v1/schedules/{digests}/runs").json["data"]
        return next(str(run["outcome"]) for run in runs if run["id"] == asked.json["id"])

    eventually(lambda: outcome() == "ok", PATIENCE)
    told = stack.call("GET", "/v1/schedules").json["scheduler"]
    assert (told["state"], told["leader"].endswith(f":{killed}")) == ("ok", False)
    beside.send_signal(signal.SIGTERM)
    assert beside.wait(timeout=20) == 0


def test_a_database_that_goes_away_stops_no_scheduler(place: Place, request: pytest.FixtureRequest):
    database: Database = place.parts.database
    if database.on_sqlite:
        pytest.skip("an SQLite file does not go away")
    tea = place.each_second("tea")
    process = place.start()
    eventually(lambda: len(place.moments(tea)) >= 2, PATIENCE)
    postgres = request.getfixturevalue("postgres")
    postgres.close_doors(database.url)
    time.sleep(4)
    postgres.open_doors(database.url)
    back = datetime.now(UTC)
    eventually(lambda: place.runs(tea)[-1].moment > back + 5 * SECOND, PATIENCE + 10)
    assert process.poll() is None
    with database.read() as connection:
        outcomes = set(connection.scalars(select(ScheduleRun.outcome)))
    assert outcomes <= {"ok", "running", "cut_off"}
    assert "the database is away" in place.log()
