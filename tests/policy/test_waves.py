"""A time on everybody's own wall: when it comes to whom, in every zone and on every night when clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.waves import Audience, last_wave, reached, tour_of, wall_in, wave_after

# Around the changes of several years in Europe, America and Australia.
DAYS = ("2024-03-10", "2025-03-30", "2025-10-26", "2026-03-08", "2026-04-05", "2026-11-01", "2027-10-31")

EVENING = datetime.fromisoformat("2026-12-24T18:00")
ZONES = sorted(available_timezones())
LATE = datetime(2030, 1, 1, tzinfo=UTC)


def on_the_wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def shown(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def waves(wall: datetime) -> list[datetime]:
    """All of them, as they come to somebody who looks at the clock before each."""
    found, early = [], datetime(2000, 1, 1, tzinfo=UTC)
    while wave := wave_after(wall, found[-1] if found else None, early):
        found.append(wave)
    return found


@pytest.mark.parametrize(
    ("zone", "utc"),
    [
        ("Pacific/Kiritimati", "2026-12-24T04:00"),
        ("Asia/Kathmandu", "2026-12-24T12:15"),
        ("Europe/Berlin", "2026-12-24T17:00"),
        ("UTC", "2026-12-24T18:00"),
        ("Mars/Olympus_Mons", "2026-12-24T18:00"),
        ("America/New_York", "2026-12-24T23:00"),
        ("Pacific/Pago_Pago", "2026-12-25T05:00"),
    ],
)
def test_the_evening_comes_to_each_zone_at_a_moment_of_its_own(zone: str, utc: str):
    assert wall_in(zone, EVENING) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_the_hour_that_comes_twice_is_taken_the_first_time():
    assert wall_in("Europe/Berlin", on_the_wall("2026-10-25T02:30")) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_the_hour_that_is_left_out_moves_forward():
    moment = wall_in("America/New_York", on_the_wall("2026-03-08T02:30"))
    assert shown(moment, "America/New_York") == on_the_wall("2026-03-08T03:30")


def test_a_day_that_a_place_leaves_out_comes_to_it_as_the_next():
    assert shown(wall_in("Pacific/Apia", on_the_wall("2011-12-30T09:00")), "Pacific/Apia") == on_the_wall(
        "2011-12-31T09:00"
    )


def test_waves_begin_where_the_day_begins_and_end_where_it_ends():
    found = waves(EVENING)
    assert found == sorted(set(found))
    assert found[0] == datetime(2026, 12, 24, 4, tzinfo=UTC)
    assert found[-1] == last_wave(EVENING) == datetime(2026, 12, 25, 6, tzinfo=UTC)


def test_who_comes_late_takes_all_waves_at_once_that_have_come():
    noon = datetime(2026, 12, 24, 12, tzinfo=UTC)
    assert wave_after(EVENING, None, noon) == noon
    assert wave_after(EVENING, noon, noon) == datetime(2026, 12, 24, 12, 15, tzinfo=UTC)
    assert wave_after(EVENING, None, LATE) == last_wave(EVENING)
    assert wave_after(EVENING, last_wave(EVENING), LATE) is None


def test_an_unknown_zone_is_reached_with_utc():
    eighteen = datetime(2026, 12, 24, 18, tzinfo=UTC)
    assert "Mars/Olympus_Mons" in reached(EVENING, eighteen)
    assert "Mars/Olympus_Mons" not in reached(EVENING, eighteen - timedelta(seconds=1))


near = st.builds(
    lambda day, minutes: datetime.fromisoformat(day) + timedelta(minutes=minutes),
    st.sampled_from(DAYS),
    st.integers(-1_500, 1_500),
)
walls = st.one_of(
    near,
    st.datetimes(on_the_wall("2000-01-01T00:00"), on_the_wall("2040-01-01T00:00")).map(
        lambda at: at.replace(microsecond=0)
    ),
)


@given(st.sampled_from(ZONES), walls)
def test_in_every_zone_the_clock_shows_it_then_and_not_a_second_before(zone: str, wall: datetime):
    moment = wall_in(zone, wall)
    reached = shown(moment, zone)
    assert reached >= wall  # later where the clocks leave it out
    # On a night when clocks go back they show it once more, but never before the first time.
    before = [moment - timedelta(minutes=minutes) for minutes in (1, 30, 60, 120)]
    assert all(shown(one, zone) < reached for one in before if shown(one, zone).date() <= wall.date())


@pytest.mark.parametrize("day", DAYS)
def test_every_zone_is_reached_by_its_own_wave_and_every_later_one_and_by_none_before(day: str):
    wall = on_the_wall(f"{day}T02:30")
    found = waves(wall)
    assert found == sorted(set(found))
    moments = {zone: wall_in(zone, wall) for zone in ZONES}
    assert set(moments.values()) == set(found)
    for wave in found:
        zones = reached(wall, wave)
        assert {zone for zone in ZONES if zone in zones} == {zone for zone in ZONES if moments[zone] <= wave}


def test_a_tour_goes_on_where_it_stopped_and_knows_what_follows():
    wave = datetime(2026, 12, 24, 17, tzinfo=UTC)
    tour = tour_of(Audience(everyone=True, wall=EVENING, wave=wave), "dan", wave)
    assert (tour.after, tour.wave, tour.following) == ("dan", wave, datetime(2026, 12, 24, 18, tzinfo=UTC))
    assert tour.zones is not None
    assert "Europe/Berlin" in tour.zones
    assert "America/New_York" not in tour.zones


def test_what_waits_for_nobodys_clock_is_one_tour_to_all():
    assert tour_of(Audience(everyone=True), "dan", LATE).zones is None
    wave = datetime(2026, 12, 24, 17, tzinfo=UTC)
    last = tour_of(Audience(everyone=True, wall=EVENING, wave=wave), "dan", wave, at_once=True)
    assert (last.after, last.wave, last.following) == ("", last_wave(EVENING), None)
    assert last.zones is not None
    assert all(zone in last.zones for zone in (*ZONES, "Mars/Olympus_Mons"))
    goes_on = tour_of(Audience(everyone=True, wall=EVENING, wave=last.wave), "dan", wave, at_once=True)
    assert (goes_on.after, goes_on.following) == ("dan", None)
