"""The schema: brought to the newest version, by however many machines at once, and asked whether it is."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from notifier.store.database import Database

MIGRATIONS = Path(__file__).parents[2] / "migrations"
LOCK = 0x6E6F7469  # any number that only we use; "noti"


def migrate(database: Database, to: str = "head") -> None:
    """Bring the database to the newest schema, or to an older one. Safe to run twice, and by two machines at once."""
    # Imported here because nothing else needs it, and it takes 10 MB.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with database.write() as connection:
        # SQLite's BEGIN IMMEDIATE already lets one in at a time.
        if not database.on_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def behind(connection: Connection) -> bool:
    """Whether the database lacks a migration that the code knows."""
    if not inspect(connection).has_table("alembic_version"):
        return True
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found != newest()


def newest() -> str:
    """The newest schema version that the code knows: migrations are numbered, `0001_make_the_first_tables.py`."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
