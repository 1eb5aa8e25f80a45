"""Feeds on both databases: what stands there, in pages, what is unread, and what ends when it is read."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from notifier.policy.relations import BLOCK, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE
from notifier.policy.words import Reason, State
from notifier.store.database import Database
from notifier.store.feed import NEWEST, Feed, FeedItem, Place
from notifier.store.marking import MOST, Marking, Which
from notifier.store.models import Notification, NotificationEvent
from notifier.store.types import new_id
from tests.pipeline.line import START, Line, at_once

POST = {"id": "post-7", "type": "post", "owner": "bob"}


def thing_of(item: FeedItem) -> str:
    """What it folds by, without the app."""
    return item.fold.partition("@")[0]


@pytest.fixture
def line(database_url: str) -> Iterator[Line]:
    """The path of an event over a database of each kind, where likes of one thing are gathered."""
    database = Database(database_url, threads=8)
    made = Line(database)
    made.planner = made.planner_with(gather_scale=1)
    made.people("bob")
    yield made
    database.close()


def happens(line: Line, type_: str, actor: str, *, to: str = "bob", thing: str = "post-7", **data: Any) -> str:
    """Somebody does something to a thing of `to`, and it is planned; a second passes."""
    object_ = {"id": thing, "type": "post", "owner": to}
    event = line.accept(type_, actor={"id": actor}, object=object_, **data)
    line.plan([event])
    line.clock.move(seconds=1)
    return event


def comments(line: Line, actor: str, id: str, **data: Any) -> None:
    post = {"id": "post-7", "type": "post", "owner": "bob"}
    line.plan([line.accept("comment.created", actor={"id": actor}, object={"id": id}, target=post, **data)])
    line.clock.move(seconds=1)


def feed(line: Line, user: str = "bob", after: Place | None = None, most: int = 50) -> list[FeedItem]:
    with line.database.read() as connection:
        return Feed(connection, line.catalogue).page(user, after, most)


def unread(line: Line, user: str = "bob") -> int:
    with line.database.read() as connection:
        return Feed(connection, line.catalogue).unread(user)


def read(line: Line, *ids: str, before: Any = None) -> int:
    return mark(line, Which("bob", ids, before), seen=False)


def see(line: Line, *ids: str, before: Any = None) -> int:
    return mark(line, Which("bob", ids, before), seen=True)


def mark(line: Line, which: Which, *, seen: bool) -> int:
    count, after, more = 0, None, True
    while more:
        with line.database.write() as connection:
            marking = Marking(connection, line.clock())
            done = marking.see(which, after) if seen else marking.read(which, after)
        count, after = count + done.count, done.after
        more = after is not None
    return count


def actors(item: FeedItem) -> list[str]:
    return [event.actor.id for event in item.told.events]


def stocked(line: Line, count: int) -> list[str]:
    """So many items at few different moments, with a stored event each; their ids, newest first."""
    event = line.accept("like.created", object={"id": "o", "owner": "eve"})
    rows = [
        {
            "id": new_id("ntf"),
            "user_id": "bob",
            "type": "like.created",
            "fold": f"like:{number}",
            "opened_at": START,
            "feed_at": START + timedelta(seconds=number % 7),
            "changed_at": START,
        }
        for number in range(count)
    ]
    with line.database.write() as connection:
        connection.execute(insert(Notification), rows)
        connection.execute(
            insert(NotificationEvent),
            [{"event_id": event, "user_id": f"bob {row['id']}", "notification_id": row["id"]} for row in rows],
        )
    return [row["id"] for row in sorted(rows, key=lambda row: (row["feed_at"], row["id"]), reverse=True)]


def test_what_folds_is_one_item_with_its_newest_actors(line: Line):
    for actor in ("ana", "ben", "cara"):
        happens(line, "like.created", actor)
    [item] = feed(line)
    assert (item.type, thing_of(item), actors(item)) == ("like.created", "like:post-7", ["ana", "ben", "cara"])
    assert unread(line) == 1


def test_of_very_many_events_the_newest_are_read_and_the_rest_are_counted(line: Line):
    for number in range(NEWEST + 5):
        happens(line, "like.created", f"u{number % 12}", thing="post-7")
    happens(line, "like.deleted", "u11")
    [item] = feed(line)
    assert len(item.told.events) == NEWEST
    assert len(set(actors(item))) + item.told.earlier_actors == 11
    assert len(item.told.events) + item.told.earlier_events == NEWEST + 4


def test_what_gets_news_comes_to_the_top_and_is_unseen_again(line: Line):
    happens(line, "like.created", "ana", thing="p1")
    happens(line, "like.created", "ana", thing="p2")
    assert [thing_of(item) for item in feed(line)] == ["like:p2", "like:p1"]
    assert see(line, before=line.clock()) == 2
    assert all(item.seen_at for item in feed(line))
    happens(line, "like.created", "ben", thing="p1")
    first, second = feed(line)
    assert (thing_of(first), first.seen_at, bool(second.seen_at)) == ("like:p1", None, True)
    assert unread(line) == 2


def test_pages_hold_every_item_once_also_where_many_have_the_same_moment(line: Line):
    ids = stocked(line, 57)
    found: list[str] = []
    after = None
    while some := feed(line, after=after, most=10):
        found += [item.id for item in some]
        after = Place(some[-1].feed_at, some[-1].id)
    assert found == ids


def test_what_is_turned_off_in_the_feed_does_not_stand_there(line: Line):
    line.choose("bob", "like", feed="off")
    happens(line, "like.created", "ana")
    assert (feed(line), unread(line)) == ([], 0)


def test_what_was_taken_back_leaves_the_feed_and_the_count(line: Line):
    happens(line, "like.created", "ana")
    happens(line, "like.created", "ben")
    happens(line, "like.deleted", "ben")
    [item] = feed(line)
    assert (actors(item), unread(line)) == (["ana"], 1)
    happens(line, "like.deleted", "ana")
    assert (feed(line), unread(line)) == ([], 0)


@pytest.mark.parametrize(
    ("kind", "other"),
    [(BLOCK, "ana"), (MUTE_ACTOR, "ana"), (MUTE_OBJECT, "post-7"), (MUTE_TYPE, "like.created")],
)
def test_what_is_blocked_or_muted_since_is_neither_shown_nor_counted(line: Line, kind: str, other: str):
    happens(line, "like.created", "ana")
    happens(line, "share.created", "ben", thing="post-8")
    line.relate("bob", kind, other)
    assert [item.type for item in feed(line)] == ["share.created"]
    assert unread(line) == 1


def test_of_an_item_only_what_a_blocked_person_did_is_hidden(line: Line):
    for actor in ("ana", "ben", *(f"u{number}" for number in range(NEWEST)), "ben"):
        happens(line, "like.created", actor)
    line.relate("bob", BLOCK, "ben")
    [item] = feed(line)
    assert "ben" not in actors(item)
    assert len(set(actors(item))) + item.told.earlier_actors == NEWEST + 1


def test_the_thread_of_a_muted_comment_is_hidden_and_not_counted(line: Line):
    comments(line, "ana", "c-1", in_reply_to={"id": "c-0", "owner": "bob"})
    assert unread(line) == 1
    line.relate("bob", MUTE_OBJECT, "c-0")
    assert (feed(line), unread(line)) == ([], 0)
    comments(line, "ana", "c-2")
    assert (len(feed(line)), unread(line)) == (1, 1)


def test_what_nobody_can_mute_is_shown_all_the_same(line: Line):
    line.plan([line.accept("security.created", actor={"id": "app"}, to=["bob"])])
    line.relate("bob", MUTE_TYPE, "security.created")
    assert (len(feed(line)), unread(line)) == (1, 1)


def test_one_persons_block_changes_nobody_elses_feed(line: Line):
    line.relate("eve", BLOCK, "ana")
    happens(line, "like.created", "ana")
    assert (len(feed(line)), unread(line)) == (1, 1)


def test_reading_ends_an_item_so_that_news_makes_another(line: Line):
    happens(line, "like.created", "ana")
    [item] = feed(line)
    assert (read(line, item.id), read(line, item.id)) == (1, 0)
    assert unread(line) == 0
    [item] = feed(line)
    assert item.read_at == item.seen_at == line.clock()
    happens(line, "like.created", "ben")
    assert [actors(item) for item in feed(line)] == [["ben"], ["ana"]]
    assert unread(line) == 1


def test_reading_in_the_feed_cancels_what_waits_elsewhere_digests_included(line: Line):
    happens(line, "like.created", "ana")  # its mail waits for the daily digest
    happens(line, "comment.created", "ben", target={"id": "p", "owner": "bob"})  # its mail is queued
    assert {row.state for row in line.deliveries()} == {State.WAITING, State.QUEUED}
    assert read(line, before=line.clock()) == 2
    for row in line.deliveries():
        assert (row.state, row.reason, row.rule, row.value) == (State.CANCELLED, Reason.READ, "read", "feed")
        assert row.change is not None
    assert line.books().balanced


def test_before_means_the_whole_millisecond_that_is_told(line: Line):
    happens(line, "like.created", "ana")
    with line.database.write() as connection:
        connection.execute(update(Notification).values(feed_at=START + timedelta(microseconds=5_999)))
    assert read(line, before=START + timedelta(microseconds=4_999)) == 0
    assert read(line, before=START + timedelta(milliseconds=5)) == 1


def test_other_peoples_items_cannot_be_read_or_seen(line: Line):
    line.people("eve")
    happens(line, "like.created", "ana", to="eve")
    [item] = feed(line, "eve")
    assert (read(line, item.id), see(line, item.id), unread(line, "eve")) == (0, 0, 1)


def test_very_many_are_read_in_several_transactions(line: Line):
    stocked(line, MOST * 2 + 7)
    line.clock.move(minutes=1)
    assert unread(line) == MOST * 2 + 7
    with line.database.write() as connection:
        done = Marking(connection, line.clock()).read(Which("bob", before=line.clock()))
    assert done.count == MOST
    assert read(line, before=line.clock()) == MOST + 7
    assert unread(line) == 0


def test_whoever_reads_while_others_like_loses_no_news(line: Line):
    events = [line.accept("like.created", actor={"id": f"u{n}"}, object=POST) for n in range(40)]

    def read_again_and_again() -> None:
        for _ in range(10):
            line.database.transact(lambda tx: Marking(tx, line.clock()).read(Which("bob", before=line.clock())))

    halves = [lambda half=half: line.plan(half) for half in (events[:20], events[20:])]
    at_once(*halves, read_again_and_again)
    items = feed(line)
    assert sum(len(item.told.events) + item.told.earlier_events for item in items) == 40
    assert unread(line) == sum(item.read_at is None for item in items)
    assert sum(not item.read_at for item in items) <= 1
    assert line.books().balanced


@pytest.mark.parametrize("seed", range(6))
def test_unread_is_what_the_feed_shows_unread_whatever_happens(line: Line, seed: int):
    chance = random.Random(seed)
    done: set[tuple[str, str]] = set()
    for _ in range(40):
        actor, thing = chance.choice(["ana", "ben", "cara"]), chance.choice(["p1", "p2"])
        match chance.randrange(7):
            case 0 | 1 | 2:
                happens(line, "like.created", actor, thing=thing)
                done.add((actor, thing))
            case 3:
                happens(line, "like.deleted", actor, thing=thing)
            case 4:
                read(line, *[item.id for item in feed(line)[:1]])
            case 5:
                see(line, before=line.clock())
            case 6 if seed % 2 and not chance.randrange(4):
                line.relate("bob", chance.choice([BLOCK, MUTE_ACTOR]), f"{actor}")
                line.relate("bob", MUTE_OBJECT, f"{thing}{chance.randrange(3)}")
                break
        assert unread(line) == sum(item.read_at is None for item in feed(line)) >= 0
    assert unread(line) == sum(item.read_at is None for item in feed(line)) >= 0
    for actor, thing in sorted(done):
        happens(line, "like.deleted", actor, thing=thing)
    assert (feed(line), unread(line)) == ([], 0)
    with line.database.read() as connection:
        assert not connection.scalars(select(Notification.id).where(Notification.undone_at.is_(None))).all()
