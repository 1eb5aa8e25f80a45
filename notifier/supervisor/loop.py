"""The supervisor: starts the roles in order, starts again what dies, and stops them in the opposite order."""

import gc
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from notifier.supervisor.roles import STOPS, Role, ending, fork
from notifier.supervisor.signals import Signals

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0  # seconds before a dead child is replaced, doubling
SETTLED = 30.0  # seconds of life after which the pause is short again
TRIES_AT_START = 3
SECOND_PRESS = 0.5  # seconds; closer together, two SIGINTs are one (`timeout -s INT` sends it to child and group)

Pids = Mapping[str, Sequence[int]]


class StartFailed(Exception):
    """A role did not become ready. The message is a sentence for the operator."""


@dataclass(slots=True, eq=False)
class _Child:
    role: Role
    pid: int = 0  # 0 while there is none
    started_at: float = 0.0
    due_at: float | None = None  # when it is to be started again
    pause: float = FIRST_PAUSE
    deaths: int = 0
    ended: str = ""
    forced: bool = False


class Supervisor:
    """Keeps `roles`, given in the order of their start, alive until SIGTERM, SIGINT or SIGHUP.

    `on_change` gets the pids per kind when all is ready and whenever a child was replaced. `say` gets sentences for the
    operator and must not raise. To be run in the main thread of a process without other threads, since it forks.
    """

    def __init__(self, roles: Iterable[Role], *, on_change: Callable[[Pids], None], say: Callable[[str], None]) -> None:
        self._children = [_Child(role) for role in roles]
        self._on_change = on_change
        self._say = say
        self._ready = False
        self._stopping = False
        self._stopped_at = 0.0
        self._hurry = False

    def run(self) -> None:
        """Start, watch, stop. Returns after an asked stop. Raises StartFailed, with everything stopped again."""
        gc.collect()
        gc.freeze()  # what was imported stays in pages that the children share
        with Signals() as self._signals:
            try:
                self._start()
                while not self._stopping:
                    self._watch(1.0)
            finally:
                self._stop()

    def _start(self) -> None:
        for child in self._children:
            self._bring_up(child)
            if self._stopping:
                return
        self._ready = True
        self._on_change(self._pids())

    def _bring_up(self, child: _Child) -> None:
        role = child.role
        deadline = time.monotonic() + role.ready_within
        self._fork(child)
        while not self._stopping and not (child.pid and (role.ready is None or role.ready())):
            if child.deaths >= TRIES_AT_START:
                raise StartFailed(
                    f"{role.name} does not start: it ended {child.ended}, {child.deaths} times. {role.advice}".rstrip()
                )
            if time.monotonic() > deadline:
                raise StartFailed(f"{role.name} is not ready after {role.ready_within:g} s. {role.advice}".rstrip())
            self._watch(0.02)

    def _watch(self, longest: float) -> None:
        """Wait for news, at most `longest` seconds, and bury and replace the dead."""
        now = time.monotonic()
        self._listen(min([longest, *(child.due_at - now for child in self._children if child.due_at)]))
        if self._stopping:
            return
        for child in self._children:
            if child.due_at and child.due_at <= time.monotonic():
                self._replace(child)

    def _listen(self, seconds: float) -> None:
        heard = self._signals.wait(seconds)
        if self._stopping and signal.SIGINT in heard and time.monotonic() > self._stopped_at + SECOND_PRESS:
            self._hurry = True
        if not self._stopping and heard.intersection(STOPS):
            self._stopping, self._stopped_at = True, time.monotonic()
        for pid, status in _dead():
            for child in self._children:
                if child.pid == pid:
                    self._bury(child, ending(status))

    def _bury(self, child: _Child, ended: str) -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # the processes it left behind, such as a pool
        pid, child.pid = child.pid, 0
        if self._stopping:
            return
        if time.monotonic() - child.started_at > SETTLED:
            child.pause = FIRST_PAUSE
        child.deaths += 1
        child.ended = ended
        self._say(f"{child.role.name} (process {pid}) ended {ended}. Starting it again in {child.pause:g} s.")
        self._postpone(child)

    def _postpone(self, child: _Child) -> None:
        child.due_at = time.monotonic() + child.pause
        child.pause = min(child.pause * 2, LONGEST_PAUSE)

    def _replace(self, child: _Child) -> None:
        try:
            self._fork(child)
            self._say(f"{child.role.name} was started again, now process {child.pid}.")
            if self._ready:
                self._on_change(self._pids())
        except OSError as error:  # no room for a process, or a full disk: neither ends the service
            self._say(f"{child.role.name}: {error}")
            if not child.pid:
                self._postpone(child)

    def _fork(self, child: _Child) -> None:
        child.pid = fork(child.role, roles=[other.role for other in self._children])
        child.started_at, child.due_at = time.monotonic(), None

    def _pids(self) -> dict[str, list[int]]:
        kinds = dict.fromkeys(child.role.kind for child in self._children)
        return {
            kind: [child.pid for child in self._children if child.pid and child.role.kind == kind] for kind in kinds
        }

    def _stop(self) -> None:
        """Last started, first stopped: those who need another are gone before it."""
        self._stopping, self._stopped_at = True, self._stopped_at or time.monotonic()
        for kind, group in groupby(reversed(self._children), key=lambda child: child.role.kind):
            living = [child for child in group if child.pid]
            if living:
                self._say(f"Stopping: {kind}.")
                self._end(living)

    def _end(self, group: Sequence[_Child]) -> None:
        began = time.monotonic()
        for child in group:
            os.kill(child.pid, signal.SIGTERM)
            os.kill(child.pid, signal.SIGCONT)  # a paused process hears nothing else
        while any(child.pid for child in group):
            for child in group:
                self._force(child, began)
            self._listen(0.1)

    def _force(self, child: _Child, began: float) -> None:
        over = child.role.grace is not None and time.monotonic() > began + child.role.grace
        if child.pid and not child.forced and (over or self._hurry):
            child.forced = True
            self._say(f"{child.role.name} (process {child.pid}) is ended by force.")
            os.kill(child.pid, signal.SIGKILL)


def _dead() -> Iterator[tuple[int, int]]:
    """Every child that ended since the last look, as (pid, wait status)."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found
