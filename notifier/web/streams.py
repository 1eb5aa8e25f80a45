"""Feeds as they change: one thread of this process asks the database for all open streams, and tells each its news.

It asks twice a second while there are streams, so that whatever process made the change, all of them hear of it. What
is told are states, not steps: an item as it stands now, or that it is gone. Whoever hears the same twice loses nothing.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from notifier.channels import Notice
from notifier.channels.wording import Wording
from notifier.policy.catalogue import Catalogue
from notifier.store.database import Database, DatabaseAway
from notifier.store.feed import Feed, FeedItem
from notifier.store.people import People
from notifier.web.items import item_shape, reader
from notifier.web.stream import RELOAD, Known, Said, Stream

log = logging.getLogger(__name__)

POLL = 0.5  # seconds
OVERLAP = timedelta(seconds=30)  # for transactions that commit late, and clocks that differ
LONGEST = 3_600.0  # seconds of one stream; browsers come back by themselves
MOST_CHANGES = 200  # told item by item; whoever has more to learn reads the feed anew
PER_PERSON = 5
# The first write to a connection whose other end is gone is taken, and a later one refused.
PROBES, PROBE, PROBE_AGAIN = 3, 0.1, 1.0  # how often, and seconds


class TooManyStreams(Exception):
    """This process holds as many streams as it may, or this person does."""


class Streams:
    """The open streams of this process, at most so many."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        word: Callable[[Notice], Wording],
        clock: Callable[[], datetime],
        most: int,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._word = word
        self._clock = clock
        self._most = most
        self._open: set[Stream] = set()
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._watcher: threading.Thread | None = None
        self._stopping = False

    def open(self, user: str, last: datetime | None, *, seconds: float = LONGEST, anew: bool = False) -> Stream:
        """A stream of this person's feed that ends after so many seconds at the latest.

        It begins with what changed since `last`, the mark of what its reader heard; with `anew` its reader has to read
        the whole feed first. Raises `TooManyStreams`, `DatabaseAway`.
        """
        self._probe(user)
        stream = Stream(user, time.monotonic() + min(seconds, LONGEST), self._forget)
        with self._lock:
            if self._stopping or len(self._open) >= self._most or self._count(user) >= PER_PERSON:
                raise TooManyStreams
            self._open.add(stream)
        try:
            self._begin(stream, last, anew=anew)
        except BaseException:
            stream.close()
            raise
        self._watch_on()
        return stream

    def wake(self) -> None:
        """Something was changed in this process: look at once."""
        self._hurry.set()

    def stop(self) -> None:
        """End every stream, and open no more: this process is about to end."""
        with self._lock:
            self._stopping = True
            streams = list(self._open)
        for stream in streams:
            stream.end()
        self.wake()

    def _count(self, user: str) -> int:
        return sum(stream.user == user for stream in self._open)

    def _probe(self, user: str) -> None:
        """Find out which of this person's streams nobody listens to any more: those of a page that was loaded again."""
        theirs = self._of(user)
        now = time.monotonic()
        # Not for each of those who come again and again: whoever waits here keeps others waiting.
        if len(theirs) < PER_PERSON or any(now - stream.probed_at < PROBE_AGAIN for stream in theirs):
            return
        for _ in range(PROBES):
            for stream in theirs:
                stream.probed_at = now
                stream.touch()
            time.sleep(PROBE)
            theirs = self._of(user)
            if len(theirs) < PER_PERSON:
                return

    def _of(self, user: str) -> list[Stream]:
        with self._lock:
            return [stream for stream in self._open if stream.user == user]

    def _forget(self, stream: Stream) -> None:
        with self._lock:
            self._open.discard(stream)

    def _begin(self, stream: Stream, last: datetime | None, *, anew: bool) -> None:
        now = self._clock()
        since = min(last or now, now) - OVERLAP
        with self._database.read() as connection:
            feed = Feed(connection, self._catalogue)
            known = feed.changed([stream.user], since, MOST_CHANGES + 1)[stream.user]
            told = _in_order(known)[-MOST_CHANGES:] if last else []
            said = self._say(connection, {stream.user: told})
            unread = _unread(feed.unread(stream.user))
        # Of the overlap alone there may be more than is told: whoever just read the feed must not be sent to read it.
        if anew or (last and sum(at > last for at in known.values()) > MOST_CHANGES):
            stream.say([RELOAD, unread], now)
        else:
            stream.say([*(said[id_] for id_ in told), unread], now)
        stream.known = known

    def _watch_on(self) -> None:
        with self._lock:
            if self._watcher is None and not self._stopping:
                self._watcher = threading.Thread(target=self._watch, name="feed streams", daemon=True)
                self._watcher.start()

    def _watch(self) -> None:
        try:
            while streams := self._still_open():
                self._hurry.clear()
                try:
                    self._round([stream for stream in streams if stream.known is not None])
                except DatabaseAway as error:
                    log.warning("feed streams wait for the database: %s", error)
                self._hurry.wait(POLL)
        finally:
            self._let_go()

    def _still_open(self) -> list[Stream]:
        with self._lock:
            if self._stopping or not self._open:
                self._watcher = None
                return []
            return list(self._open)

    def _let_go(self) -> None:
        """Whatever ended the watching, no stream stays open that nobody feeds."""
        with self._lock:
            if self._watcher is not threading.current_thread():
                return
            self._watcher, left = None, list(self._open)
        for stream in left:
            stream.end()

    def _round(self, streams: Sequence[Stream]) -> None:
        """Tell each of these streams what it does not know yet."""
        now = self._clock()
        users = {stream.user for stream in streams}
        if not users:
            return
        with self._database.read() as connection:
            feed = Feed(connection, self._catalogue)
            changed = feed.changed(users, now - OVERLAP, MOST_CHANGES + 1)
            fresh = [(stream, _fresh(changed[stream.user], stream.known or {})) for stream in streams]
            news: dict[str, set[str]] = {}
            for stream, changes in fresh:
                if changes and len(changes) <= MOST_CHANGES:
                    news.setdefault(stream.user, set()).update(changes)
            said = self._say(connection, news)
            unread = {stream.user: _unread(feed.unread(stream.user)) for stream, changes in fresh if changes}
        for stream, changes in fresh:
            if changes:
                told = [said[id_] for id_ in _in_order(changes)] if len(changes) <= MOST_CHANGES else [RELOAD]
                stream.say([*told, unread[stream.user]], max(changes.values()))
            stream.known = changed[stream.user]

    def _say(self, connection: Connection, changes: Mapping[str, Collection[str]]) -> dict[str, Said]:
        """What is to be said of each of these items of these people, by its id."""
        ids = [id_ for some in changes.values() for id_ in some]
        if not ids:
            return {}
        people = People(connection)
        readers = {user: reader(user, people.profile(user), self._word) for user in changes}
        items = Feed(connection, self._catalogue).items(ids)
        return {item.id: _said(item, lambda one: item_shape(one, readers[one.user])) for item in items}


def _said(item: FeedItem, shape: Callable[[FeedItem], dict[str, Any]]) -> Said:
    if not item.stands:
        return "gone", json.dumps({"id": item.id})
    return "item", json.dumps(shape(item), ensure_ascii=False)


def _unread(count: int) -> Said:
    return "unread", json.dumps({"unread": count})


def _fresh(changed: Known, known: Known) -> dict[str, datetime]:
    return {id_: at for id_, at in changed.items() if known.get(id_) != at}


def _in_order(changes: Known) -> list[str]:
    return sorted(changes, key=lambda id_: (changes[id_], id_))
