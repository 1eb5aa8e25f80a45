"""One `notifier up` per data folder, and how other commands find it.

Two locks say who lives: `up.lock` is held by `up` alone, `children.lock` by all its processes. So an `up` that follows
a killed one can wait until the port and the broker's socket are free again. Both locks end with their processes.
"""

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from notifier.supervisor.files import private_folder, write_json

PATIENCE = 0.5  # seconds; `running` holds the lock for a moment too, that must not look like a second `up`


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What is known of a running `up`. `started_at` is RFC 3339 UTC; `broker_options` are kombu's transport options.

    `mail_port` is where the local mail catcher listens; 0 where there is none. `clock_shift` is by how many seconds its
    clock is ahead of the machine's.
    """

    url: str
    broker_url: str
    started_at: str
    admin_url: str = ""
    mail_port: int = 0
    clock_shift: float = 0.0
    broker_options: Mapping[str, Any] = field(default_factory=dict)
    pids: Mapping[str, Sequence[int]] = field(default_factory=dict)


class AlreadyRunning(Exception):
    """Another `up` has this data folder. `running` is None while that one is still starting."""

    def __init__(self, data_dir: Path, running: Running | None) -> None:
        where = f"at {running.url}" if running else "and is just starting"
        super().__init__(f"Notifier already runs with the data in {data_dir}, {where}.")
        self.running = running


def running(data_dir: Path) -> Running | None:
    """The `up` that serves this data folder now; None where there is none or it is not ready yet."""
    try:
        with (_run(data_dir) / "up.lock").open(encoding="utf-8") as lock:
            if _locked(lock, fcntl.LOCK_SH):
                return None
        return Running(**json.loads((_run(data_dir) / "up.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


class Hold:
    """The data folder, held until exit. Entering raises AlreadyRunning; afterwards `publish` tells others of us."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def __enter__(self) -> Self:
        folder = private_folder(_run(self._data_dir))
        self._lock = _open(folder / "up.lock")
        if not _locked_within(self._lock, PATIENCE):
            self._lock.close()
            raise AlreadyRunning(self._data_dir, running(self._data_dir))
        os.register_at_fork(after_in_child=self._lock.close)
        (folder / "up.json").unlink(missing_ok=True)
        self._children = _open(folder / "children.lock")
        os.set_inheritable(self._children.fileno(), True)  # the broker, an exec'd program, holds it too
        return self

    def wait_for_orphans(self, seconds: float) -> bool:
        """Wait for the processes of an earlier `up` that was killed; False if some still live after `seconds`.

        To be called before the first fork: from then on our own processes hold this lock.
        """
        return _locked_within(self._children, seconds)

    def publish(self, told: Running) -> None:
        """Let `running` give `told`."""
        write_json(_run(self._data_dir) / "up.json", asdict(told))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        (_run(self._data_dir) / "up.json").unlink(missing_ok=True)
        self._children.close()
        self._lock.close()


def _run(data_dir: Path) -> Path:
    return data_dir / "run"


def _open(path: Path) -> TextIO:
    path.touch(mode=0o600)
    return path.open("a", encoding="utf-8")


def _locked_within(lock: TextIO, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not _locked(lock, fcntl.LOCK_EX):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _locked(lock: TextIO, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
