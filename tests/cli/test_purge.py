"""`notifier purge`: what would go, what went, and the space that came back."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from notifier.policy.words import Reason, State
from notifier.store.database import Database
from notifier.store.models import Delivery
from notifier.store.types import id_at
from tests.cli.conftest import Terminal
from tests.store.past import Past, store_told


def ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


@pytest.fixture
def past(rows: Database) -> Past:
    """Ten people were told long ago, one lately."""
    past = Past(rows, now=datetime.now(UTC))
    with rows.write() as connection:
        for number in range(10):
            outcomes = (("email", State.SENT, None, 2), ("push", State.SKIPPED, Reason.NO_ADDRESS))
            store_told(connection, ago(100), outcomes, user=f"u{number}", events=1)
        store_told(connection, ago(1), (("email", State.SENT, None, 1),), user="bob", events=1)
    return past


def test_a_dry_run_says_what_would_go_and_changes_nothing(resting: Terminal, past: Past):
    said = resting.done("purge --dry-run")
    assert "would go: 70 in all" in " ".join(said.split())  # 20 deliveries, 20 tries, and 10 each of three more
    found = json.loads(resting.done("purge --dry-run --json"))
    assert (found["dry_run"], found["rows"]["deliveries"], found["rows"]["attempts"]) == (True, 20, 20)
    assert past.rows(Delivery) == 21


def test_what_is_old_goes_and_the_books_balance(resting: Terminal, past: Past):
    result = resting.type("purge")
    assert result.exit_code == 0, result.output
    assert "20  deliveries" in result.stdout
    assert "are gone: 70 in all." in result.stdout
    assert "came back; the file has" in result.stdout
    assert past.rows(Delivery) == 1
    resting.done("books")
    assert json.loads(resting.done("purge --json"))["rows"]["deliveries"] == 0


def test_the_settings_say_how_long(resting: Terminal, past: Past):
    kept = {"RETENTION_DELIVERIES_DAYS": "0", "RETENTION_SKIPPED_DAYS": "101", "RETENTION_ATTEMPTS_DAYS": "0"}
    assert json.loads(resting.done("purge --json", **kept))["rows"]["deliveries"] == 0
    assert past.rows(Delivery) == 21


def test_vacuum_is_not_for_a_dry_run(resting: Terminal):
    result = resting.type("purge --dry-run --vacuum")
    assert result.exit_code == 2
    assert "not both" in result.output


def test_vacuum_gives_all_the_room_back(resting: Terminal, past: Past):
    assert json.loads(resting.done("purge --vacuum --json"))["rows"]["deliveries"] == 20
    assert past.rows(Delivery) == 1


def test_why_says_that_an_event_was_purged(resting: Terminal):
    result = resting.type("why " + id_at("evt", ago(100)))
    assert result.exit_code == 1
    assert "Events are kept for 90 days" in result.output
    result = resting.type("why " + id_at("evt", ago(1)))
    assert result.exit_code == 1
    assert "are kept" not in result.output


def test_why_says_of_how_many_people_the_records_are_gone(resting: Terminal, rows: Database, past: Past):
    with rows.write() as connection:
        [old] = store_told(connection, ago(20), (("push", State.SKIPPED, Reason.NO_ADDRESS),), user="cara", events=1)
    event = past.event_of(old)
    resting.done("purge")
    assert "Of 1 person the records were purged. Deliveries are kept for 30 days" in resting.done(f"why {event}")
    assert "Whether cara was told is not known any more" in resting.done(f"why {event} --user cara")
