"""`notifier retry`: dead deliveries again, by the filters of the log."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from notifier.policy.words import Reason, State
from notifier.store.database import Database
from notifier.store.models import Audit, Delivery
from notifier.store.sql import insert
from notifier.store.types import id_at, new_id
from tests.cli.conftest import Terminal
from tests.stack import Stack, comment, eventually

UNKNOWN = "dlv_0193a7b2c3d47e5f8a9b0c1d2e3f4a5b"
NOW = datetime.now(UTC)


def store_failed(database: Database, count: int, **more: object) -> list[str]:
    """Put failed deliveries into the log, as if they had been tried."""
    usual = {
        "app_id": new_id("app"),
        "user_id": "bob",
        "type": "comment.created",
        "channel": "email",
        "queue": "default",
        "state": State.FAILED,
        "reason": Reason.GAVE_UP,
        "wanted_at": NOW,
        "created_at": NOW,
    }
    rows = [{"id": new_id("dlv"), "notification_id": new_id("ntf")} | usual | more for _ in range(count)]
    with database.write() as connection:
        connection.execute(insert(connection, Delivery), rows)
    return [str(row["id"]) for row in rows]


def queued(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).where(Delivery.state == State.QUEUED)) or 0


@pytest.fixture
def failed(service: Stack) -> str:
    """A mail that nobody wanted."""
    service.call("PUT", "/v1/users/lost", {"email": f"lost.{new_id('sub')}@bounce.test"})
    event = service.post(comment(to="lost"))
    [entry] = eventually(lambda: service.deliveries(event=event, state="failed"))
    return str(entry["id"])


def test_a_failed_delivery_goes_out_as_a_new_one_once(service: Stack, terminal: Terminal, failed: str):
    service.call("PUT", "/v1/users/lost", {"email": "found@app.example"})
    [again] = re.findall(r"sent again as (dlv_\w+)", terminal.done("retry", failed))
    eventually(lambda: service.call("GET", f"/v1/deliveries/{again}").json["state"] != "queued")
    refused = terminal.type("retry", failed)
    assert (refused.exit_code, f"retried already, as {again}" in refused.stderr) == (1, True)


def test_a_delivery_that_was_sent_is_not_tried_again(service: Stack, terminal: Terminal):
    service.person("olga")
    event = service.post(comment(to="olga"))
    [entry] = eventually(lambda: service.deliveries(event=event, channel="email", state="sent"))
    result = terminal.type("retry", entry["id"])
    assert (result.exit_code, "It is sent" in result.stderr) == (1, True)


def test_all_of_a_filter_are_retried_and_who_asked_is_on_record(resting: Terminal, rows: Database):
    store_failed(rows, 3)
    store_failed(rows, 2, channel="push")
    store_failed(rows, 1, user_id="cara")
    result = resting.type("retry --channel email --type comment --user bob --reason gave_up --since 1h")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("3 deliveries to be sent again")
    assert "make run" in result.stdout
    assert queued(rows) == 3
    with rows.read() as connection:
        assert connection.scalar(select(func.count()).where(Audit.action == "deliveries.retry")) == 1


def test_a_time_narrows_to_what_was_made_then(resting: Terminal, rows: Database):
    store_failed(rows, 1, id=id_at("dlv", NOW - timedelta(days=2)))
    store_failed(rows, 2)
    assert resting.done("retry --until 1d").startswith("1 delivery to")
    assert resting.done("retry", "--since", (NOW - timedelta(hours=1)).isoformat()).startswith("2 deliveries to")


def test_what_was_retried_is_not_retried_again(resting: Terminal, rows: Database):
    store_failed(rows, 2)
    resting.done("retry")
    assert "Nothing to retry" in resting.done("retry")
    assert queued(rows) == 2


def test_above_a_hundred_it_asks(resting: Terminal, rows: Database):
    store_failed(rows, 101)
    asked = resting.type("retry", input="n\n")
    assert (asked.exit_code, "101 deliveries" in asked.output) == (1, True)
    assert queued(rows) == 0
    assert resting.done("retry --yes").startswith("101 deliveries")
    assert queued(rows) == 101


def test_a_hundred_are_sent_without_a_question_and_hundreds_with_a_yes(resting: Terminal, rows: Database):
    store_failed(rows, 100)
    assert resting.type("retry").exit_code == 0
    store_failed(rows, 1200)
    assert resting.type("retry", input="y\n").exit_code == 0
    assert queued(rows) == 1300


@pytest.mark.parametrize(
    "line",
    [
        "retry dlv_1",
        f"retry {UNKNOWN} --user bob",
        "retry --type dance",
        "retry --channel smoke",
        "retry --state sent",
        "retry --reason digest",
        "retry --since yesterday",
        "retry --app shop",
        "retry --event evt_1",
    ],
)
def test_what_is_not_understood_is_wrong_usage(resting: Terminal, line: str):
    assert resting.type(line).exit_code == 2


def test_an_unknown_delivery_fails(resting: Terminal):
    result = resting.type("retry", UNKNOWN)
    assert (result.exit_code, UNKNOWN in result.stderr) == (1, True)


def test_without_a_database_it_says_so(nowhere: Terminal):
    result = nowhere.type("retry")
    assert (result.exit_code, "make run" in result.stderr) == (1, True)
