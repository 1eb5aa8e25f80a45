"""One open stream of a feed: its mailbox, what is sent of it, and the marks by which its reader comes back."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

HEARTBEAT = 15.0  # seconds
MOST_WAITING = 250  # events that a slow reader lets pile up
ALIVE = b": \n\n"
BEGINNING = b"retry: 3000\n\n"
RELOAD = ("reload", "{}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

Known = Mapping[str, datetime]
Said = tuple[str, str]  # the event's name, and its data


@dataclass(slots=True, eq=False)
class Stream:
    """One open connection of a person's browser: iterate over it for what to send, and close it at the end.

    `known` is what its reader knows to have changed lately; None until that was read.
    """

    user: str
    ends_at: float  # monotonic
    on_close: Callable[["Stream"], None]
    known: Known | None = None
    probed_at: float = float("-inf")  # monotonic
    _waiting: deque[bytes] = field(default_factory=deque)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _over: bool = False

    def __iter__(self) -> Iterator[bytes]:
        yield BEGINNING
        while (said := self._next()) is not None:
            yield said

    def say(self, events: Iterable[Said], at: datetime) -> None:
        """Tell the reader; whoever goes on after `at` misses none of it."""
        mark = mark_of(at)
        said = [f"id: {mark}\nevent: {name}\ndata: {data}\n\n".encode() for name, data in events]
        with self._news:
            if len(self._waiting) + len(said) > MOST_WAITING:
                # Its reader is slow, and would be told of what has long changed again.
                self._waiting.clear()
                said = [f"id: {mark}\nevent: {RELOAD[0]}\ndata: {RELOAD[1]}\n\n".encode()]
            self._waiting.extend(said)
            self._news.notify()

    def touch(self) -> None:
        """Send a sign of life: where nobody listens any more, the server finds out."""
        with self._news:
            self._waiting.append(ALIVE)
            self._news.notify()

    def end(self) -> None:
        """Let its reader come back later."""
        with self._news:
            self._over = True
            self._news.notify()

    def close(self) -> None:
        """Its reader is gone."""
        self.end()
        self.on_close(self)

    def _next(self) -> bytes | None:
        with self._news:
            left = self.ends_at - time.monotonic()
            if not self._waiting and not self._over and left > 0:
                self._news.wait(min(HEARTBEAT, left))
            if self._over or time.monotonic() >= self.ends_at:
                return None
            said = b"".join(self._waiting) or ALIVE
            self._waiting.clear()
            return said


def mark_of(at: datetime) -> str:
    """A moment as the `id` of an event."""
    return str((at - _EPOCH) // _TICK)


def moment_of(mark: str) -> datetime | None:
    """The moment of an event's `id`; None where it is none of ours."""
    if not (mark.isascii() and mark.isdigit()):
        return None
    with suppress(OverflowError, ValueError):
        return _EPOCH + int(mark) * _TICK
    return None
