"""A scheduler in a process of its own, by a clock that the test moves, with a kind whose acts leave their marks.

`python -m tests.scheduling FOLDER DATABASE_URL` runs one: the clock is `FOLDER/clock`, seconds ahead of the real one.
An act of the kind `mark` writes a line when it begins and one when it ends, and lasts as long as its arguments say.
"""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from notifier.app.parts import Parts, now
from notifier.app.roles import run_scheduler, start_logging
from notifier.pipeline.kinds import Call, Kind
from tests.stack import ROOT
from tests.web.api import make_parts


class MovedClock:
    """The real clock, moved by what a file says."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"

    def __call__(self) -> datetime:
        return now() + timedelta(seconds=float(self._file.read_text()))

    def show(self, moment: str) -> None:
        """Let it be this moment (UTC) now."""
        ahead = datetime.fromisoformat(moment).replace(tzinfo=UTC) - now()
        new = self._file.with_suffix(".new")
        new.write_text(str(ahead.total_seconds()))
        new.rename(self._file)


def start_scheduler(folder: Path, database_url: str) -> subprocess.Popen[bytes]:
    """Start one; the caller ends it."""
    with (folder / "scheduler.log").open("ab") as log:
        command = [sys.executable, "-m", "tests.scheduling", str(folder), database_url]
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def marks(folder: Path) -> list[list[str]]:
    """What acts have written: the run's key, `begun` or `ended`, and the process."""
    path = folder / "marks"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def marking_parts(folder: Path, database_url: str) -> Parts:
    """The parts of such a scheduler."""

    def act(call: Call) -> str:
        _mark(folder, call, "begun")
        time.sleep(call.arguments.get("seconds", 0))
        _mark(folder, call, "ended")
        return "marked"

    parts = make_parts(folder, database_url)
    parts.clock = MovedClock(folder)
    parts.kinds = {**parts.kinds, "mark": Kind("mark", act, faults=lambda _: [], local=True)}
    return parts


def _mark(folder: Path, call: Call, what: str) -> None:
    with (folder / "marks").open("a") as file:
        file.write(f"{call.key} {what} {os.getpid()}\n")


if __name__ == "__main__":
    start_logging("INFO")
    run_scheduler(marking_parts(Path(sys.argv[1]), sys.argv[2]))
