"""Outcomes in commit order: a reader who goes by the numbers skips none, however many commit at once."""

from collections.abc import Iterator

from sqlalchemy import insert, update

from notifier.policy.words import Reason, State
from notifier.store import changes
from notifier.store.changes import BEGINNING, Changes, Ended, Planned, Position
from notifier.store.database import Database
from notifier.store.models import Delivery, Event, NotificationEvent
from notifier.store.types import new_id
from tests.pipeline.line import APP, START, at_once

OTHER = new_id("app")


def an_event(number: int | None, app: str = APP, **more: object) -> dict[str, object]:
    made = new_id("evt")
    row = {
        "id": made, "app_id": app, "key": made, "body_hash": b"", "type": "like.created", "body": b"{}",
        "occurred_at": START, "accepted_at": START, "due_at": START, "planned_at": START if number else None,
        "change": number,
    }  # fmt: skip
    return row | more


def a_delivery(number: int | None, app: str = APP, **more: object) -> dict[str, object]:
    row = {
        "id": new_id("dlv"), "notification_id": new_id("ntf"), "app_id": app, "user_id": "bob", "type": "like.created",
        "channel": "email", "queue": "default", "state": State.SENT if number else State.QUEUED, "wanted_at": START,
        "tries": 0, "last_code": "", "created_at": START, "sent_at": START if number else None, "change": number,
    }  # fmt: skip
    return row | more


def fill(database: Database, *rows: dict[str, object]) -> None:
    with database.write() as connection:
        for row in rows:
            connection.execute(insert(Event if "body" in row else Delivery), [row])


def read(database: Database, after: Position = BEGINNING, limit: int = 200) -> list[Planned | Ended]:
    with database.read() as connection:
        return list(Changes(connection, APP).after(after, limit))


def walk(database: Database, limit: int, after: Position = BEGINNING) -> Iterator[Planned | Ended]:
    """All that there is, a page at a time."""
    while some := read(database, after, limit):
        yield from some
        after = some[-1].position


def ids(found: Iterator[Planned | Ended] | list[Planned | Ended]) -> list[str]:
    return [change.position.id for change in found]


def test_changes_come_in_order_whatever_the_size_of_a_page(database: Database):
    rows = [an_event(1), an_event(1), a_delivery(1), a_delivery(1), a_delivery(2), an_event(3), a_delivery(3)]
    fill(database, *rows, an_event(None), a_delivery(None), an_event(2, OTHER), a_delivery(2, OTHER))
    for limit in range(1, 9):
        assert ids(walk(database, limit)) == [row["id"] for row in rows]


def test_a_change_says_what_has_become_of_what(database: Database):
    event, keyed = an_event(1), an_event(1, key="mine")
    delivery = a_delivery(2, state=State.FAILED, reason=Reason.REFUSED, sent_at=None)
    fill(database, event, keyed, delivery)
    with database.write() as connection:
        told = {"user_id": "bob", "notification_id": delivery["notification_id"]}
        connection.execute(insert(NotificationEvent), [told | {"event_id": one["id"]} for one in (event, keyed)])
    first, second, third = read(database)
    assert isinstance(first, Planned)
    assert isinstance(second, Planned)
    assert isinstance(third, Ended)
    assert (first.key, second.key, first.at, first.type) == ("", "mine", START, "like.created")
    assert (third.state, third.reason, third.user, third.channel) == (State.FAILED, Reason.REFUSED, "bob", "email")
    assert third.events == (event["id"], keyed["id"])


def test_what_bounces_after_it_was_sent_comes_again(database: Database):
    row = a_delivery(1)
    fill(database, row, a_delivery(2))
    before = read(database)
    with database.write() as connection:
        bounced = update(Delivery).where(Delivery.id == row["id"]).values(state=State.BOUNCED, change=3)
        connection.execute(bounced)
    [again] = read(database, before[-1].position)
    assert isinstance(again, Ended)
    assert (again.position.id, again.state) == (row["id"], State.BOUNCED)


WRITERS, EACH = 6, 40


def test_a_reader_skips_nothing_while_many_commit(database: Database):
    """Each writer makes its rows first and takes its number last, so that it commits in another order than it began."""
    made: list[str] = []
    finished: list[int] = []

    def write_some(writer: int) -> None:
        try:
            for turn in range(EACH):
                made.extend(write_one(database, keep=(writer + turn) % 7 != 0))
        finally:
            finished.append(writer)

    def follow() -> list[Planned | Ended]:
        seen: list[Planned | Ended] = []
        while True:
            all_written = len(finished) == WRITERS  # asked before the page: it must show what was committed until then
            some = read(database, seen[-1].position if seen else BEGINNING, 7)
            seen += some
            if all_written and not some:
                return seen

    seen, *_ = at_once(follow, *[lambda writer=writer: write_some(writer) for writer in range(WRITERS)])
    positions = [change.position for change in seen]
    assert positions == sorted(set(positions))
    assert sorted(ids(seen)) == sorted(made)
    assert len(made) > WRITERS * EACH


def write_one(database: Database, *, keep: bool) -> list[str]:
    """Plan an event and end a delivery in one transaction; gives their ids, or nothing where it is not kept."""
    event, delivery = an_event(None), a_delivery(None)
    with database.write() as connection:
        connection.execute(insert(Event), [event])
        connection.execute(insert(Delivery), [delivery])
        number = changes.number(connection)
        connection.execute(update(Event).where(Event.id == event["id"]).values(change=number, planned_at=START))
        connection.execute(update(Delivery).where(Delivery.id == delivery["id"]).values(change=number))
        if not keep:
            connection.rollback()
    return [str(event["id"]), str(delivery["id"])] if keep else []
