"""Asks SQLite how it finds rows, so that a test can say that nothing walks through a whole table."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from notifier.store.database import Database


def walks_over_deliveries(database: Database) -> AbstractContextManager[list[str]]:
    """The statements run inside that read every delivery, known at the end."""
    return walks_over(database, "deliveries")


@contextmanager
def walks_over(database: Database, *tables: str) -> Iterator[list[str]]:
    """The statements run inside that read every row of one of these tables, known at the end."""
    seen: list[tuple[str, Any]] = []
    found: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, given: Any, _context: Any, many: bool) -> None:
        seen.append((statement, given[0] if many else given))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    with database.read() as connection:
        for statement, given in seen:
            if statement.startswith(("SELECT", "UPDATE", "DELETE")):
                steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
                found.extend(statement for step in steps if _walks(str(step[3]), tables))


def _walks(step: str, tables: tuple[str, ...]) -> bool:
    """Whether a step reads a table from end to end; the index of those that are due is read from its beginning only."""
    return step != "SCAN digests USING INDEX digests_due" and step.startswith(tuple(f"SCAN {one}" for one in tables))
