"""The databases that a benchmark measures on: SQLite, and a PostgreSQL of its own where one can be had."""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from tests.conftest import NO_POSTGRES, Postgres

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of database: "sqlite" or "postgresql", and the process that is all of its server's."""

    kind: str
    folder: Path
    postgres: Postgres | None = None

    def empty(self) -> str:
        """The URL of a new, empty database."""
        return self.postgres.empty() if self.postgres else f"sqlite:///{self.folder / uuid.uuid4().hex}.db"

    def elsewhere(self) -> str:
        """The same, but "" for SQLite: a service then has its own file in its own data folder."""
        return self.postgres.empty() if self.postgres else ""

    @property
    def pids(self) -> tuple[int, ...]:
        """Whose CPU time is the database's; SQLite's is its client's."""
        if self.postgres is None:
            return ()
        return (int((self.folder / "pg" / "postmaster.pid").read_text().split()[0]),)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards; its path is short, for the sake of sockets in it."""
    with tempfile.TemporaryDirectory(prefix="bench", dir="/tmp") as folder:
        yield Path(folder)


def servers(folder: Path) -> Iterator[Server]:
    """Each kind in turn; PostgreSQL is started for its turn alone."""
    yield Server("sqlite", folder)
    if NO_POSTGRES:
        return
    postgres = Postgres(folder / "pg")
    try:
        yield Server("postgresql", folder, postgres)
    finally:
        postgres.stop()


def skipped(name: str) -> tuple[str, ...]:
    """What is said where PostgreSQL cannot be had."""
    return (f"{name} on PostgreSQL: {NO_POSTGRES}",) if NO_POSTGRES else ()


def apart(work: Callable[..., T], *given: Any) -> T:
    """Do it in a process of its own, so that its memory and CPU time are its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, given)
