"""The log's pages: every delivery once, whatever is inserted meanwhile, and a time range is an id range."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from notifier.policy.words import State
from notifier.store.database import Database
from notifier.store.log import Filter, Log
from notifier.store.models import Delivery
from notifier.store.operate import Operate
from notifier.store.types import id_at, new_id
from tests.pipeline.line import APP, START, at_once
from tests.store.walks import walks_over_deliveries


def fill(database: Database, ids: list[str]) -> None:
    row = {
        "notification_id": new_id("ntf"), "app_id": APP, "user_id": "u", "type": "comment.created",
        "channel": "email", "queue": "default", "state": State.SENT, "wanted_at": START, "tries": 0,
        "last_code": "", "created_at": START,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(Delivery), [row | {"id": one} for one in ids])


def page(database: Database, limit: int = 50, **wanted: object) -> list[str]:
    with database.read() as connection:
        return [entry.id for entry in Log(connection).page(Filter(**wanted), limit)]


def test_pages_show_every_delivery_once_whatever_is_inserted_meanwhile(database: Database):
    old = [new_id("dlv") for _ in range(95)]
    fill(database, old)
    seen: list[str] = []
    before = ""
    while some := page(database, 10, before=before):
        seen += some
        before = some[-1]
        fill(database, [new_id("dlv")])
    assert seen == sorted(old, reverse=True)


def test_a_time_range_is_an_id_range(database: Database):
    def made_at(seconds: float) -> str:
        return id_at("dlv", START + timedelta(seconds=seconds))[:-4] + new_id("dlv")[-4:]

    ids = [made_at(seconds) for seconds in (0, 1, 1.999, 2, 3)]
    fill(database, ids)
    since, until = START + timedelta(seconds=1), START + timedelta(seconds=2)
    assert page(database, since=since, until=until) == sorted(ids[1:3], reverse=True)
    assert page(database, since=since) == sorted(ids[1:], reverse=True)
    assert page(database, until=until) == sorted(ids[:3], reverse=True)


def test_the_rarer_states_are_found_without_walking_over_what_was_sent(database: Database):
    if not database.on_sqlite:
        pytest.skip("PostgreSQL chooses anew as a table grows; SQLite shows its choice at once")
    fill(database, [new_id("dlv")])
    with walks_over_deliveries(database) as walks:
        assert page(database, states=(State.FAILED,)) == []
        with database.read() as connection:
            assert Operate(connection).count(Filter(), 10) == 0
    assert not walks


def test_operators_who_retry_the_same_failures_at_once_send_each_once_more(database: Database):
    failed = [new_id("dlv") for _ in range(40)]
    fill(database, failed)
    with database.write() as connection:
        connection.execute(update(Delivery).values(state=State.FAILED))

    def retry() -> int:
        with database.write() as connection:
            return len(Operate(connection).retry(Filter(), 100, START))

    assert sum(at_once(*[retry] * 6)) == len(failed)
    with database.read() as connection:
        assert sorted(connection.scalars(select(Delivery.retry_of).where(Delivery.retry_of.is_not(None)))) == failed
