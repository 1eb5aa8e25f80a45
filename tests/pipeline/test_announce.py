"""Announcing: everyone once, each at the time on their own clock, whoever dies, moves or is erased meanwhile."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from notifier.pipeline import plan as planning_step
from notifier.pipeline.announce import Announcer
from notifier.pipeline.deciding import Deciding, PlanSettings
from notifier.pipeline.erase import Eraser
from notifier.pipeline.explain import Explainer, Explanation
from notifier.pipeline.purge import Purger
from notifier.pipeline.rollup import Roller
from notifier.policy.announcements import TYPE, Announcement
from notifier.policy.retention import Retention
from notifier.policy.words import Reason, State
from notifier.store import walking
from notifier.store.apps import BUILT_IN, Apps
from notifier.store.erasing import Erasing
from notifier.store.log import Log
from notifier.store.models import Delivery, Event, NotificationEvent, User
from notifier.store.people import People
from tests.pipeline.line import Line, at_once

NEWS = Announcement("We move", content="On Sunday.", everyone=True)
EVENING = datetime.fromisoformat("2026-12-24T18:00")
DAWN = datetime(2026, 12, 24, 3, tzinfo=UTC)  # an hour before the first place on earth comes to that evening
ZONES = sorted(available_timezones())
NUMBERS = itertools.count()
AROUND = {
    "kiri": "Pacific/Kiritimati",
    "kathy": "Asia/Kathmandu",
    "bert": "Europe/Berlin",
    "nora": "America/New_York",
    "pago": "Pacific/Pago_Pago",
}


@pytest.fixture
def rung() -> list[tuple[str, str]]:
    """For which events the bell was rung, and on which queue."""
    return []


@pytest.fixture
def announcer(line: Line, rung: list[tuple[str, str]]) -> Announcer:
    def nudge(events: list[str], queue: str) -> None:
        rung.extend((event, queue) for event in events)

    return Announcer(line.database, line.catalogue, line.clock, nudge)


@pytest.fixture
def round_the_world(line: Line) -> Line:
    """Five people between the first place on earth and nearly the last, on the morning of that day."""
    line.clock.now = DAWN
    for person, zone in AROUND.items():
        live(line, person, zone)
    return line


def live(line: Line, person: str, zone: str) -> None:
    """The person, with a mailbox, is in that zone from now on."""
    line.people(person)
    with line.database.write() as connection:
        People(connection).save(person, {"timezone": zone}, line.clock())


def pass_by(line: Line, until: datetime) -> None:
    """The clock moves on, and whatever is announced and comes due meanwhile is swept and planned at its moment."""
    while due_at := next_due(line, until):
        line.clock.now = max(due_at, line.clock())
        line.plan(line.sweeper.events("bulk").events)
    line.clock.now = until


def next_due(line: Line, until: datetime) -> datetime | None:
    with line.database.read() as connection:
        return connection.scalar(
            select(func.min(Event.due_at)).where(Event.planned_at.is_(None), Event.due_at <= until)
        )


def told_at(line: Line, event: str) -> dict[str, datetime]:
    """Who was told of it when, as their feed shows it; each once."""
    with line.database.read() as connection:
        rows = connection.execute(
            select(NotificationEvent.user_id, Delivery.created_at)
            .join(Delivery, Delivery.notification_id == NotificationEvent.notification_id)
            .where(NotificationEvent.event_id == event, Delivery.channel == "feed", Delivery.state == State.SENT)
        ).all()
    assert len({row.user_id for row in rows}) == len(rows)
    return {row.user_id: row.created_at for row in rows}


def rows_of(line: Line, event: str) -> int:
    with line.database.read() as connection:
        query = select(func.count()).select_from(NotificationEvent).where(NotificationEvent.event_id == event)
        return connection.scalar(query) or 0


def stored(line: Line, event: str) -> object:
    with line.database.read() as connection:
        return connection.execute(select(Event).where(Event.id == event)).one()


def own_clocks(zones: dict[str, str], wall: datetime = EVENING) -> dict[str, datetime]:
    return {who: wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for who, zone in zones.items()}


def day_after() -> datetime:
    return datetime(2026, 12, 26, 12, tzinfo=UTC)


def explained(line: Line, event: str, **how: object) -> Explanation:
    deciding = Deciding(line.catalogue, PlanSettings(("feed",), ("push",), 1))
    found = Explainer(line.database, deciding, line.clock, Retention()).stored(event, **how)  # type: ignore[arg-type]
    assert found
    return found


# --- to everyone, to followers, to some


def test_everyone_hears_of_it_once_and_never_the_one_who_says_it(
    line: Line, announcer: Announcer, rung: list[tuple[str, str]]
):
    line.people("ana", *[f"p{n:03}" for n in range(2 * planning_step.CHUNK + 5)])
    event = announcer.announce(replace(NEWS, actor="ana", from_name="Ana"), "move")
    assert rung == [(event, "bulk")]
    line.plan([event])
    assert sorted(told_at(line, event)) == [f"p{n:03}" for n in range(2 * planning_step.CHUNK + 5)]
    books = line.books()
    assert (books.balanced, books.planned, books.unplanned) == (True, 1, 0)


def test_it_comes_by_mail_at_once_with_its_words(line: Line, announcer: Announcer):
    line.people("bob")
    line.plan([announcer.announce(replace(NEWS, url="https://app.example/move"), "move")])
    line.clock.move(minutes=2)
    [letter] = line.deliver()
    [told] = letter.notice.events
    assert (told.object.name, told.object.content, told.object.url) == (
        "We move",
        "On Sunday.",
        "https://app.example/move",
    )


def test_who_turned_it_off_is_not_told_and_the_log_says_why(line: Line, announcer: Announcer):
    line.people("bob")
    line.choose("bob", "announcement", email="off")
    line.plan([announcer.announce(NEWS, "move")])
    assert [(row.state, row.reason) for row in line.deliveries()] == [(State.SKIPPED, Reason.PREFERENCE_OFF)]


def test_the_followers_of_somebody_or_those_who_are_named_hear_of_it(line: Line, announcer: Announcer):
    line.people("bob", "cara", "dan")
    line.relate("bob", "follow", "ana")
    line.relate("dan", "follow", "ana")
    to_followers = announcer.announce(Announcement("News", followers_of="ana"), "one")
    to_some = announcer.announce(Announcement("News", to=("cara", "zoe")), "two")
    line.plan([to_followers, to_some])
    assert sorted(told_at(line, to_followers)) == ["bob", "dan"]
    assert sorted(told_at(line, to_some)) == ["cara", "zoe"]


def test_it_stands_under_the_services_own_app_which_has_no_credentials(line: Line, announcer: Announcer):
    announcer.announce(NEWS, "one")
    event = announcer.announce(NEWS, "two")
    with line.database.read() as connection:
        assert [(app.id, app.name) for app in Apps(connection).all()] == [(BUILT_IN, "notifier")]
        assert Apps(connection).signer(BUILT_IN, line.clock()).secrets == ()
        entry = Log(connection).event(event)
    assert entry
    assert (entry.app, entry.type) == (BUILT_IN, TYPE)


def test_a_run_that_is_repeated_announces_once(line: Line, announcer: Announcer, rung: list[tuple[str, str]]):
    line.people("bob")
    event = announcer.announce(NEWS, "sch_1 2026-11-21T10:00")
    line.plan([event])
    again = announcer.announce(replace(NEWS, title="Mended meanwhile"), "sch_1 2026-11-21T10:00")
    assert again == event
    assert line.plan([event]) == []
    assert len(rung) == len(told_at(line, event)) == 1


def test_two_who_announce_the_same_at_once_announce_one(line: Line, announcer: Announcer):
    line.people("bob")
    events = set(at_once(*[lambda: announcer.announce(NEWS, "move")] * 6))
    line.plan(sorted(events))
    assert len(events) == 1
    assert rows_of(line, events.pop()) == 1


def test_no_app_can_address_everyone_whatever_it_sends(line: Line):
    line.people("bob", "cara")
    forged = {"everyone": True, "wall_at": "2026-12-24T18:00:00", "audience": "everyone"}
    event = line.accept("announcement.created", to=["bob"], **forged)
    line.plan([event])
    assert sorted(told_at(line, event)) == ["bob"]


def test_a_planner_that_dies_on_its_way_through_everyone_is_taken_over(line: Line, announcer: Announcer):
    people = [f"p{n:03}" for n in range(planning_step.CHUNK + 20)]
    line.people(*people)
    event = announcer.announce(NEWS, "move")
    died = line.planner.plan([event])
    next(died)
    died.close()
    assert line.books().unplanned == 1
    assert len(line.plan([event])) == 20
    assert sorted(told_at(line, event)) == people
    assert line.books().balanced


def test_planners_of_several_announcements_at_once_neither_lose_nor_double_nor_lock_up(
    line: Line, announcer: Announcer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(planning_step, "CHUNK", 7)
    people = [f"p{n:03}" for n in range(60)]
    line.people(*people)
    events = [announcer.announce(NEWS, f"key {n}") for n in range(3)]
    others = [line.accept("mention.created", to=people[::-1]) for _ in range(3)]
    at_once(*[lambda ids=ids: line.plan(ids) for ids in ([*events, *others], [*others, *events], events, others)])
    line.plan([*events, *others])
    for event in (*events, *others):
        assert sorted(told_at(line, event)) == people
    assert line.books().balanced


def test_the_many_who_were_told_already_are_passed_over_a_few_at_a_time(
    line: Line, announcer: Announcer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(walking, "LOOKED_AT", 10)
    line.clock.now = datetime(2026, 12, 24, 17, 30, tzinfo=UTC)
    for number in range(45):
        live(line, f"p{number:02}", "Europe/Berlin" if number % 9 else "UTC")
    event = announcer.announce(NEWS, "move", EVENING)
    assert len(line.plan([event])) == 40
    pass_by(line, day_after())
    assert len(told_at(line, event)) == rows_of(line, event) == 45


# --- to each at the time on their own clock


def test_each_hears_of_it_when_their_own_clock_shows_the_time(round_the_world: Line, announcer: Announcer, rung):
    line = round_the_world
    live(line, "mia", "Mars/Olympus_Mons")
    event = announcer.announce(NEWS, "eve", EVENING)
    assert rung == []
    assert next_due(line, day_after()) == datetime(2026, 12, 24, 4, tzinfo=UTC)
    pass_by(line, datetime(2026, 12, 24, 17, tzinfo=UTC))
    assert sorted(told_at(line, event)) == ["bert", "kathy", "kiri"]
    books = line.books()
    assert (books.unplanned, books.balanced) == (1, True)
    pass_by(line, day_after())
    expected = own_clocks(AROUND) | {"mia": EVENING.replace(tzinfo=UTC)}
    assert told_at(line, event) == expected
    books = line.books()
    assert (books.unplanned, books.balanced) == (0, True)
    assert stored(line, event).planned_at == datetime(2026, 12, 25, 6, tzinfo=UTC)


@pytest.mark.parametrize("to", [{"followers_of": "ana"}, {"to": ("kiri", "nora", "pago")}])
def test_followers_and_those_who_are_named_hear_of_it_at_their_own_time_too(
    round_the_world: Line, announcer: Announcer, to: dict[str, object]
):
    line = round_the_world
    for person in ("kiri", "nora", "pago"):
        line.relate(person, "follow", "ana")
    line.relate("stranger", "follow", "ana")
    event = announcer.announce(Announcement("News", **to), "eve", EVENING)  # type: ignore[arg-type]
    pass_by(line, day_after())
    told = told_at(line, event)
    followers = {"stranger": EVENING.replace(tzinfo=UTC)} if "followers_of" in to else {}
    assert told == own_clocks({who: AROUND[who] for who in ("kiri", "nora", "pago")}) | followers
    assert line.books().balanced


def test_who_rings_before_the_first_hour_changes_nothing(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    assert line.plan([event]) == []
    assert next_due(line, day_after()) == datetime(2026, 12, 24, 4, tzinfo=UTC)
    assert rows_of(line, event) == 0


def test_it_holds_up_nothing_that_is_planned_with_it(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    waits = announcer.announce(NEWS, "eve", EVENING)
    others = [line.accept("mention.created", to=["bert"]) for _ in range(3)]
    assert len(line.plan([waits, *others])) == 3


def test_who_asks_when_some_places_have_had_the_hour_tells_those_at_once(
    round_the_world: Line, announcer: Announcer, rung
):
    line = round_the_world
    line.clock.now = datetime(2026, 12, 24, 17, 40, tzinfo=UTC)
    event = announcer.announce(NEWS, "eve", EVENING)
    assert rung == [(event, "bulk")]
    line.plan([event])
    assert told_at(line, event) == dict.fromkeys(("kiri", "kathy", "bert"), line.clock())
    pass_by(line, day_after())
    assert told_at(line, event)["nora"] == own_clocks(AROUND)["nora"]


def test_when_everywhere_the_hour_is_over_all_hear_of_it_at_once(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    line.clock.now = day_after()
    event = announcer.announce(NEWS, "eve", EVENING)
    line.plan([event])
    assert sorted(told_at(line, event)) == sorted(AROUND)
    assert line.books().unplanned == 0


def test_after_a_long_silence_all_who_are_due_are_told_and_the_others_still_wait(
    round_the_world: Line, announcer: Announcer
):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    line.clock.now = datetime(2026, 12, 24, 23, 10, tzinfo=UTC)
    line.plan(line.sweep().events)
    assert told_at(line, event) == dict.fromkeys(("kiri", "kathy", "bert", "nora"), line.clock())
    pass_by(line, day_after())
    assert told_at(line, event)["pago"] == own_clocks(AROUND)["pago"]


def test_who_moves_west_hears_of_it_once_though_their_new_clock_shows_the_time_again(
    round_the_world: Line, announcer: Announcer
):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 24, 17, 30, tzinfo=UTC))
    live(line, "bert", "America/New_York")
    pass_by(line, day_after())
    assert told_at(line, event) == own_clocks(AROUND)
    assert line.books().balanced


def test_who_moves_west_before_their_hour_hears_of_it_at_the_hour_of_the_new_place(
    round_the_world: Line, announcer: Announcer
):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 24, 16, 30, tzinfo=UTC))
    live(line, "bert", "America/New_York")
    pass_by(line, day_after())
    assert told_at(line, event) == own_clocks(AROUND | {"bert": "America/New_York"})


def test_who_moves_east_behind_the_hour_hears_of_it_with_the_next_who_do(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 24, 17, 30, tzinfo=UTC))
    live(line, "pago", "Pacific/Kiritimati")
    pass_by(line, day_after())
    assert told_at(line, event) == own_clocks(AROUND) | {"pago": datetime(2026, 12, 24, 18, tzinfo=UTC)}


def test_who_moves_east_in_the_last_hour_is_not_forgotten(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    live(line, "last", "Etc/GMT+12")
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 25, 5, 59, tzinfo=UTC))
    live(line, "last", "Pacific/Kiritimati")
    pass_by(line, day_after())
    assert told_at(line, event)["last"] == datetime(2026, 12, 25, 6, tzinfo=UTC)


def test_a_planner_that_dies_between_and_within_waves_is_taken_over(
    round_the_world: Line, announcer: Announcer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(planning_step, "CHUNK", 2)
    monkeypatch.setattr(walking, "LOOKED_AT", 10)
    line = round_the_world
    zones = dict(AROUND)
    for number in range(12):
        zones[f"p{number:02}"] = list(AROUND.values())[number % 5]
        live(line, f"p{number:02}", zones[f"p{number:02}"])
    event = announcer.announce(NEWS, "eve", EVENING)
    while due_at := next_due(line, day_after()):
        line.clock.now = max(due_at, line.clock())
        for planner in (line.planner, line.planner_with(0), line.planner_with(0)):
            dies = planner.plan(line.sweeper.events("bulk").events or [event])
            next(dies, None)
            dies.close()
    told = told_at(line, event)
    own = own_clocks(zones)
    assert sorted(told) == sorted(zones)
    assert all(own[who] <= at <= own[who] + timedelta(minutes=10) for who, at in told.items())
    assert line.books().balanced


def test_planners_of_one_wave_at_once_share_the_work(
    round_the_world: Line, announcer: Announcer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(planning_step, "CHUNK", 3)
    line = round_the_world
    for number in range(20):
        live(line, f"p{number:02}", "Europe/Berlin")
    event = announcer.announce(NEWS, "eve", EVENING)
    line.clock.now = datetime(2026, 12, 24, 17, tzinfo=UTC)
    at_once(*[lambda: line.plan([event])] * 4)
    line.plan([event])
    assert sorted(told_at(line, event)) == sorted(["kiri", "kathy", "bert", *(f"p{n:02}" for n in range(20))])
    assert line.books().balanced


places = st.sampled_from([*AROUND.values(), "UTC", "Nowhere/At_All", *ZONES])
a_wall = st.builds(
    lambda day, minutes: datetime.fromisoformat(day) + timedelta(minutes=minutes),
    st.sampled_from(["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01", "2026-07-01"]),
    st.integers(0, 1_439),
)
# After how many hours who moves where.
moves = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4), places), max_size=4)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(places, min_size=5, max_size=5), a_wall, moves)
def test_nobody_is_told_before_their_own_clock_shows_the_time_and_all_are_told_once(
    line: Line, announcer: Announcer, zones: list[str], wall: datetime, moves: Iterable[tuple[int, int, str]]
):
    world = next(NUMBERS)
    people = [f"w{world}-{n}" for n in range(5)]
    line.clock.now = start = (wall - timedelta(hours=15)).replace(tzinfo=UTC)
    for person, zone in zip(people, zones, strict=True):
        live(line, person, zone)
    event = announcer.announce(Announcement("News", everyone=True), f"world {world}", wall)
    lived = dict(zip(people, zones, strict=True))
    for hours, who, zone in sorted(moves):
        pass_by(line, start + timedelta(hours=hours, minutes=7))
        not_told = people[who] not in told_at(line, event)
        live(line, people[who], zone)
        lived[people[who]] = zone if not_told else lived[people[who]]
    pass_by(line, start + timedelta(hours=31))
    told = {who: at for who, at in told_at(line, event).items() if who in people}
    assert sorted(told) == people
    for who, at in told.items():
        zone = lived[who] if lived[who] in ZONES else "UTC"
        assert at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) >= wall
    assert stored(line, event).planned_at is not None
    assert line.books().balanced


def test_whatever_is_purged_meanwhile_nobody_is_told_twice(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    live(line, "last", "Etc/GMT+12")
    line.choose("kathy", "announcement", email="off", push="off", feed="off")
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 25, 5, 30, tzinfo=UTC))
    told = told_at(line, event)
    a_day = Retention(*[1] * 8)
    purger = Purger(line.database, a_day, Roller(line.database), ("feed",), line.clock)
    purger.purge()
    assert rows_of(line, event) == 5
    pass_by(line, datetime(2026, 12, 25, 6, tzinfo=UTC))
    assert told_at(line, event) == told | {"last": line.clock()}
    purger.purge()
    assert line.books().balanced
    assert "kiri" not in told_at(line, event)  # what stood in a feed for a day goes when all have been told


# --- taken back, erased, explained


def test_what_is_taken_back_between_waves_is_told_to_nobody_else(
    round_the_world: Line, announcer: Announcer, rung: list[tuple[str, str]]
):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 24, 17, 10, tzinfo=UTC))
    deletion = announcer.take_back(event)
    assert rung == [(deletion, "bulk")]
    line.plan([deletion])
    assert line.books().unplanned == 1
    pass_by(line, line.clock() + timedelta(minutes=1))
    assert sorted(told_at(line, event)) == ["bert", "kathy", "kiri"]
    assert line.books().unplanned == 0
    assert line.books().balanced
    mails = {row.user_id: (row.state, row.reason) for row in line.deliveries()}
    assert mails == dict.fromkeys(AROUND, (State.CANCELLED, Reason.TAKEN_BACK))
    pass_by(line, day_after())
    assert rows_of(line, event) == 5


def test_what_is_taken_back_before_it_began_is_told_to_nobody(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    line.plan([announcer.take_back(event)])
    pass_by(line, line.clock() + timedelta(minutes=1))
    assert told_at(line, event) == {}
    assert line.books().unplanned == 0


def test_what_is_taken_back_halfway_through_a_wave_ends_there(
    round_the_world: Line, announcer: Announcer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(planning_step, "CHUNK", 2)
    line = round_the_world
    for number in range(6):
        live(line, f"p{number}", "Europe/Berlin")
    event = announcer.announce(NEWS, "eve", EVENING)
    line.clock.now = datetime(2026, 12, 24, 17, tzinfo=UTC)
    under_way = line.planner.plan([event])
    next(under_way)
    line.plan([announcer.take_back(event)])
    list(under_way)
    pass_by(line, line.clock() + timedelta(minutes=1))
    assert rows_of(line, event) == len(AROUND) + 6
    assert {row.state for row in line.deliveries()} == {State.CANCELLED}
    assert line.books().unplanned == 0
    assert line.books().balanced


def test_only_announcements_of_the_service_are_taken_back_by_it(line: Line, announcer: Announcer):
    event = line.accept("announcement.created", to=["bob"])
    assert announcer.take_back(event) is None
    assert announcer.take_back("evt_" + "0" * 32) is None


def test_to_take_back_twice_is_to_take_back(line: Line, announcer: Announcer):
    event = announcer.announce(NEWS, "move")
    assert announcer.take_back(event) == announcer.take_back(event)


def test_an_app_that_announced_to_some_takes_it_back_as_any_event(line: Line):
    line.people("bob")
    event = line.accept("announcement.created", to=["bob"], object={"id": "news-1", "name": "News"})
    line.plan([event])
    line.plan([line.accept("announcement.deleted", object={"id": "news-1"})])
    assert [(row.state, row.reason) for row in line.deliveries()] == [(State.CANCELLED, Reason.TAKEN_BACK)]


@pytest.mark.parametrize("to", [{"everyone": True}, {"followers_of": "ana"}, {"to": tuple(AROUND)}])
def test_who_is_erased_between_waves_is_found_nowhere_and_the_others_are_told(
    round_the_world: Line, announcer: Announcer, monkeypatch: pytest.MonkeyPatch, to: dict[str, object]
):
    monkeypatch.setattr(planning_step, "CHUNK", 1)
    line = round_the_world
    for person in AROUND:
        line.relate(person, "follow", "ana")
    event = announcer.announce(Announcement("News", **to), "eve", EVENING)  # type: ignore[arg-type]
    line.clock.now = datetime(2026, 12, 24, 17, tzinfo=UTC)
    under_way = line.planner.plan([event])
    while stored(line, event).plan_after != "bert":
        next(under_way)
    eraser = Eraser(line.database, line.catalogue, line.clock)
    eraser.erase("bert", who="test")  # told, and the plan stands at them
    eraser.erase("nora", who="test")  # not told yet
    list(under_way)
    pass_by(line, day_after())
    told = told_at(line, event)
    assert {who for who in told if who in AROUND} == {"kiri", "kathy", "pago"}
    assert stored(line, event).planned_at
    assert line.books().balanced
    with line.database.read() as connection:
        assert connection.scalars(select(User.id).where(User.id.in_(["bert", "nora"]))).all() == []
        left = select(func.count()).select_from(Delivery).where(Delivery.user_id.in_(["bert", "nora"]))
        assert connection.scalar(left) == 0


def test_whom_the_plan_meets_again_while_they_are_erased_costs_nobody_anything(
    round_the_world: Line, announcer: Announcer
):
    line = round_the_world
    event = announcer.announce(Announcement("News", to=("kiri", "pago")), "eve", EVENING)
    pass_by(line, datetime(2026, 12, 24, 4, tzinfo=UTC))

    def plan_at_the_worst_moment(_: int) -> None:
        # The event names them by their new name, and who was told is still called by the old one.
        pass_by(line, datetime(2026, 12, 24, 19, tzinfo=UTC))

    Eraser(line.database, line.catalogue, line.clock).erase("kiri", who="test", told=plan_at_the_worst_moment)
    pass_by(line, day_after())
    assert "kiri" not in told_at(line, event)
    assert told_at(line, event)["pago"] == own_clocks(AROUND)["pago"]
    assert line.books().balanced


@pytest.mark.parametrize("person", ["kiri", "nora"])
def test_whoever_announces_while_somebody_is_erased_does_not_come_upon_them(
    round_the_world: Line, announcer: Announcer, monkeypatch: pytest.MonkeyPatch, person: str
):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 24, 4, tzinfo=UTC))  # kiri was told, nora was not
    looked = Erasing.some_notifications

    def plan_when_all_are_renamed(erasing: Erasing) -> list[str]:
        found = looked(erasing)
        if not found:
            pass_by(line, datetime(2026, 12, 24, 23, 30, tzinfo=UTC))
        return found

    monkeypatch.setattr(Erasing, "some_notifications", plan_when_all_are_renamed)
    Eraser(line.database, line.catalogue, line.clock).erase(person, who="test")
    told = told_at(line, event)
    assert person not in told
    assert {who for who in told if who in AROUND} == {"kiri", "kathy", "bert", "nora"} - {person}
    assert line.books().balanced


def test_why_says_when_it_comes_to_whom(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 24, 17, 10, tzinfo=UTC))
    lines = explained(line, event, user="nora").lines
    assert {(one.state, one.reason, one.due_at) for one in lines} == {
        (State.WAITING, Reason.UNPLANNED, datetime(2026, 12, 24, 23, tzinfo=UTC))
    }
    assert {one.says for one in lines} == {"It comes when the clock in America/New_York shows 2026-12-24 18:00."}
    assert [one.value for one in lines if one.channel == "email"] == ["then queued"]
    assert {one.state for one in explained(line, event, user="bert").lines if one.channel == "feed"} == {State.SENT}
    [nobody] = explained(line, event, user="zoe").lines
    assert nobody.says == "It is told to everyone, and zoe was not known here by then."


def test_why_says_to_whoever_moved_behind_the_hour_when_it_comes(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 24, 17, 10, tzinfo=UTC))
    live(line, "pago", "Pacific/Kiritimati")
    first = explained(line, event, user="pago").lines[0]
    assert first.due_at == datetime(2026, 12, 24, 18, tzinfo=UTC)
    assert "showed 2026-12-24 18:00 before" in first.says


def test_why_looks_at_the_night_that_will_be_then(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    line.wish("nora", quiet_hours="17:00–20:00")
    event = announcer.announce(NEWS, "eve", EVENING)
    lines = {one.channel: one.value for one in explained(line, event, user="nora").lines}
    assert lines["email"] == "then waiting quiet_hours"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 50])
def test_every_page_size_shows_everybody_once_between_waves(round_the_world: Line, announcer: Announcer, size: int):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    pass_by(line, datetime(2026, 12, 24, 17, 10, tzinfo=UTC))
    seen, mark = [], None
    while True:
        page = explained(line, event, mark=mark, limit=size)
        seen += [one.user for one in page.lines if one.channel == "email"]
        if page.next is None:
            break
        mark = page.next
    assert sorted(seen) == sorted(AROUND)


def test_why_says_that_what_was_taken_back_comes_to_nobody(round_the_world: Line, announcer: Announcer):
    line = round_the_world
    event = announcer.announce(NEWS, "eve", EVENING)
    line.plan([announcer.take_back(event)])
    assert {(one.value, one.due_at) for one in explained(line, event, user="nora").lines} == {
        ("then cancelled taken_back", None)
    }


def test_a_wall_clock_has_no_zone(announcer: Announcer):
    with pytest.raises(ValueError, match="has a time zone"):
        announcer.announce(NEWS, "eve", DAWN)
