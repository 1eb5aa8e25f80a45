"""Learning that this process is asked to end, whichever server runs in it and takes the signal."""

import os
import signal
import threading
from collections.abc import Callable

ENDING = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))


def when_stopped(act: Callable[[], None]) -> None:
    """Call `act`, in a thread of its own, when a signal comes that ends the process.

    To be called in the main thread of the process that serves. A server's own handlers stay: Python tells of each
    signal that any handler takes, and whoever was told before still is.
    """
    ours, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(ours, before, act), name="stopping", daemon=True).start()


def _listen(ours: int, before: int, act: Callable[[], None]) -> None:
    while octets := os.read(ours, 64):
        if before != -1:
            os.write(before, octets)
        if ENDING.intersection(octets):
            act()
