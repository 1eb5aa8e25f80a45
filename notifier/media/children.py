"""Runs work in a child process that is bounded in time, memory and what it writes, and kills all of it at the end."""

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from notifier.policy.media import Cause, Refused

ROOT = Path(__file__).parents[2]
TICK = 0.25  # seconds between two looks at the clock
LONGEST_LINE = 64 * 1024
KEPT = 64 * 1024  # octets of what it says beside its lines
_FULL = ("No space left on device", "File too large", "Disk quota exceeded")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may take: seconds on the clock, seconds of a processor, octets of memory and of one file."""

    seconds: float
    cpu: int
    memory: int
    octets: int


@dataclass(slots=True)
class Heard:
    """What a child said so far beside its lines, and how it ended."""

    complaints: bytearray = field(default_factory=bytearray)
    status: int | None = None

    @property
    def text(self) -> str:
        return self.complaints.decode("utf-8", "replace")


class Stopped(Exception):
    """The worker is to end, and its child was killed in the middle."""


class Child:
    """One child at work. Iterate over it for its lines; None says that it is still at it, several times a second.

    Raises `Refused` where it ran out of time or memory, and `Stopped` once `stopping` is set.
    """

    def __init__(
        self, started: "subprocess.Popen[bytes]", bounds: Bounds, stopping: threading.Event, heard: Heard
    ) -> None:
        self._started = started
        self._until = time.monotonic() + bounds.seconds
        self._bounds = bounds
        self._stopping = stopping
        self.heard = heard

    def __iter__(self) -> Iterator[str | None]:
        line = bytearray()
        for octets in self._octets():
            line += octets
            *whole, line = line.split(b"\n")
            if len(line) > LONGEST_LINE:
                raise Refused(Cause.BROKEN, "It made its decoder say more than anybody wants to hear.")
            yield from (one.decode("utf-8", "replace") for one in whole)
            if not octets:
                yield None
        self.heard.status = self._started.wait(max(0.1, self._until - time.monotonic()))
        self._look_at_the_end()

    def _octets(self) -> Iterator[bytes]:
        """What it says, as it says it, and nothing now and then, so that the caller can do what is due."""
        out, complaints = self._started.stdout, self._started.stderr
        assert out is not None  # noqa: S101 (both were asked for)
        assert complaints is not None  # noqa: S101
        with selectors.DefaultSelector() as selector:
            for stream in (out, complaints):
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                self._check()
                for key, _ in selector.select(TICK):
                    octets = os.read(key.fd, LONGEST_LINE)
                    if not octets:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is out:
                        yield octets
                    else:
                        self._complained(octets)
                yield b""

    def _complained(self, octets: bytes) -> None:
        kept = self.heard.complaints
        kept += octets
        del kept[: max(0, len(kept) - KEPT)]

    def _check(self) -> None:
        if self._stopping.is_set():
            raise Stopped
        if time.monotonic() > self._until:
            raise Refused(Cause.OUT_OF_TIME, f"It may take {self._bounds.seconds:.0f} s.")

    def _look_at_the_end(self) -> None:
        if self.heard.status in (-signal.SIGXCPU, -signal.SIGKILL):
            raise Refused(Cause.OUT_OF_TIME, f"It may take {self._bounds.cpu} s of a processor.")
        if "Cannot allocate memory" in self.heard.text or "MemoryError" in self.heard.text:
            raise Refused(Cause.OUT_OF_MEMORY)
        if any(words in self.heard.text for words in _FULL):
            raise Refused(Cause.NO_SPACE)


@contextmanager
def child(wish: Mapping[str, Any], bounds: Bounds, folder: Path, stopping: threading.Event) -> Iterator[Child]:
    """A child that does what is wished, in that folder; at the end all of its process group is killed.

    `wish` has a `command` that it becomes, or a `job` of pictures.
    """
    # -B: what is bound in what it writes must not keep half of a module's code for others.
    started = subprocess.Popen(
        [sys.executable, "-P", "-B", "-m", "notifier.media.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        # Nothing of ours: there are secrets in it.
        env={"PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "HOME": str(folder), "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    told = json.dumps({**wish, "bounds": asdict(bounds), "parent": os.getpid()})
    try:
        assert started.stdin is not None  # noqa: S101 (it was asked for)
        _give(started.stdin, told.encode())
        yield Child(started, bounds, stopping, Heard())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        for stream in (started.stdin, started.stdout, started.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


def _give(stream: IO[bytes], told: bytes) -> None:
    with suppress(BrokenPipeError):  # it died at once: how, its end tells
        stream.write(told)
        stream.close()
