"""The schema: brought to the newest version, by however many machines at once, and asked whether it is."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from notifier.store.database import Database

MIGRATIONS = Path(__file__).parents[2] / "migrations"
LOCK = 0x6E6F7469  # any number that only we use; "noti"


def migrate(database: Database) -> None:
    """Bring the database to the newest schema. Safe to run twice, and by two machines at once."""
    with database.write() as connection:
        # SQLite's BEGIN IMMEDIATE already lets one in at a time.
        if not database.on_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        command.upgrade(_config(connection), "head")


def behind(connection: Connection) -> bool:
    """Whether the database lacks a migration that the code knows."""
    return MigrationContext.configure(connection).get_current_revision() != newest()


@cache
def newest() -> str | None:
    """The newest schema version that the code knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
