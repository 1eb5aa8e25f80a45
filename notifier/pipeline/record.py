"""Recording: every try is stored as soon as it is answered, in the small groups that form while a commit runs."""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from sqlalchemy.exc import DBAPIError

from notifier.pipeline import Clock
from notifier.store.database import Database, DatabaseAway
from notifier.store.outbox import Outbox, Try

log = logging.getLogger(__name__)

GROUP = 200
MOST_OPEN = 16  # results of a process that are not stored; with more, nothing further is sent meanwhile
SHORTEST_WAIT, LONGEST_WAIT = 0.1, 1.0  # seconds between tries to store while the database is away
LAST_TRIES = 8  # of a process that is to end


@dataclass(frozen=True, slots=True)
class Result:
    """A try of a claimed delivery, and what it means beyond that delivery."""

    token: str
    made: Try
    address: str
    retires: str = ""  # the address's value, where nothing is to be sent to it again
    origin: str = ""
    pause_until: datetime | None = None


class Recorder:
    """One thread per process that stores results and keeps the claims of living chunks from running out.

    A result that is not recorded is sent again, so recording outlasts any absence of the database. Set `stopping`
    where the process is to end: it then waits some seconds, not longer.
    """

    def __init__(self, database: Database, *, worker: str, lease: timedelta, clock: Clock) -> None:
        self._database = database
        self.stopping = threading.Event()
        self._worker = worker
        self._lease = lease
        self._clock = clock
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._open: Counter[str] = Counter()  # results handed in and not yet stored, by living token
        self._answered: dict[str, set[str]] = {}  # deliveries with a result, by living token
        self._unrecorded: set[str] = set()  # living tokens with a result that could not be stored
        self._claims: dict[str, Sequence[str]] = {}  # the deliveries claimed by each living token
        self._held_until: dict[str, float] = {}  # monotonic seconds, by living token
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def chunk(self, token: str, ids: Sequence[str]) -> Iterator[None]:
        """While inside, the token's claims on these deliveries are kept.

        Leaves when all its results are stored; gives back the rest.
        """
        with self._changed:
            self._open[token] = 0
            self._answered[token] = set()
            self._claims[token] = ids
            self._held_until[token] = time.monotonic() + self._lease.total_seconds()
            # After a fork the thread is the parent's and not alive here.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._changed.wait_for(lambda: self._open[token] == 0)
                del self._open[token], self._claims[token], self._held_until[token]
                answered = self._answered.pop(token)
        if token in self._unrecorded:
            # Sent perhaps, and not to be sent again at once: the end of the lease charges it as a try.
            self._unrecorded.discard(token)
            return
        if rest := [one for one in ids if one not in answered]:
            self._database.transact(lambda tx: Outbox(tx).release(rest, token, self._clock()))

    def holds(self, token: str) -> bool:
        """Whether a living token's claims are surely still ours: they could be renewed in time."""
        return time.monotonic() < self._held_until[token]

    def catch_up(self, token: str) -> None:
        """Wait while too many results are not stored: whatever they tell of is sent again should the process die.

        Senders are many and this thread is one, so that they would run ahead of it.
        """
        with self._changed:
            while sum(self._open.values()) >= MOST_OPEN and self.holds(token) and not self.stopping.is_set():
                self._changed.wait(SHORTEST_WAIT)

    def put(self, result: Result) -> None:
        """Hand in a result, from any thread."""
        with self._changed:
            self._open[result.token] += 1
            self._answered[result.token].add(result.made.delivery)
        self._results.put(result)

    def _run(self) -> None:
        every = self._lease.total_seconds() / 3
        renewed = time.monotonic()
        while True:
            group = self._take(every)
            if group:
                self._store(group)
            if time.monotonic() - renewed >= every:
                renewed = time.monotonic()
                self._renew()

    def _take(self, seconds: float) -> list[Result]:
        try:
            group = [self._results.get(timeout=seconds)]
        except queue.Empty:
            return []
        while len(group) < GROUP and not self._results.empty():
            group.append(self._results.get())
        return group

    def _store(self, group: Sequence[Result]) -> None:
        self._keep(group)
        with self._changed:
            for result in group:
                self._open[result.token] -= 1
            self._changed.notify_all()

    def _keep(self, group: Sequence[Result]) -> None:
        try:
            self._write_patiently(group)
        except DatabaseAway as error:
            log.error("%d results not recorded, their deliveries will be tried again: %s", len(group), error)  # noqa: TRY400 (the cause says it all)
            self._unrecorded |= {result.token for result in group}
        except Exception:  # the thread must outlive what cannot be stored: others wait for theirs
            if len(group) == 1:
                log.exception("result not recorded, its delivery will be tried again: %s", group[0].made)
                self._unrecorded.add(group[0].token)
                return
            for result in group:
                self._keep([result])

    def _write_patiently(self, group: Sequence[Result]) -> None:
        wait, tries_left = SHORTEST_WAIT, LAST_TRIES
        while True:
            try:
                # First: what is sent and not recorded would be sent again, should this process die.
                return self._database.transact(lambda tx: self._write(Outbox(tx), group), first=True)
            except DatabaseAway as error:
                tries_left -= self.stopping.is_set()
                if not tries_left:
                    raise
                log.warning("the database is away, %d results wait to be recorded: %s", len(group), error)
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _write(self, outbox: Outbox, group: Sequence[Result]) -> None:
        now = self._clock()
        outbox.note([result.made for result in group], self._worker)
        delivered = [result.address for result in group if result.made.outcome == "delivered"]
        if delivered:
            outbox.touch(delivered, now)
        for result in group:
            if result.retires:
                why = f"{result.made.code} {result.made.text}"
                outbox.retire(result.address, result.retires, why=why, now=now)
            if result.pause_until:
                outbox.pause(result.origin, result.pause_until, f"{result.made.code} {result.made.text}")
        for token, results in groupby(sorted(group, key=attrgetter("token")), key=attrgetter("token")):
            outbox.follow([result.made for result in results], token, now)

    def _renew(self) -> None:
        with self._changed:
            claims = dict(self._claims)
        if not claims:
            return
        until = time.monotonic() + self._lease.total_seconds()
        try:
            self._database.transact(lambda tx: self._renew_all(Outbox(tx), claims), first=True)
        except (DatabaseAway, DBAPIError) as error:
            log.warning("claims not renewed, tried again soon: %s", error)
            return
        with self._changed:
            self._held_until |= {token: until for token in claims if token in self._held_until}

    def _renew_all(self, outbox: Outbox, claims: Mapping[str, Sequence[str]]) -> None:
        due_at = self._clock() + self._lease
        for token, ids in sorted(claims.items()):
            outbox.renew(ids, token, due_at)
