"""Whose turn it is to write to SQLite, which has one write lock for all threads of all processes.

SQLite's own wait asks every 100 ms in the end, and would find the lock taken each time where others write without a
pause. So whoever waits asks often, one thread of each process; and what must be fast goes first: others begin no
transaction while somebody who is `first` waits for one.
"""

import fcntl
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

PATIENCE = 5.0  # seconds to wait for the lock
ASK_AGAIN = (0.0005, 0.003)  # seconds between two asks
GIVE_WAY = 0.25  # seconds for which others let the first go first; then they must get on as well
# After a transaction a process leaves the lock alone for a share of the time that it took: its next thread would take
# it again before any other process asks.
REST, LONGEST_REST = 0.25, 0.01


class NoTurn(Exception):
    """The lock was not to be had, or not in time."""


class Turns:
    """The turns of one process at one database file. Set `first` in a process whose writing must be fast."""

    def __init__(self, database: Path) -> None:
        self.first = False
        self._path = database.with_name(database.name + "-first")
        # By process id: after a fork a lock may be held by a thread that is not there, and files are the parent's.
        self._locks: dict[int, threading.Lock] = {}
        self._first_here: dict[int, list[None]] = {}  # an entry for each that is first and waits, or has its turn
        self._files = threading.local()
        self._rests_until = 0.0

    @contextmanager
    def turn(self, *, first: bool = False) -> Iterator[None]:
        """Wait for this process's turn, and leave others theirs afterwards; the `first` go first. Raises `NoTurn`."""
        with self._announced() if first or self.first else nullcontext():
            lock = self._taken(gives_way=not (first or self.first))
            try:
                with self._rested():
                    yield
            finally:
                lock.release()

    def _taken(self, *, gives_way: bool) -> threading.Lock:
        """The process's lock, taken when nobody who is first waits for it; for so long others give way."""
        lock = self._locks.setdefault(os.getpid(), threading.Lock())
        until = time.monotonic() + GIVE_WAY
        while True:
            if not lock.acquire(timeout=PATIENCE):
                raise NoTurn("others of this process write without a pause")
            if not gives_way or not self._must_wait(until):
                return lock
            lock.release()
            _wait_a_little()

    def _must_wait(self, until: float) -> bool:
        """Whether somebody goes first: one of this process in any case, others only for a while.

        Where many threads wait, all have waited for long, and none would give way any more. The one of this process
        that is first records what those have sent: it comes to an end when they send no more.
        """
        if self._first_here.get(os.getpid()):
            return True
        return time.monotonic() <= until and not _is_free(self._file())

    @contextmanager
    def _rested(self) -> Iterator[None]:
        began = time.monotonic()
        time.sleep(max(0.0, self._rests_until - began))
        try:
            yield
        finally:
            ended = time.monotonic()
            self._rests_until = ended + min((ended - began) * REST, LONGEST_REST)

    @contextmanager
    def _announced(self) -> Iterator[None]:
        """Hold the file for all to see, in this process and in others."""
        file, here = self._file(), self._first_here.setdefault(os.getpid(), [])
        fcntl.flock(file, fcntl.LOCK_SH)
        here.append(None)
        try:
            yield
        finally:
            here.pop()
            fcntl.flock(file, fcntl.LOCK_UN)

    def _file(self) -> "_File":
        mine: tuple[int, _File] | None = getattr(self._files, "mine", None)
        if mine is None or mine[0] != os.getpid():
            mine = self._files.mine = (os.getpid(), _File(_opened(self._path)))
        return mine[1]


class _File:
    """An open file of one thread: a lock of this kind belongs to who opened it. Closed when the thread has gone."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """What the system calls it."""
        return self._number

    def __del__(self) -> None:
        os.close(self._number)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NoTurn(f"unable to open {path}: {error.strerror}") from error


def take_write_lock(execute: Callable[[str], object], busy: type[Exception]) -> None:
    """Begin, asking for the lock until it is free. Raises `busy` where it never was."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            execute("BEGIN IMMEDIATE")
        except busy as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        else:
            return
        _wait_a_little()


def _is_free(file: _File) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def _wait_a_little() -> None:
    time.sleep(random.uniform(*ASK_AGAIN))  # noqa: S311 (spreads the asks, guards nothing)
