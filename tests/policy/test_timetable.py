"""When schedules run: cron lines in every zone, above all on the nights when its clocks change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.cron import Cron, WrongCron, read_cron
from notifier.policy.timetable import (
    Timetable,
    cron_after,
    first_run,
    following_run,
    latest_run,
    moment_of,
    wall_of,
)

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(zone: str, line: str, begin: str, end: str) -> list[str]:
    """The line's moments after `begin` and before `end`, in UTC."""
    found, moment = [], utc(begin)
    while (moment := cron_after(read_cron(line), ZoneInfo(zone), moment)) and moment < utc(end):
        found.append(f"{moment:%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("zone", "line", "begin", "end", "expected"),
    [
        # An hour that comes twice is used once, the first time.
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", "2026-10-26T12:00", ["25 00:30", "26 01:30"]),
        ("America/New_York", "30 1 * * *", "2026-11-01T00:00", "2026-11-02T12:00", ["01 05:30", "02 06:30"]),
        # An hour that is left out moves forward.
        ("America/New_York", "30 2 * * *", "2026-03-08T00:00", "2026-03-09T12:00", ["08 07:30", "09 06:30"]),
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00", "2026-03-30T12:00", ["29 01:30", "30 00:30"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00", "2026-10-05T00:00", ["03 15:45", "04 15:15"]),
        # A day without midnight keeps its run.
        ("Asia/Beirut", "0 0 * * *", "2026-03-27T12:00", "2026-03-30T12:00", ["27 22:00", "28 22:00", "29 21:00"]),
        ("Africa/Cairo", "0 0 * * *", "2026-04-22T12:00", "2026-04-25T12:00", ["22 22:00", "23 22:00", "24 21:00"]),
        ("America/Havana", "0 0 * * *", "2026-03-07T00:00", "2026-03-09T12:00", ["07 05:00", "08 05:00", "09 04:00"]),
        ("America/Santiago", "0 0 * * *", "2026-09-05T00:00", "2026-09-07T12:00", ["05 04:00", "06 04:00", "07 03:00"]),
        # What comes each hour leaves out none.
        ("Europe/Berlin", "0 * * * *", "2026-10-24T23:30", "2026-10-25T02:30", ["25 00:00", "25 01:00", "25 02:00"]),
        ("Europe/Berlin", "0 * * * *", "2026-03-29T00:30", "2026-03-29T02:30", ["29 01:00", "29 02:00"]),
        # A date that never was comes together with the next.
        ("Pacific/Apia", "0 9 * * *", "2011-12-29T12:00", "2012-01-01T00:00", ["29 19:00", "30 19:00", "31 19:00"]),
        ("Asia/Kathmandu", "0 8 1 * *", "2026-06-01T00:00", "2026-06-30T00:00", ["01 02:15"]),
    ],
)
def test_the_nights_on_which_clocks_change(zone: str, line: str, begin: str, end: str, expected: list[str]):
    assert runs(zone, line, begin, end) == expected


@cache
def transitions(zone: str) -> tuple[datetime, ...]:
    """The moments of the years 2024 to 2027 at which the zone's clock changes."""
    clock, found = ZoneInfo(zone), []
    for days in range(0, 4 * 366, 5):
        low = datetime(2024, 1, 1, tzinfo=UTC) + days * DAY
        high = low + 5 * DAY
        if low.astimezone(clock).utcoffset() == high.astimezone(clock).utcoffset():
            continue
        while high - low > MINUTE:
            middle = low + (high - low) // 2
            same = middle.astimezone(clock).utcoffset() == low.astimezone(clock).utcoffset()
            low, high = (middle, high) if same else (low, middle)
        found.append(high.replace(second=0, microsecond=0))
    return tuple(found)


def every_moment(cron: Cron, clock: ZoneInfo, around: datetime) -> list[datetime]:
    """All moments in the days around, found minute by minute: the rule as one would say it."""
    walls = [around.replace(tzinfo=None) + minutes * MINUTE for minutes in range(-3 * 1440, 3 * 1440)]
    found = {moment_of(wall, clock) for wall in walls if cron.at(wall)}
    if cron.each_hour:
        moments = [around + minutes * MINUTE for minutes in range(-2 * 1440, 2 * 1440)]
        found |= {moment for moment in moments if cron.at(moment.astimezone(clock).replace(tzinfo=None))}
    return sorted(found)


LINES = (
    "30 2 * * *",
    "0 0 * * *",
    "*/20 * * * *",
    "15,45 1-3 * * *",
    "5 0,1,2,3,23 * * sun",
    "59 23 * * *",
    "0 * * * *",
)


def test_in_every_zone_each_change_of_the_clocks_is_met_as_the_rule_says():
    changing = [zone for zone in ZONES if transitions(zone)]
    assert len(changing) > 100
    met = set()
    for zone in changing:
        clock = ZoneInfo(zone)
        for change in transitions(zone):
            jump = (change - MINUTE).astimezone(clock).utcoffset(), change.astimezone(clock).utcoffset()
            local = change.astimezone(clock).replace(tzinfo=None, minute=0, hour=0)
            if (jump, change) in met:
                continue  # many zones have the same clock
            met.add((jump, change))
            for line in ("30 2 * * *", "0 0 * * *"):
                check_a_day(read_cron(line), clock, local)
    assert len(met) > 200


def check_a_day(cron: Cron, clock: ZoneInfo, local: datetime) -> None:
    """Three days around have three runs, each at its time or moved by what was left out."""
    moment, found = moment_of(local - DAY, clock) - MINUTE, []
    while (moment := cron_after(cron, clock, moment)) < moment_of(local + 2 * DAY, clock) - MINUTE:
        found.append(moment)
    assert found == [moment_of(local + day * DAY + timedelta(hours=cron.hours[0], minutes=cron.minutes[0]), clock)
                     for day in (-1, 0, 1)], (clock, found)  # fmt: skip


@st.composite
def near_transitions(draw: st.DrawFn) -> tuple[str, datetime]:
    zone = draw(st.sampled_from(ZONES).filter(transitions))
    change = draw(st.sampled_from(transitions(zone)))
    return zone, change + timedelta(seconds=draw(st.integers(-6 * 3600, 6 * 3600)))


@given(near_transitions(), st.sampled_from(LINES))
def test_the_next_moment_is_the_first_of_all(place: tuple[str, datetime], line: str):
    zone, after = place
    cron, clock = read_cron(line), ZoneInfo(zone)
    around = after.replace(second=0, microsecond=0)
    expected = [moment for moment in every_moment(cron, clock, around) if moment > after]
    # A line of one weekday may have none in these days.
    found = cron_after(cron, clock, after)
    assert found == expected[0] if expected and expected[0] < around + DAY else found > around + DAY - MINUTE


def walls(line: str, begin: str, count: int) -> list[str]:
    found: Iterator[datetime] = read_cron(line).walls(datetime.fromisoformat(begin))
    return [f"{next(found):%a %F %H:%M}" for _ in range(count)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 9 * * mon-fri", ["Mon 2026-11-23 09:00", "Tue 2026-11-24 09:00"]),
        ("0 9 * * 7", ["Sun 2026-11-22 09:00", "Sun 2026-11-29 09:00"]),
        ("0 9 * * FRI-SUN", ["Sat 2026-11-21 09:00", "Sun 2026-11-22 09:00", "Fri 2026-11-27 09:00"]),
        ("0 9 1 * sun", ["Sun 2026-11-22 09:00", "Sun 2026-11-29 09:00", "Tue 2026-12-01 09:00"]),  # either is enough
        ("0 9 31 * *", ["Thu 2026-12-31 09:00", "Sun 2027-01-31 09:00", "Wed 2027-03-31 09:00"]),
        ("0 0 29 2 *", ["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]),
        ("*/30 8-10/2 * * *", ["Sat 2026-11-21 08:00", "Sat 2026-11-21 08:30", "Sat 2026-11-21 10:00"]),
        ("5,10 0 1 jan,jul *", ["Fri 2027-01-01 00:05", "Fri 2027-01-01 00:10", "Thu 2027-07-01 00:05"]),
    ],
)  # fmt: skip
def test_a_line_names_its_times(line: str, expected: list[str]):
    assert walls(line, "2026-11-21T00:00", len(expected)) == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("* * * *", "this one has 4"),
        ("* * * * * *", "this one has 6"),
        ("60 * * * *", "first field (minute) is '60'; it must be 0 to 59"),
        ("0 24 * * *", "second field (hour) is '24'; it must be 0 to 23"),
        ("0 0 0 * *", "third field (day of the month)"),
        ("0 0 1 13 *", "fourth field (month) is '13'; it must be 1 to 12 or jan to dec"),
        ("0 0 * * fri-mon", "'fri-mon'; a range must run forwards"),
        ("*/0 * * * *", "'*/0'; after / it must be 1 or more"),
        ("0 0 1/2 * *", "'1/2'; after / it must be 1 or more, and before it * or a range"),
        ("0 0 * * mox", "fifth field (weekday) is 'mox'; it must be 0 to 7 or sun to sat"),
        ("0 0 * * 8", "fifth field"),
        ("5/15 * * * *", "first field"),
        ("*/0 * * * *", "first field"),
        ("30-10 * * * *", "first field"),
        ("1,,2 * * * *", "first field"),
        ("-5 * * * *", "first field"),
        ("٣ * * * *", "first field"),
        ("0 0 31 2,4 *", "day 31, which no month"),
        ("@daily", "this one has 1"),
    ],
)
def test_a_wrong_line_says_which_field_is_wrong_and_what_would_be_right(line: str, said: str):
    with pytest.raises(WrongCron) as refused:
        read_cron(line)
    assert said in str(refused.value)


@given(st.text(alphabet="0123456789*/-,monjanSUNx ", max_size=30))
def test_no_line_does_anything_but_be_read_or_refused(line: str):
    try:
        cron = read_cron(line)
    except WrongCron:
        return
    assert next(cron.walls(datetime(2026, 11, 21)), None) is not None  # noqa: DTZ001 (a clock on the wall)


NOON = utc("2026-11-21T12:00")
HOURLY = Timetable(interval=timedelta(hours=1))


def test_what_was_missed_is_made_up_for_once_and_the_beat_is_kept():
    late = NOON + timedelta(hours=5, minutes=20)
    assert latest_run(HOURLY, NOON, late) == NOON + timedelta(hours=5)
    assert following_run(HOURLY, NOON, late) == NOON + timedelta(hours=6)
    daily = Timetable(cron="0 12 * * *")
    assert latest_run(daily, NOON, NOON + 400 * DAY + MINUTE) == NOON + 400 * DAY
    assert following_run(daily, NOON, NOON + 400 * DAY + MINUTE) == NOON + 401 * DAY
    each_minute = Timetable(cron="* * * * *")
    assert latest_run(each_minute, NOON, NOON + 300 * DAY + timedelta(seconds=59)) == NOON + 300 * DAY
    yearly = Timetable(cron="0 12 21 11 *")
    assert latest_run(yearly, NOON, utc("2029-01-01T00:00")) == utc("2028-11-21T12:00")
    assert latest_run(yearly, NOON, NOON) == NOON
    once = Timetable(at=datetime(2026, 11, 21, 12))  # noqa: DTZ001 (a clock on the wall)
    assert (latest_run(once, NOON, late), following_run(once, NOON, late)) == (NOON, None)


@given(st.sampled_from(LINES), near_transitions(), st.integers(0, 5 * 1440))
def test_the_latest_run_is_the_last_that_one_would_have_come_to_step_by_step(line, place, minutes):
    zone, begin = place
    timetable = Timetable(cron=line, zone=zone)
    moment = first_run(timetable, begin)
    now = moment + minutes * MINUTE
    step = moment
    while (following := following_run(timetable, step, step)) <= now:
        step = following
    assert latest_run(timetable, moment, now) == step
    assert following_run(timetable, moment, now) == following


def test_a_local_moment_runs_when_the_first_zone_on_earth_comes_to_it():
    wall = datetime(2026, 12, 24, 18)  # noqa: DTZ001 (a clock on the wall)
    eve = Timetable(at=wall, local=True)
    first = utc("2026-12-24T04:00")
    assert first_run(eve, NOON) == first == wall.replace(tzinfo=ZoneInfo("Pacific/Kiritimati"))
    assert wall_of(eve, first) == wall
    during = utc("2026-12-24T20:00")  # in New York it is 15:00
    assert (first_run(eve, during), wall_of(eve, during)) == (during, wall)
    assert first_run(eve, utc("2026-12-25T06:00")) is None  # everywhere it has passed
    weekly = Timetable(cron="0 18 * * thu", local=True)
    run = first_run(weekly, NOON)
    assert (run, wall_of(weekly, run)) == (utc("2026-11-26T04:00"), datetime(2026, 11, 26, 18))  # noqa: DTZ001 (a wall)
    assert wall_of(HOURLY, NOON) is None


def test_one_moment_comes_on_its_zones_clock_and_not_again():
    eve = Timetable(at=datetime(2026, 12, 24, 18), zone="Europe/Berlin")  # noqa: DTZ001 (a clock on the wall)
    assert first_run(eve, NOON) == utc("2026-12-24T17:00")
    assert first_run(eve, utc("2026-12-24T17:00")) is None
