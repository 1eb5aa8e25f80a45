"""Streams of feeds without a server: what each reader is told, in what order, and that none misses anything."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from notifier.channels.wording import BUILT_IN
from notifier.policy.relations import BLOCK
from notifier.store.database import Database, DatabaseAway
from notifier.store.marking import Marking, Which
from notifier.store.models import Notification
from notifier.store.types import new_id
from notifier.web.stream import ALIVE, BEGINNING, MOST_WAITING, Stream, mark_of, moment_of
from notifier.web.streams import MOST_CHANGES, PER_PERSON, Streams, TooManyStreams
from tests.conftest import Postgres
from tests.pipeline.line import START, Line
from tests.stack import eventually

MOST = 8


@dataclass
class Scene:
    """A line with streams over the same database and clock."""

    line: Line
    streams: Streams

    def open(self, user: str = "bob", last: str = "", **options: Any) -> Stream:
        return self.streams.open(user, moment_of(last) if last else None, **options)

    def likes(self, actor: str, *, to: str = "bob", thing: str = "post-7") -> None:
        object_ = {"id": thing, "type": "post", "owner": to}
        self.line.plan([self.line.accept("like.created", actor={"id": actor, "name": actor.title()}, object=object_)])

    def unlikes(self, actor: str, *, thing: str = "post-7") -> None:
        self.line.plan([self.line.accept("like.deleted", actor={"id": actor}, object={"id": thing})])

    def reads_all(self) -> None:
        with self.line.database.write() as connection:
            Marking(connection, self.line.clock()).read(Which("bob", before=self.line.clock()))


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """Bob, and streams on each kind of database."""
    yield from scenery(database_url)


def scenery(database_url: str) -> Iterator[Scene]:
    database = Database(database_url, threads=8)
    line = Line(database)
    line.planner = line.planner_with(gather_scale=1)
    line.people("bob", "eve")
    streams = Streams(database, line.catalogue, BUILT_IN.word, line.clock, MOST)
    yield Scene(line, streams)
    streams.stop()
    eventually(lambda: streams._watcher is None)
    database.close()


@dataclass
class Heard:
    id: str
    name: str
    data: Any


def heard(stream: Stream, until: str = "unread") -> list[Heard]:
    """What the stream says next, up to an event of that name."""
    found: list[Heard] = []
    said = iter(stream)
    assert next(said) == BEGINNING
    deadline = time.monotonic() + 20
    while not [one for one in found if one.name == until]:
        assert time.monotonic() < deadline, found
        for block in next(said).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in fields:
                found.append(Heard(fields["id"], fields["event"], json.loads(fields["data"])))
    return found


def names(told: list[Heard]) -> list[str]:
    return [one.name for one in told]


def test_a_new_stream_begins_with_the_number_of_unread_items(scene: Scene):
    scene.likes("ana")
    [unread] = heard(scene.open())
    assert (unread.name, unread.data) == ("unread", {"unread": 1})


def test_what_happens_is_told_as_it_then_stands(scene: Scene):
    stream = scene.open()
    heard(stream)
    scene.likes("ana")
    item, unread = heard(stream)
    assert (item.name, item.data["text"], item.data["count"]) == ("item", "Ana liked your post", 1)
    assert unread.data == {"unread": 1}
    scene.line.clock.move(seconds=1)
    scene.likes("ben")
    item, _ = heard(stream)
    assert item.data["text"] == "Ben and Ana liked your post"
    scene.line.clock.move(seconds=1)
    scene.reads_all()
    item, unread = heard(stream)
    assert (bool(item.data["read_at"]), unread.data) == (True, {"unread": 0})


def test_what_was_taken_back_is_gone(scene: Scene):
    stream = scene.open()
    heard(stream)
    scene.likes("ana")
    item, _ = heard(stream)
    scene.line.clock.move(seconds=1)
    scene.unlikes("ana")
    gone, unread = heard(stream)
    assert (gone.name, gone.data, unread.data) == ("gone", {"id": item.data["id"]}, {"unread": 0})


def test_everybody_hears_of_their_own_feed_alone(scene: Scene):
    bob, also_bob, eve = scene.open(), scene.open(), scene.open("eve")
    for stream in (bob, also_bob, eve):
        heard(stream)
    scene.likes("ana")
    scene.likes("ana", to="eve", thing="post-8")
    told = [heard(stream)[0].data["object"]["id"] for stream in (bob, also_bob, eve)]
    assert told == ["post-7", "post-7", "post-8"]


def test_whoever_comes_back_is_told_what_they_missed(scene: Scene):
    stream = scene.open()
    [mark] = heard(stream)
    stream.close()
    scene.line.clock.move(hours=5)
    scene.likes("ana", thing="p1")
    scene.line.clock.move(seconds=1)
    scene.likes("ana", thing="p2")
    scene.line.clock.move(hours=5)
    told = heard(scene.open(last=mark.id))
    assert names(told) == ["item", "item", "unread"]
    assert [one.data["object"]["id"] for one in told[:2]] == ["p1", "p2"]
    again = scene.open(last=told[-1].id)
    assert names(heard(again)) == ["unread"]


def test_a_change_that_is_committed_late_is_told_all_the_same(scene: Scene):
    stream = scene.open()
    heard(stream)
    scene.likes("ana", thing="p1")
    told = heard(stream)
    scene.line.clock.move(seconds=-20)  # it began before the one that was told, and ends after it
    scene.likes("ben", thing="p2")
    scene.line.clock.move(seconds=20)
    assert heard(stream)[0].data["object"]["id"] == "p2"
    late = heard(scene.open(last=told[-1].id))
    assert {one.data["object"]["id"] for one in late[:-1]} == {"p1", "p2"}


def test_what_is_told_once_is_not_told_again(scene: Scene):
    stream = scene.open()
    heard(stream)
    for number in range(3):
        scene.likes("ana", thing=f"p{number}")
    told = heard(stream)
    while len(told) < 4:
        told += heard(stream)
    scene.likes("ana", thing="another")
    again = heard(stream)
    assert [one.data["object"]["id"] for one in again if one.name == "item"] == ["another"]


def test_what_the_person_blocked_is_gone(scene: Scene):
    stream = scene.open()
    heard(stream)
    scene.line.relate("bob", BLOCK, "ana")
    with scene.line.database.write() as connection:
        connection.execute(text("DELETE FROM relations"))
    scene.likes("ana")
    assert names(heard(stream)) == ["item", "unread"]
    scene.line.relate("bob", BLOCK, "ana")
    scene.line.clock.move(seconds=1)
    scene.reads_all()
    gone, unread = heard(stream)
    assert (gone.name, unread.data) == ("gone", {"unread": 0})


def crowd(scene: Scene, count: int, at: datetime) -> None:
    """So many items that change at the same moment."""
    row = {"user_id": "bob", "type": "like.created", "opened_at": at, "feed_at": at, "changed_at": at}
    rows = [row | {"id": new_id("ntf"), "fold": new_id("f")} for _ in range(count)]
    with scene.line.database.write() as connection:
        connection.execute(insert(Notification), rows)


def test_where_too_much_changed_the_reader_is_sent_to_read_the_feed(scene: Scene):
    stream = scene.open()
    [mark] = heard(stream)
    scene.line.clock.move(seconds=1)
    crowd(scene, MOST_CHANGES + 1, scene.line.clock())
    assert names(heard(stream)) == ["reload", "unread"]
    assert names(heard(scene.open(last=mark.id))) == ["reload", "unread"]


def test_whoever_has_just_read_the_feed_is_not_sent_to_read_it_again(scene: Scene):
    crowd(scene, MOST_CHANGES + 1, scene.line.clock())
    scene.line.clock.move(seconds=1)
    told = heard(scene.open(last=mark_of(scene.line.clock())))
    assert "reload" not in names(told)


@pytest.mark.parametrize("mark", ["", "x", "-1", "1e9", "٣", "9" * 40])
def test_a_mark_that_is_none_of_ours_is_no_moment(mark: str):
    assert moment_of(mark) is None


def test_a_mark_is_a_moment_to_the_microsecond():
    at = START + timedelta(microseconds=123_457)
    assert moment_of(mark_of(at)) == at


def test_whoever_has_a_mark_that_nobody_gave_is_sent_to_read_the_feed(scene: Scene):
    assert names(heard(scene.open(anew=True))) == ["reload", "unread"]


def test_a_slow_reader_is_told_to_read_anew_and_holds_up_nobody(scene: Scene):
    slow, quick = scene.open(), scene.open()
    heard(quick)
    for second in range(1, MOST_WAITING // 150 + 2):
        scene.line.clock.now = START + timedelta(seconds=second)
        crowd(scene, 150, scene.line.clock())
        assert len(heard(quick)) == 151
    assert names(heard(slow, "reload"))[0] == "reload"


def test_a_person_has_only_so_many_streams(scene: Scene):
    streams = [scene.open() for _ in range(PER_PERSON)]
    with pytest.raises(TooManyStreams):
        scene.open()
    scene.open("eve")
    streams[0].close()
    scene.open()


def test_a_process_has_only_so_many_streams(scene: Scene):
    streams = [scene.open(f"u{number}") for number in range(MOST)]
    with pytest.raises(TooManyStreams):
        scene.open("eve")
    streams[-1].close()
    scene.open("eve")


def test_a_stream_ends_when_its_time_is_over(scene: Scene):
    stream = scene.open(seconds=0.2)
    said = list(stream)
    assert said[0] == BEGINNING
    assert said[-1] != ALIVE


def test_a_process_that_stops_ends_its_streams_and_opens_no_more(scene: Scene):
    stream = scene.open()
    scene.streams.stop()
    began = time.monotonic()
    assert list(stream) == [BEGINNING]
    assert time.monotonic() - began < 1
    with pytest.raises(TooManyStreams):
        scene.open()


def test_the_database_is_asked_only_while_somebody_listens(scene: Scene):
    stream = scene.open()
    heard(stream)
    assert scene.streams._watcher
    stream.close()
    eventually(lambda: scene.streams._watcher is None)
    again = scene.open()
    heard(again)
    scene.likes("ana")
    assert names(heard(again)) == ["item", "unread"]


def test_where_nothing_happens_a_sign_of_life_comes(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("notifier.web.stream.HEARTBEAT", 0.05)
    stream = scene.open()
    heard(stream)
    said = iter(stream)
    assert [next(said) for _ in range(3)] == [BEGINNING, ALIVE, ALIVE]


@pytest.fixture
def away(postgres: Postgres) -> Iterator[Scene]:
    """A scene on a database that can be away."""
    yield from scenery(postgres.migrated())


def test_streams_outlive_a_database_that_is_away(away: Scene, postgres: Postgres):
    stream = away.open()
    heard(stream)
    url = away.line.database.url
    postgres.close_doors(url)
    time.sleep(1.2)
    with pytest.raises(DatabaseAway):
        away.open("eve")
    postgres.open_doors(url)
    away.likes("ana")
    assert names(heard(stream)) == ["item", "unread"]
    away.open("eve")
