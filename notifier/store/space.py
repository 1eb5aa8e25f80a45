"""The space that a SQLite file takes: given back in small portions, or made so that it can be.

PostgreSQL's autovacuum lets new rows take the place of old ones by itself.
"""

from dataclasses import dataclass

from notifier.store.database import Database

PORTION = 200  # pages given back in one transaction: each may have to be moved first
_INCREMENTAL = 2


@dataclass(frozen=True, slots=True)
class Space:
    """What the file has: octets of all pages and of those that hold nothing, and whether these can be given back."""

    octets: int
    free: int
    shrinks: bool


def space(database: Database) -> Space | None:
    """The space of the file; None on PostgreSQL. Raises `DatabaseAway`."""
    if not database.on_sqlite:
        return None
    with database.read() as connection:
        pages, free, size, mode = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("page_count", "freelist_count", "page_size", "auto_vacuum")
        )
    return Space(pages * size, free * size, mode == _INCREMENTAL)


def give_back(database: Database, pages: int = PORTION) -> int:
    """Give back up to so many pages that hold nothing; how many it were. Raises `DatabaseAway`."""
    with database.write() as connection:
        cursor = connection.connection.cursor()
        free = int(cursor.execute("PRAGMA freelist_count").fetchone()[0])
        for _ in range(min(pages, free)):
            # One by one: the driver asks only once, however many pages it is to ask for.
            cursor.execute("PRAGMA incremental_vacuum(1)")
        return free - int(cursor.execute("PRAGMA freelist_count").fetchone()[0])
