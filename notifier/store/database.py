"""Connections and transactions, the same on SQLite and PostgreSQL."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from notifier.store.turns import NoTurn, Turns, take_write_lock

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

BUSY_MS = 5_000
REBUILD_MS = 60_000  # somebody else is always writing a little
# PostgreSQL: serialization failure, deadlock. Both are answered by running the transaction again.
AGAIN = ("40001", "40P01")
RUNS = 4


class DatabaseAway(Exception):
    """The database does not answer, or not in time. Nothing was stored; the caller may try again later."""


class Collided(DatabaseAway):
    """Two transactions got in each other's way, and this one ended: to be run again."""


class Database:
    """One database, however many processes use it. Engines are made on first use, and anew after a fork.

    `url` is SQLAlchemy's, `threads` how many may use it at once in one process.
    """

    def __init__(self, url: str, threads: int = 16) -> None:
        self.url = make_url(url)
        self.threads = threads
        self._engines: dict[tuple[int, bool], Engine] = {}
        self.turns = Turns(Path(self.url.database or "")) if self.on_sqlite else None
        self._lock = threading.Lock()
        self._asking: dict[tuple[int, int], _Asking] = {}  # by process and thread

    @property
    def on_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def is_missing(self) -> bool:
        """Whether it is a SQLite file that nobody made yet. To connect would make an empty one."""
        return self.on_sqlite and not Path(self.url.database or "").exists()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, all of it as of one moment. Raises `DatabaseAway`."""
        with _away(), self._engine(writes=not self.on_sqlite).connect() as connection:
            if not self.on_sqlite:
                # Otherwise each statement would see what was committed before it, and no books would balance.
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, *, first: bool = False) -> Iterator[Connection]:
        """A transaction that writes, on SQLite before those that are not `first`; commits at the end.

        Raises `DatabaseAway`.
        """
        engine = self._engine(writes=True)
        # Large inserts are made by the driver's own means, which raise the driver's own errors.
        with _away(), _driver_away(engine.dialect.loaded_dbapi), self._turn(first=first), engine.begin() as connection:
            yield connection

    def transact(self, work: Callable[[Connection], T], *, first: bool = False) -> T:
        """Run `work` in one transaction, again where two transactions got into each other's way.

        `work` must have no effect besides the transaction. Raises `DatabaseAway`.
        """
        for _ in range(RUNS - 1):
            with suppress(Collided), self.write(first=first) as connection:
                return work(connection)
        with self.write(first=first) as connection:
            return work(connection)

    @contextmanager
    def raw(self) -> Iterator[Any]:
        """The driver's own connection, for the one statement that is hot, in a transaction; the caller commits.

        Raises `DatabaseAway`, also where the driver says so.
        """
        engine = self._engine(writes=True)
        with _away(), _driver_away(engine.dialect.loaded_dbapi), self._turn(), _borrowed(engine) as connection:
            if self.on_sqlite:
                take_write_lock(connection.cursor().execute, sqlite3.OperationalError)
            yield connection

    def ask(self, query: str, *given: Any) -> list[Any]:
        """What the query finds, given the values of its `?`; rows as the driver has them. Moments are aware UTC.

        Asked by the driver's own means on a connection that is kept: for what is asked all the time and mostly in vain,
        a transaction costs fifty times as much. Raises `DatabaseAway`.
        """
        key = (os.getpid(), threading.get_ident())
        asking = self._asking.get(key) or self._keep_asking(key)
        try:
            return asking.rows(query, given)
        except asking.errors as error:
            self._let_go(key)
            raise _kind_of(error)(str(error)) from error

    def rebuild(self) -> None:
        """Write the whole SQLite file anew, without the room of what was deleted, so that it can shrink from then on.

        Takes as much room again while it lasts, and nobody can write meanwhile. Raises `DatabaseAway`.
        """
        engine = self._engine(writes=True)
        with _away(), _driver_away(engine.dialect.loaded_dbapi), self._turn(first=True), _borrowed(engine) as one:
            one.execute(f"PRAGMA busy_timeout={REBUILD_MS}")
            one.execute("VACUUM")
            one.execute("PRAGMA busy_timeout=1")

    def close(self) -> None:
        """Let go of this process's connections."""
        here = os.getpid()
        self._let_go(*[key for key in self._asking if key[0] == here])
        for key in [key for key in self._engines if key[0] == here]:
            self._engines.pop(key).dispose()

    def _keep_asking(self, key: tuple[int, int]) -> "_Asking":
        """Keep a driver's connection of this thread for what is asked often, outside of any transaction."""
        engine = self._engine(writes=False)
        with _away(), _driver_away(engine.dialect.loaded_dbapi):
            borrowed = engine.raw_connection()
            connection: Any = borrowed.driver_connection
            borrowed.detach()  # it is not the pool's any more
        self._asking[key] = _Asking(connection, engine.dialect.loaded_dbapi, on_sqlite=self.on_sqlite)
        return self._asking[key]

    def _let_go(self, *keys: tuple[int, int]) -> None:
        for key in keys:
            if kept := self._asking.pop(key, None):
                kept.close()

    def _turn(self, *, first: bool = False) -> AbstractContextManager[None]:
        return self.turns.turn(first=first) if self.turns else nullcontext()

    def _engine(self, *, writes: bool) -> Engine:
        # A connection must not cross a fork: two processes would read each other's answers.
        key = (os.getpid(), writes)
        if key not in self._engines:
            with self._lock:
                if key not in self._engines:
                    self._engines[key] = self._make_engine(writes=writes)
        return self._engines[key]

    def _make_engine(self, *, writes: bool) -> Engine:
        # Errors go to logs, and parameters are people's names, addresses and keys.
        common: dict[str, Any] = {
            "pool_size": self.threads,
            "max_overflow": 0,
            "pool_timeout": 5,
            "hide_parameters": True,
        }
        if not self.on_sqlite:
            engine = create_engine(
                self.url,
                pool_pre_ping=True,
                connect_args={"connect_timeout": 3, "options": "-c statement_timeout=30000 -c timezone=UTC"},
                **common,
            )
            event.listen(engine, "connect", _ids_as_text)
            return engine
        engine = create_engine(self.url, **common)
        event.listen(engine, "connect", _pragmas_of_a_writer if writes else _pragmas_of_a_reader)
        # pysqlite's own BEGIN is deferred: two writers that both read first fail each other, whatever the timeout.
        event.listen(engine, "begin", _begin_immediate if writes else _begin)
        return engine


class _Asking:
    """Questions of the form "what is due?", on a connection of its own, which it closes."""

    def __init__(self, connection: Any, driver: Any, *, on_sqlite: bool) -> None:
        if not on_sqlite:
            connection.autocommit = True
            # Each is answered by an index, whatever the moment: to plan it anew each time takes longer than to run it.
            connection.execute("SET plan_cache_mode = force_generic_plan")
            connection.execute("SET enable_seqscan = off")
        self.errors: tuple[type[Exception], ...] = (driver.OperationalError, driver.InterfaceError)
        self._connection = connection
        self._cursor = connection.cursor()
        self._on_sqlite = on_sqlite

    def rows(self, query: str, given: Sequence[Any]) -> list[Any]:
        """What the query finds. Raises the driver's `errors`."""
        if self._on_sqlite:
            self._cursor.execute(query, [_as_stored(one) if isinstance(one, datetime) else one for one in given])
        else:
            self._cursor.execute(query.replace("?", "%s"), given)
        # To the end: a statement that is left half read keeps SQLite from tidying up its log.
        return self._cursor.fetchall()  # type: ignore[no-any-return]

    def close(self) -> None:
        self._connection.close()


def _as_stored(moment: datetime) -> str:
    """How SQLite's dialect writes an aware moment."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@contextmanager
def _borrowed(engine: Engine) -> Iterator[Any]:
    connection = engine.raw_connection()
    try:
        yield connection
    except BaseException:
        connection.invalidate()
        raise
    finally:
        connection.close()


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise _kind_of(error.orig)(_cause(error)) from error
    except NoTurn as error:
        raise DatabaseAway(str(error)) from error
    except PoolTimeout as error:
        raise DatabaseAway("all connections are in use") from error


@contextmanager
def _driver_away(driver: Any) -> Iterator[None]:
    try:
        yield
    except (driver.OperationalError, driver.InterfaceError) as error:
        raise _kind_of(error)(str(error)) from error


def _kind_of(error: BaseException | None) -> type[DatabaseAway]:
    return Collided if getattr(error, "sqlstate", None) in AGAIN else DatabaseAway


def _cause(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def _ids_as_text(connection: "psycopg.Connection", _record: object) -> None:
    from psycopg.types.string import TextLoader  # here: psycopg is 9 MB that nobody needs who is on SQLite

    # To make an object of each takes longer than all else that is done with one.
    connection.adapters.register_loader("uuid", TextLoader)


def _pragmas_of_a_writer(connection: sqlite3.Connection, _record: object) -> None:
    # Before anything is written: it says how the file is laid out, and changes nothing where there are tables already.
    _pragmas(connection, "auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL", "busy_timeout=1")


def _pragmas_of_a_reader(connection: sqlite3.Connection, _record: object) -> None:
    _pragmas(connection, "query_only=ON")


def _pragmas(connection: sqlite3.Connection, *pragmas: str) -> None:
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_MS}", "foreign_keys=ON", *pragmas):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    take_write_lock(connection.exec_driver_sql, OperationalError)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
