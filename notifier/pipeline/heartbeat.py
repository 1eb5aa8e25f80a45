"""A worker's heartbeat: every few seconds it stores that it lives and what it does, so that pages need not ask it."""

import logging
import os
import resource
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from notifier.pipeline import Clock
from notifier.store.database import Database, DatabaseAway
from notifier.store.workers import WorkerEntry, Workers

log = logging.getLogger(__name__)

BEAT = 10.0  # seconds
UNSEEN_AT_THE_END = 1.0  # seconds that a worker which ends waits for its beat


@dataclass(frozen=True, slots=True)
class Work:
    """One task under way: what it does, and since when."""

    what: str
    since: datetime


class Heartbeat:
    """Counts the tasks of this process and beats in a thread of its own. `version` is that of the code it runs."""

    def __init__(self, database: Database, version: str, clock: Clock) -> None:
        self._database = database
        self._version = version
        self._clock = clock
        self._under_way: dict[int, Work] = {}
        self._done = 0
        self._failed = 0
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, queues: Sequence[str], threads: int) -> None:
        """Be heard of from now on. To be called in the process that works, after any fork."""
        born = WorkerEntry(
            f"{socket.gethostname()}:{os.getpid()}",
            ",".join(queues),
            threads,
            self._version,
            started_at=self._clock(),
            seen_at=self._clock(),
        )
        self._ending.clear()
        self._thread = threading.Thread(target=self._beat, args=[born], name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Be forgotten at once: this worker ends as it should."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(UNSEEN_AT_THE_END)

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """While inside, this thread does that; one that raises counts as failed."""
        here, failed = threading.get_ident(), True
        with self._lock:
            self._under_way[here] = Work(what, self._clock())
        try:
            yield
            failed = False
        finally:
            with self._lock:
                del self._under_way[here]
                self._done += 1
                self._failed += failed

    def stands(self, born: WorkerEntry) -> WorkerEntry:
        """How the worker stands now."""
        with self._lock:
            under_way = sorted(self._under_way.values(), key=lambda work: work.since)
            done, failed = self._done, self._failed
        oldest = under_way[0] if under_way else None
        return WorkerEntry(
            born.name,
            born.queues,
            born.threads,
            born.version,
            started_at=born.started_at,
            seen_at=self._clock(),
            doing=oldest.what if oldest else "",
            doing_since=oldest.since if oldest else None,
            busy=len(under_way),
            done=done,
            failed=failed,
            memory=resident(),
        )

    def _beat(self, born: WorkerEntry) -> None:
        while True:
            self._store(born)
            if self._ending.wait(BEAT):
                break
        try:
            self._database.transact(lambda tx: Workers(tx).leave(born.name))
        except (DatabaseAway, DBAPIError) as error:
            log.warning("the worker ends, and is shown as silent for a day: %s", error)

    def _store(self, born: WorkerEntry) -> None:
        try:
            self._database.transact(lambda tx: Workers(tx).beat(self.stands(born)))
        except (DatabaseAway, DBAPIError) as error:
            log.warning("not heard of this time; the next beat comes in %g s: %s", BEAT, error)


def resident() -> int:
    """The resident memory of this process in octets; where the system does not tell, the most that it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")
