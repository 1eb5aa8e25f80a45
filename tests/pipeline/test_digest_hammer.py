"""Whatever happens at the same moment: each event is told once or ends with its reason, and no digest is stuck."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from notifier.policy.words import State
from notifier.store.building import frozen_items
from notifier.store.models import NotificationEvent
from notifier.store.sql import AnyRow
from tests.pipeline.hammer import Hammer
from tests.pipeline.line import Line

FIRST, COUNT = int(os.environ.get("CHAOS_FROM") or 0), int(os.environ.get("CHAOS") or 2)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_each_event_is_told_once_or_ends_with_its_reason(line: Line, seed: int):
    hammer = Hammer(line, seed)
    hammer.run()
    assert hammer.unfinished() == []
    assert line.books().balanced
    assert hammer.away == 0
    deliveries = line.deliveries()
    rows = joined(line)
    assert len(rows) > 20
    for row in rows:
        assert wrong(row, hammer, deliveries) == "", (row, hammer.told[row.event_id, row.user_id])
    each_digest_tells_what_it_froze(hammer, [*deliveries, *line.deliveries("push")])


def joined(line: Line) -> list[AnyRow]:
    with line.database.read() as connection:
        return list(connection.execute(select(NotificationEvent)))


def wrong(row: AnyRow, hammer: Hammer, deliveries: Sequence[Any]) -> str:
    """What is wrong with how an event was told to a person; empty where nothing is."""
    told = hammer.told[row.event_id, row.user_id]
    if told > 1:
        return "told twice"
    if told or row.undone_at:
        return ""
    covering = [one for one in deliveries if one.notification_id == row.notification_id and covers(one, row.round)]
    if not covering:
        return "no delivery for it"
    if any(one.state == State.SENT for one in covering):
        return "" if is_blocked(row, hammer) else "sent without it"
    return "" if all(one.reason for one in covering) else "ended without a reason"


def covers(delivery: Any, round_: int) -> bool:
    return delivery.first_round <= round_ and (delivery.last_round is None or round_ <= delivery.last_round)


def is_blocked(row: AnyRow, hammer: Hammer) -> bool:
    actors = dict(hammer.actors())
    return (row.user_id, actors[row.event_id]) in hammer.blocked


def each_digest_tells_what_it_froze(hammer: Hammer, deliveries: Sequence[AnyRow]) -> None:
    sent = Counter(letter.notice.delivery_id for letter in hammer.letters)
    assert set(sent.values()) <= {1}
    for digest in hammer.built():
        items = frozen_items(digest.items)
        its = {one.id for one in deliveries if one.digest_id == digest.id and one.state == State.SENT}
        assert its <= set(items), digest
        assert len(items) == len(set(items))


def test_the_hammer_tells_people_of_something_in_digests(line: Line):
    hammer = Hammer(line, 1, rounds=20, threads=2)
    hammer.run()
    assert hammer.built() != []
    assert hammer.told.total() > 10
