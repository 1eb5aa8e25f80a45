"""Supervisors as real processes, and what is left of them cleared away."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], object], *, within: float = 10.0) -> float:
    """Wait for `condition`; gives the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, "waited in vain"
        time.sleep(0.01)
    return time.monotonic() - began


def gone(pid: int) -> bool:
    """Whether the process ended; as a zombie it did too, somebody has only not asked yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass
class Play:
    """One supervisor process over one scene of the stage."""

    process: subprocess.Popen[bytes]
    folder: Path

    def pids(self) -> dict[str, list[int]]:
        path = self.folder / "pids.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def lines(self, book: str) -> list[str]:
        path = self.folder / book
        return path.read_text().splitlines() if path.exists() else []

    def refusal(self) -> str:
        """What it wrote when it ended with 1."""
        assert self.process.wait(15) == 1
        return (self.folder / "stderr").read_text()

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


def _hear_hangups() -> None:
    """Under nohup the tests ignore SIGHUP, and the service would inherit that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Callable[..., Play]]:
    plays: list[Play] = []

    def start(scene: str, *, ready: bool = True, folder: Path = tmp_path) -> Play:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pids.json").unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.supervisor.stage", scene, str(folder)]
        with (folder / "stderr").open("w") as stderr:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=_hear_hangups,  # noqa: PLW1509 (no threads here)
            )
        plays.append(Play(process, folder))
        if ready:
            until(lambda: plays[-1].pids() or process.poll() is not None)
            assert plays[-1].pids(), plays[-1].lines("stderr")
        return plays[-1]

    yield start
    for shown in plays:
        _clear(shown)


def _clear(shown: Play) -> None:
    """End what a test left running; a test that passed left at most the supervisor and its children."""
    if shown.process.poll() is None:
        for child in psutil.Process(shown.process.pid).children(recursive=True):
            child.kill()
        shown.process.kill()
    shown.process.wait(15)
