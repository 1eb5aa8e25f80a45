"""Signals as something to wait for, so that none of them interrupts a step half done."""

import select
import signal
import socket
from types import TracebackType
from typing import Self

from notifier.supervisor.roles import STOPS


class Signals:
    """While entered, stop signals and the ends of children are only noted; `wait` gives them."""

    def __enter__(self) -> Self:
        self._heard, self._noted = socket.socketpair()
        self._heard.setblocking(False)
        self._noted.setblocking(False)
        # Under nohup SIGHUP is ignored, and stays so.
        wanted = [each for each in STOPS if (each, signal.getsignal(each)) != (signal.SIGHUP, signal.SIG_IGN)]
        signal.set_wakeup_fd(self._noted.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, lambda *_: None) for number in (*wanted, signal.SIGCHLD)}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._before)
        return self

    def wait(self, seconds: float) -> set[int]:
        """The signals that came, waiting at most `seconds` for the first of them."""
        readable, _, _ = select.select([self._heard], [], [], max(seconds, 0))
        return set(self._heard.recv(4096)) if readable else set()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(-1)
        self._heard.close()
        self._noted.close()
