"""What the supervisor keeps alive: one role is one process, forked, bound to the supervisor's life, ended cleanly."""

import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

log = logging.getLogger(__name__)

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One process: what it runs, and how it is started and stopped.

    `run` is called in the forked child and blocks until SIGTERM; it may also exec another program. `ready` is asked in
    the supervisor, must be quick and must not raise; None is ready as soon as it runs. Roles of the same `kind` that
    stand side by side are stopped together. `grace` is seconds between SIGTERM and SIGKILL, None as long as it takes.
    The sockets of `listens` were bound by the supervisor: they outlive this child, and no other child holds them.
    `advice` is a sentence for the operator, told when the role does not start.
    """

    name: str
    kind: str
    run: Callable[[], object]
    ready: Callable[[], bool] | None = None
    ready_within: float = 30.0
    grace: float | None = 3.0
    listens: tuple[socket.socket, ...] = ()
    advice: str = ""


def fork(role: Role, *, roles: Iterable[Role]) -> int:
    """Start `role`, one of `roles`, in a new process and give its pid. Raises OSError where the system has no room."""
    parent = os.getpid()
    _flush()
    # A signal that comes before the child has let go of the supervisor's wiring would be taken for the supervisor's.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _live(role, roles=roles, parent=parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
    return pid


def _live(role: Role, *, roles: Iterable[Role], parent: int) -> NoReturn:
    """Be the child: nothing that happens in here may run on into the supervisor's own code."""
    code = 1
    try:
        _part_from(parent)
        for listener in (held for other in roles if other is not role for held in other.listens):
            listener.close()
        role.run()
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
        if isinstance(left.code, str):
            log.critical("%s: %s", role.name, left.code)
    except BaseException:
        log.exception("%s failed", role.name)
    finally:
        _flush()
        os._exit(code)


def _part_from(parent: int) -> None:
    """Take a session of its own, so that Ctrl-C reaches only the supervisor, and end when the supervisor is gone."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (*STOPS, signal.SIGCHLD):
        if signal.getsignal(number) is not signal.SIG_IGN:  # SIGHUP is ignored under nohup
            signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if os.getppid() != parent:  # it died before the line above could tell
        os._exit(0)


def _flush() -> None:
    """Write what is buffered, else both processes would; a reader that went away is no reason to stop."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def ending(status: int) -> str:
    """How a child ended, from its wait status: `by SIGKILL` or `with exit code 1`."""
    code = os.waitstatus_to_exitcode(status)
    return f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
