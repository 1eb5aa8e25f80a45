"""Every digest has its hour: in each zone of the tz database, on each night when its clocks change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.policy.calendar import Hour, Slot, moved_slot, next_slot
from notifier.policy.words import Cadence
from tests.policy.clock_changes import (
    EVERY_ZONE,
    ClockChange,
    clock_changes,
    every_change,
    kinds_of_changes,
    unlike_changes,
)

DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
QUARTER = 15 * MINUTE
NOON = time(12)
AROUND = 3 * DAY
FEW_DAYS = 6


def chain(start: datetime, cadence: Cadence, hour: Hour, count: int) -> list[Slot]:
    """So many digests, each the first one after the one before."""
    slots: list[Slot] = []
    for _ in range(count):
        slots.append(next_slot(slots[-1].at if slots else start, cadence, hour))
    return slots


def wanted_times(change: ClockChange) -> set[time]:
    """Times of day that this change may touch, and some that it should not."""
    first, last = sorted((change.shown_before, change.shown_after))
    near = (first - MINUTE, first, first + MINUTE, first + (last - first) / 2, last - MINUTE, last, last + MINUTE)
    return {moment.time().replace(second=0) for moment in near} | {time(0), time(8), time(23, 59)}


def moment_of(change: ClockChange, day: date, at: time) -> datetime:
    """When the clock shows that around this change, reckoned from the change alone."""
    wanted = datetime.combine(day, at)
    if wanted < change.shown_before:
        # Also what comes twice: it came before the change already.
        return (wanted - change.before).replace(tzinfo=UTC)
    if wanted < change.shown_after:
        # Leapt over: as late as a clock would show it that nobody changed.
        return (wanted - change.before).replace(tzinfo=UTC)
    return (wanted - change.after).replace(tzinfo=UTC)


def wall(zone: str, start: datetime, minutes: int) -> dict[datetime, datetime]:
    """What a clock on the wall shows, minute by minute; of what it shows twice, the first time."""
    tz, shown = ZoneInfo(zone), {}
    for ahead in range(minutes):
        moment = start + ahead * MINUTE
        shown.setdefault(moment.astimezone(tz).replace(tzinfo=None), moment)
    return shown


def days_of(slots: list[Slot]) -> list[date]:
    return [date.fromisoformat(slot.period) for slot in slots]


# --- every zone, every change


def each_date_has_one_digest(change: ClockChange, at: time, start: datetime, count: int) -> None:
    left_out = {change.shown_before.date()} if change.step == DAY else set()
    slots = chain(start, Cadence.DAILY, Hour(change.zone, at), count)
    days = days_of(slots)
    wanted = [days[0] + ahead * DAY for ahead in range(count + len(left_out))]
    assert days == [day for day in wanted if day not in left_out][:count], (change, at)
    assert [slot.at for slot in slots] == [moment_of(change, day, at) for day in days], (change, at)
    # Whoever asks just before each is told of it as well, also where the date it is for is over by then.
    asked = [next_slot(slot.at - SECOND, Cadence.DAILY, Hour(change.zone, at)) for slot in slots]
    assert asked == slots, (change, at)


def test_each_date_has_one_digest_at_its_moment_whenever_clocks_change():
    for change in unlike_changes():
        for at in wanted_times(change):
            each_date_has_one_digest(change, at, change.at - AROUND, FEW_DAYS)


def test_each_date_has_one_digest_at_every_change_of_every_zones_clocks():
    for change in every_change():
        leapt_over_or_twice = min(change.shown_before, change.shown_after) + abs(change.step) / 2
        each_date_has_one_digest(change, leapt_over_or_twice.time(), change.at - DAY, 3)


def test_every_zone_has_its_next_digest_on_an_ordinary_day():
    now = datetime(2026, 6, 10, 12, tzinfo=UTC)
    for zone in EVERY_ZONE:
        slot = next_slot(now, Cadence.DAILY, Hour(zone, time(8)))
        local = slot.at.astimezone(ZoneInfo(zone))
        assert (local.time(), local.date().isoformat()) == (time(8), slot.period), zone
        assert now < slot.at <= now + DAY, zone


def test_the_week_has_its_one_digest_on_the_weekday_whenever_clocks_change():
    for change in unlike_changes():
        if change.step == DAY:
            continue  # told of by itself below
        for weekday in {change.shown_before.weekday(), change.shown_after.weekday()}:
            for at in (change.shown_before.time(), change.shown_after.time(), time(8)):
                hour = Hour(change.zone, at.replace(second=0), weekday)
                slots = chain(change.at - 10 * DAY, Cadence.WEEKLY, hour, 3)
                days = days_of(slots)
                assert {day.weekday() for day in days} == {weekday}
                assert [later - sooner for sooner, later in pairwise(days)] == [7 * DAY] * 2
                assert moment_of(change, days[1], hour.at) == slots[1].at


def test_the_hours_are_those_that_the_clock_strikes_whenever_clocks_change():
    for change in unlike_changes():
        tz, start = ZoneInfo(change.zone), change.at - 3 * HOUR
        struck = (start + ahead * QUARTER for ahead in range(1, 28))
        wanted = [moment for moment in struck if moment.astimezone(tz).minute == 0]
        slots = chain(start, Cadence.HOURLY, Hour(change.zone), len(wanted))
        assert [slot.at for slot in slots] == wanted, change
        assert len({slot.period for slot in slots}) == len(slots)


def test_no_zone_has_hours_between_the_quarters():
    """What hourly digests take for granted, as the tz database has it today."""
    odd = {change.zone for change in every_change() if change.before % QUARTER or change.after % QUARTER}
    odd |= {zone for zone in EVERY_ZONE if datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() % QUARTER}  # type: ignore[operator]  # an aware moment has one
    assert odd == set()


def test_a_clock_read_minute_by_minute_shows_the_same():
    """The oracle is too slow for every zone: one of each kind of change."""
    for change in kinds_of_changes()[:: max(1, len(kinds_of_changes()) // 40)]:
        shown = wall(change.zone, change.at - 40 * HOUR, 88 * 60)
        dates = {moment.date() for moment in shown}
        for at in sorted(wanted_times(change)):
            for slot in chain(change.at - 26 * HOUR, Cadence.DAILY, Hour(change.zone, at), 2):
                wanted = datetime.combine(date.fromisoformat(slot.period), at)
                assert wanted.date() in dates, (change, at)
                if wanted not in shown:
                    # No minute shows it: the last one before, and from there on as far as it was away.
                    last = max(moment for moment in shown if moment < wanted)
                    shown[wanted] = shown[last] + (wanted - last)
                assert slot.at == shown[wanted], (change, at)


def test_samoa_had_no_thirtieth_of_december_and_no_friday_that_week():
    now = datetime(2011, 12, 29, 12, tzinfo=UTC)
    for zone in ("Pacific/Apia", "Pacific/Fakaofo"):
        assert [slot.period for slot in chain(now, Cadence.DAILY, Hour(zone, time(9)), 3)] == [
            "2011-12-29",
            "2011-12-31",
            "2012-01-01",
        ]
        assert next_slot(now, Cadence.WEEKLY, Hour(zone, time(9), weekday=4)).period == "2012-01-06"


# --- whatever moment is drawn

TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
CADENCES = st.sampled_from([Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY])


@st.composite
def near_a_change(draw: st.DrawFn) -> tuple[datetime, str]:
    """A moment within a day and a half of a change of some zone's clocks."""
    change = draw(st.sampled_from(every_change()))
    return change.at + timedelta(seconds=draw(st.integers(-36 * 3600, 36 * 3600))), change.zone


@given(near_a_change(), CADENCES, TIMES, st.integers(0, 6))
def test_each_digest_comes_after_the_one_before_and_each_period_once(
    where: tuple[datetime, str], cadence: Cadence, at: time, weekday: int
):
    now, zone = where
    slots = chain(now, cadence, Hour(zone, at, weekday), 8)
    moments = [now, *(slot.at for slot in slots)]
    assert all(sooner < later for sooner, later in pairwise(moments))
    assert len({slot.period for slot in slots}) == 8
    assert sorted(slot.period for slot in slots) == [slot.period for slot in slots]


@given(near_a_change(), CADENCES, TIMES, st.integers(0, 6), st.sets(st.integers(0, 11)))
def test_what_is_used_up_is_passed_over_and_nothing_else(
    where: tuple[datetime, str], cadence: Cadence, at: time, weekday: int, places: set[int]
):
    now, zone = where
    hour = Hour(zone, at, weekday)
    slots = chain(now, cadence, hour, 13)
    used = {slots[place].period for place in places}
    free = next(slot for slot in slots if slot.period not in used)
    assert next_slot(now, cadence, hour, used) == free


@given(near_a_change(), CADENCES, TIMES, st.integers(0, 6), st.timedeltas(timedelta(0), DAY))
def test_it_matters_not_when_it_is_asked(
    where: tuple[datetime, str], cadence: Cadence, at: time, weekday: int, later: timedelta
):
    """Whoever asks between two digests is told of the same next one."""
    now, zone = where
    hour = Hour(zone, at, weekday)
    first = next_slot(now, cadence, hour)
    assert next_slot(min(now + later, first.at - timedelta(microseconds=1)), cadence, hour) == first


@pytest.mark.parametrize("cadence", [Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY])
def test_however_many_are_used_up_beforehand_there_is_another_one(cadence: Cadence):
    """As where an app lets the next one be skipped again and again."""
    now, hour = datetime(2026, 3, 27, 12, tzinfo=UTC), Hour("Europe/Berlin")
    slots = chain(now, cadence, hour, 501)
    assert next_slot(now, cadence, hour, {slot.period for slot in slots[:-1]}) == slots[-1]


# --- people who move


class Mover:
    """A person with a digest that always has something to tell, as the store keeps it: one open, the past used up."""

    def __init__(self, now: datetime, hour: Hour, cadence: Cadence) -> None:
        self.now, self.hour, self.cadence = now, hour, cadence
        self.came: list[tuple[Slot, datetime]] = []
        self.zones = {hour.zone}
        self.open = next_slot(now, cadence, hour)

    def wait(self, until: datetime) -> None:
        """Let time go by; each digest comes at its hour."""
        while self.open.at <= until:
            self.now = max(self.now, self.open.at)
            self.came.append((self.open, self.now))
            used = {slot.period for slot, _ in self.came}
            self.open = next_slot(self.now, self.cadence, self.hour, used)
        self.now = max(self.now, until)

    def move(self, zone: str) -> None:
        """Go to another zone, and take what waits along."""
        self.hour = Hour(zone, self.hour.at, self.hour.weekday)
        self.zones.add(zone)
        self.open = moved_slot(self.open, self.now, self.hour)


JOURNEYS = st.lists(st.tuples(st.integers(0, 40 * 60), st.sampled_from(EVERY_ZONE)), min_size=1, max_size=6)


@st.composite
def movers(draw: st.DrawFn, cadence: Cadence) -> Mover:
    """Somebody who lived in a zone and then moved several times, always near a change of the first one's clocks."""
    now, zone = draw(near_a_change())
    mover = Mover(now, Hour(zone, draw(TIMES), draw(st.integers(0, 6))), cadence)
    for minutes, elsewhere in draw(JOURNEYS):
        mover.wait(mover.now + minutes * MINUTE)
        mover.move(elsewhere)
    mover.wait(mover.now + 4 * DAY)
    return mover


def passed_over(mover: Mover) -> Iterator[date]:
    """The dates between the first and the last that have no digest of their own."""
    days = sorted(date.fromisoformat(slot.period) for slot, _ in mover.came)
    for sooner, later in pairwise(days):
        yield from (sooner + ahead * DAY for ahead in range(1, (later - sooner) // DAY))


def dates_shown(moment: datetime, mover: Mover) -> set[date]:
    """The dates that the clocks of the mover's zones show at that moment."""
    return {moment.astimezone(ZoneInfo(zone)).date() for zone in mover.zones}


@settings(max_examples=150)
@given(movers(Cadence.DAILY))
def test_whoever_moves_gets_no_date_twice_and_a_digest_on_each(mover: Mover):
    periods = [slot.period for slot, _ in mover.came]
    assert len(set(periods)) == len(periods) >= 2
    assert periods == sorted(periods)
    moments = [at for _, at in mover.came]
    assert all(sooner <= later for sooner, later in pairwise(moments))
    # Whoever arrives after the day's hour gets the digest of the day before then, which is that day's one.
    on = set().union(*(dates_shown(at, mover) for at in moments))
    assert {day for day in passed_over(mover) if day not in on and _existed(day, mover)} == set()


def _existed(day: date, mover: Mover) -> bool:
    tz = ZoneInfo(mover.hour.zone)
    return datetime.combine(day, NOON, tz).astimezone(UTC).astimezone(tz).date() == day


@settings(max_examples=50)
@given(movers(Cadence.HOURLY))
def test_whoever_moves_keeps_getting_hourly_digests(mover: Mover):
    periods = [slot.period for slot, _ in mover.came]
    assert len(set(periods)) == len(periods)
    assert all(later - sooner <= 2 * HOUR for (_, sooner), (_, later) in pairwise(mover.came))


@settings(max_examples=50)
@given(movers(Cadence.WEEKLY))
def test_whoever_moves_gets_no_week_twice(mover: Mover):
    mover.wait(mover.now + 15 * DAY)
    days = days_of([slot for slot, _ in mover.came])
    assert {day.weekday() for day in days} == {mover.hour.weekday}
    assert all((later - sooner) % (7 * DAY) == timedelta(0) < later - sooner for sooner, later in pairwise(days))


@pytest.mark.parametrize(
    ("there", "now", "at"),
    [
        # 07:00 in Berlin, the day's digest waits for 08:00
        ("Asia/Tokyo", "2026-11-22T06:00", "2026-11-22T06:00"),  # it is 15:00 there: at once
        ("Europe/London", "2026-11-22T06:00", "2026-11-22T08:00"),
        ("Pacific/Kiritimati", "2026-11-22T06:00", "2026-11-22T06:00"),
        ("Etc/GMT+12", "2026-11-22T06:00", "2026-11-22T20:00"),  # where it is the 21st still
    ],
)
def test_what_waits_goes_along_to_the_same_date_there(there: str, now: str, at: str):
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    waits = next_slot(moment, Cadence.DAILY, Hour("Europe/Berlin"))
    moved = moved_slot(waits, moment, Hour(there))
    assert (moved.period, moved.at) == ("2026-11-22", datetime.fromisoformat(at).replace(tzinfo=UTC))


def test_the_changes_that_the_issue_names_are_among_those_that_were_found():
    """The loops above are over something."""
    assert len(EVERY_ZONE) > 500
    assert len(every_change()) > 2_000
    assert [change.at.isoformat() for change in clock_changes("Europe/Berlin") if change.at.year == 2026] == [
        "2026-03-29T01:00:00+00:00",
        "2026-10-25T01:00:00+00:00",
    ]
    steps = {change.step for zone in ("Australia/Lord_Howe", "Pacific/Apia") for change in clock_changes(zone)}
    assert {timedelta(minutes=30), -timedelta(minutes=30), DAY} <= steps
    assert len(clock_changes("Africa/Casablanca")) >= 12  # Ramadan moves
