"""Inserts many rows by the driver's own means: to prepare one by SQLAlchemy takes longer than to store it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, String, Table

from notifier.store.models import Base
from notifier.store.types import Key, Utc, id_octets

Convert = Callable[[Any], Any]


def insert_rows(connection: Connection, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, which all name the same columns; the transaction is the connection's."""
    if not rows:
        return
    table, names = model.__table__, tuple(rows[0])
    assert isinstance(table, Table)  # noqa: S101 (declared as FromClause)
    on_postgresql = connection.dialect.name == "postgresql"
    converts = [_convert(table.c[name].type, on_postgresql=on_postgresql) for name in names]
    # Column by column: a loop over rows in Python would look at each value twice.
    columns = [
        list(map(convert, column)) if convert else column
        for convert, column in zip(converts, ([row[name] for row in rows] for name in names), strict=True)
    ]
    values = list(zip(*columns, strict=True))
    cursor = connection.connection.cursor()
    if on_postgresql:
        _copy(cursor, table.name, names, values)
    else:
        marks = ", ".join("?" * len(names))
        cursor.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", values)  # noqa: S608 (our own names)


def _copy(cursor: Any, table: str, names: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
    with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
        for row in values:
            copy.write_row(row)


def _convert(type_: object, *, on_postgresql: bool) -> Convert | None:
    if isinstance(type_, Key):
        return _hex if on_postgresql else _octets
    if isinstance(type_, Utc):
        return None if on_postgresql else _text
    return _word if isinstance(type_, String) else None


def _octets(id: str | None) -> bytes | None:
    return id_octets(id) if id else None


def _hex(id: str | None) -> str | None:
    return id[4:] if id else None


def _word(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value


@lru_cache(maxsize=1_024)
def _text(moment: datetime | None) -> str | None:
    # As SQLAlchemy writes it. Most rows of one transaction share their moments.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if moment else None
