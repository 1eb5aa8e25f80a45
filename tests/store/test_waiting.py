"""What waits for digests and what ended: read by index, however many are open, and of one person alone."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from notifier.policy.words import Cadence
from notifier.store.building import FIRST_DUE, NEXT_DUE
from notifier.store.database import Database
from notifier.store.log import Filter, Log
from notifier.store.models import BUILT, OPEN, SKIPPED, Digest
from notifier.store.types import new_id
from notifier.store.waiting import DigestEntry, Waiting
from tests.pipeline.line import START
from tests.store.walks import walks_over

SEEN = DigestEntry(new_id("dig"), "bob", "email", Cadence.DAILY, "2026-11-21", BUILT, START, START, (new_id("dlv"),))


def fill(database: Database, user: str, state: str, *hours: int) -> list[str]:
    """Digests of a person that came, or are to come, so many hours from the start; their ids in that order."""
    rows = [
        {
            "id": new_id("dig"), "user_id": user, "channel": f"channel {number}",
            "cadence": Cadence.DAILY, "period": f"{state} {hour}", "state": state,
            "due_at": START + timedelta(hours=hour) if state == OPEN else None,
            "wanted_at": START + timedelta(hours=hour), "items": "", "opened_at": START,
            "ended_at": None if state == OPEN else START + timedelta(hours=hour),
        }
        for number, hour in enumerate(hours)
    ]  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(Digest), rows)
    return [str(row["id"]) for row in rows]


def test_no_list_of_digests_nor_the_tick_walks_over_a_table(database: Database):
    if not database.on_sqlite:
        pytest.skip("PostgreSQL chooses anew as a table grows; SQLite shows its choice at once")
    with walks_over(database, "digests", "deliveries") as walks, database.write() as connection:
        waiting = Waiting(connection)
        waiting.next(50)
        waiting.next(50, user="bob")
        waiting.ended(50)
        waiting.ended(50, before=SEEN)
        waiting.ended(50, user="bob")
        waiting.of("bob")
        waiting.counts([SEEN])
        waiting.messages([SEEN])
        connection.exec_driver_sql(FIRST_DUE, (str(START),)).all()
        connection.exec_driver_sql(NEXT_DUE, (str(START), str(START), b"an id")).all()
        Log(connection).page(Filter(digest=SEEN.id), 50)
    assert not walks


def test_the_next_digests_come_in_the_order_of_their_hours_and_the_ended_ones_latest_first(database: Database):
    later, sooner = fill(database, "bob", OPEN, 3, 2)
    built = fill(database, "bob", BUILT, -9, -7, -7)
    [skipped] = fill(database, "ann", SKIPPED, -8)
    with database.read() as connection:
        waiting = Waiting(connection)
        assert [one.id for one in waiting.next(5)] == [sooner, later]
        assert waiting.next(5, user="ann") == []
        assert [one.id for one in waiting.ended(5, user="ann")] == [skipped]
        expected = [built[2], built[1], skipped, built[0]]
        seen: list[str] = []
        before = None
        while some := waiting.ended(1, before=before):
            seen += [one.id for one in some]
            before = some[-1]
        assert seen == [one.id for one in waiting.ended(9)] == expected
