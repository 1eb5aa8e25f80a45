"""The figures for Prometheus: who may read them, that they say what the database says, and that they are cheap."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, event, insert
from werkzeug.test import TestResponse

from notifier.app.parts import now
from notifier.policy.words import Reason, State
from notifier.store.models import Delivery, Figure, QueuePause, Worker
from notifier.store.pausing import Pause, Pauses
from notifier.store.types import new_id
from notifier.store.workers import WorkerEntry, Workers
from tests.web.api import Api, make_parts

TOKEN = "open-sesame-open-sesame"


def scrape(api: Api, headers: dict[str, str] | None = None, **environ: str) -> TestResponse:
    return api.server.test_client().get(
        "/metrics", headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"} | environ
    )


def figures(api: Api) -> dict[tuple[str, ...], float]:
    """Every figure by its name and the values of its labels, in the order of the labels' names."""
    answer = scrape(api)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Api]:
    """A service with a METRICS_TOKEN."""
    made = Api(make_parts(tmp_path, METRICS_TOKEN=TOKEN)).migrate()
    yield made
    made.parts.database.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_without_a_token_this_machine_reads_them(api: Api, address: str):
    assert scrape(api, REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.7", "2001:db8::1", "", "localhost"])
def test_without_a_token_nobody_else_learns_that_there_are_any(api: Api, address: str):
    assert scrape(api, REMOTE_ADDR=address).status_code == 404


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
def test_who_comes_through_a_proxy_on_this_machine_is_not_this_machine(api: Api, header: str):
    assert scrape(api, {header: "203.0.113.9"}).status_code == 404


def test_with_a_token_who_bears_it_reads_them_from_anywhere_and_nobody_else(guarded: Api):
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert scrape(guarded, bearer, REMOTE_ADDR="10.0.0.7").status_code == 200
    for wrong in ("", f"Bearer {TOKEN}x", "Bearer ", f"Basic {TOKEN}", "Bearer \xe4"):
        assert scrape(guarded, {"Authorization": wrong}).status_code == 401


def test_ends_are_counted_by_the_roll_up(api: Api):
    row = {"app_id": api.app.app, "type": "like.created", "channel": "email"}
    with api.parts.database.write() as connection:
        for day, state, reason, counted in (
            ("2026-11-01", State.SENT, "", 40), ("2026-11-02", State.SENT, "", 2),
            ("2026-11-02", State.FAILED, Reason.REFUSED, 3),
        ):  # fmt: skip
            connection.execute(insert(Figure).values(**row, day=day, state=state, reason=reason, counted=counted))
    found = figures(api)
    assert found["notifier_deliveries_total", "email", "", "sent"] == 42
    assert found["notifier_deliveries_total", "email", "refused", "failed"] == 3


def test_queues_workers_and_events_stand_as_the_database_says(api: Api):
    at, later = now(), now() + timedelta(hours=1)
    row: dict[str, Any] = {
        "notification_id": new_id("ntf"), "app_id": api.app.app, "user_id": "u", "type": "post.created",
        "channel": "email", "queue": "bulk", "created_at": at, "wanted_at": at - timedelta(minutes=10),
    }  # fmt: skip
    with api.parts.database.write() as connection:
        connection.execute(delete(Worker))
        connection.execute(delete(Delivery))
        connection.execute(insert(Delivery), [
            row | {"id": new_id("dlv"), "state": State.QUEUED, "reason": None, "due_at": at},
            row | {"id": new_id("dlv"), "state": State.WAITING, "reason": Reason.PAUSED, "due_at": None},
            row | {"id": new_id("dlv"), "state": State.WAITING, "reason": Reason.RETRY, "due_at": later},
        ])  # fmt: skip
        Pauses(connection).pause(Pause("bulk", at, "ada", "too much"))
        Workers(connection).beat(WorkerEntry("a:1", "bulk", 8, "0.1.0", at, at))
        Workers(connection).beat(WorkerEntry("b:2", "bulk", 8, "0.1.0", at, at - timedelta(minutes=5)))
    before = figures(api)["notifier_events_unplanned",]
    api.post({"type": "like", "data": {"actor": {"id": "ana"}, "object": {"id": "p", "owner": "bob"}}})
    found = figures(api)
    assert [found[f"notifier_queue_{name}", "bulk"] for name in ("ready", "held", "later", "paused")] == [1, 1, 1, 1]
    assert found["notifier_queue_paused", "urgent"] == 0
    assert 600 <= found["notifier_queue_oldest_seconds", "bulk"] < 700
    assert (found["notifier_workers", "alive"], found["notifier_workers", "silent"]) == (1, 1)
    assert found["notifier_events_unplanned",] == before + 1
    assert found["notifier_broker_up",] == 1
    with api.parts.database.write() as connection:
        connection.execute(delete(QueuePause))
        connection.execute(delete(Worker))
        connection.execute(delete(Delivery))


def test_a_scrape_walks_through_no_large_table(api: Api):
    """SQLite says which tables it would walk through whole: only those that stay small."""
    if not api.parts.database.on_sqlite:
        pytest.skip("SQLite alone tells it before there is data")
    said: list[str] = []

    def plan_of(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asking = cursor.connection.cursor()
            asking.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            said.extend(row[3] for row in asking.fetchall())

    engine = api.parts.database._engine(writes=False)
    event.listen(engine, "before_cursor_execute", plan_of)
    try:
        assert scrape(api).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", plan_of)
    assert any("deliveries_due" in line for line in said)
    assert any("deliveries_paused" in line for line in said)
    walked = [line for line in said if line.startswith("SCAN") and "USING" not in line]
    small = ("figures", "queue_pauses", "pauses", "workers", "counters", "leases", "anon", "(subquery", "SCAN CONSTANT")
    assert not [line for line in walked if not any(name in line for name in small)], walked
