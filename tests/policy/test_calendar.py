"""The digest hour, in people's own time zones, on nights when clocks change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.calendar import Hour, next_digest_at
from notifier.policy.words import Cadence

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Beirut", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe"]


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "now", "due"),
    [
        ("Europe/Berlin", time(8), "2026-11-21T12:00", "2026-11-22T07:00"),
        ("Europe/Berlin", time(2, 30), "2026-10-24T12:00", "2026-10-25T00:30"),  # twice: the first
        ("Europe/Berlin", time(2, 30), "2026-10-25T00:30", "2026-10-26T01:30"),  # and not again an hour later
        ("Europe/Berlin", time(2, 30), "2026-03-28T12:00", "2026-03-29T01:30"),  # never: moved by the gap
        ("America/New_York", time(1, 30), "2026-11-01T00:00", "2026-11-01T05:30"),
        ("Asia/Beirut", time(0), "2026-03-28T12:00", "2026-03-28T22:00"),  # no midnight
        ("Asia/Kathmandu", time(8), "2026-06-01T00:00", "2026-06-01T02:15"),
        ("Nowhere/Land", time(8), "2026-06-01T00:00", "2026-06-01T08:00"),
    ],
)
def test_the_day_has_its_digest_hour(zone, at, now, due):
    assert next_digest_at(utc(now), Cadence.DAILY, Hour(zone, at)) == utc(due)


def test_the_week_has_its_monday_and_the_hour_its_beginning():
    saturday = utc("2026-11-21T12:34:56")
    assert next_digest_at(saturday, Cadence.WEEKLY, Hour("Europe/Berlin")) == utc("2026-11-23T07:00")
    assert next_digest_at(saturday, Cadence.HOURLY, Hour("Europe/Berlin")) == utc("2026-11-21T13:00")


@given(
    st.integers(0, 4 * 365 * 24 * 60).map(lambda minutes: utc("2024-01-01T00:00") + timedelta(minutes=minutes)),
    st.sampled_from(ZONES),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_a_daily_digest_comes_within_a_day_and_a_bit(now, zone, at):
    due = next_digest_at(now, Cadence.DAILY, Hour(zone, at))
    assert now < due <= now + timedelta(hours=26)
    local = due.astimezone(ZoneInfo(zone))
    moved = timedelta(hours=local.hour - at.hour, minutes=local.minute - at.minute)
    assert moved % timedelta(days=1) in (timedelta(0), timedelta(minutes=30), timedelta(hours=1))
