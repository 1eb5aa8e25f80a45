"""The space of a SQLite file comes back after a purge, and a file of before can be made so that it does."""

import sqlite3
from pathlib import Path

import pytest

from notifier.policy.words import State
from notifier.store.database import Database
from notifier.store.models import Delivery
from notifier.store.schema import migrate
from notifier.store.space import Space, space
from tests.store.past import Past, ago, store_told

PEOPLE = 1_500


def fill(past: Past) -> None:
    with past.database.write() as connection:
        for number in range(PEOPLE):
            store_told(connection, ago(100), (("email", State.SENT, None, 1),), user=f"u{number}", events=1)


def size(database: Database) -> int:
    """How large the file is once nobody has it open."""
    database.close()
    return Path(database.url.database or "").stat().st_size


@pytest.fixture
def fresh(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'notifier.db'}")
    migrate(database)
    return database


@pytest.fixture
def older(tmp_path: Path) -> Database:
    """A file that was made without room to shrink, as all were before there was a purge."""
    path = tmp_path / "older.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE first (id)")
        connection.execute("DROP TABLE first")
    connection.close()
    database = Database(f"sqlite:///{path}")
    migrate(database)
    return database


def test_a_file_shrinks_after_a_purge(fresh: Database):
    past = Past(fresh)
    fill(past)
    before = size(fresh)
    freed = past.purge()
    assert freed.purged.deliveries == PEOPLE
    assert size(fresh) < before / 3
    assert before / 2 < freed.octets <= before
    assert "MB came back" in freed.summary
    found = space(fresh)
    assert found == Space(size(fresh), 0, shrinks=True)


def test_an_older_file_keeps_its_size_until_it_is_written_anew(older: Database):
    past = Past(older)
    fill(past)
    before = size(older)
    assert past.purge().octets == 0
    assert size(older) >= before
    found = past.purger.space()
    assert found is not None
    assert (found.shrinks, found.free > before / 3) == (False, True)
    assert past.purger.rebuild() > before / 2
    assert size(older) < before / 3
    assert past.purger.space() == Space(size(older), 0, shrinks=True)
    assert past.rows(Delivery) == 0
    assert past.books().balanced


def test_postgresql_minds_its_space_itself(database: Database):
    if database.on_sqlite:
        pytest.skip("about the other one")
    past = Past(database)
    past.told(ago(100), ("email", State.SENT))
    assert (past.purge().octets, past.purger.space(), past.purger.rebuild()) == (0, None, 0)
