"""Many rows by the driver's own means: to prepare one by SQLAlchemy takes longer than to store or to delete it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, String, Table

from notifier.store.models import Base
from notifier.store.types import Key, Utc, array_of, id_octets, key_of

Convert = Callable[[Any], Any]
Column = Any  # of a model, which holds ids


def insert_rows(connection: Connection, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, which all name the same columns; the transaction is the connection's."""
    if not rows:
        return
    table, names = model.__table__, tuple(rows[0])
    assert isinstance(table, Table)  # noqa: S101 (declared as FromClause)
    on_postgresql = connection.dialect.name == "postgresql"
    values = list(zip(*_columns(table, names, rows, on_postgresql=on_postgresql), strict=True))
    cursor = connection.connection.cursor()
    if on_postgresql:
        _copy(cursor, table.name, names, values)
    else:
        marks = ", ".join("?" * len(names))
        cursor.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", values)  # noqa: S608 (our own names)


def delete_by(connection: Connection, column: Column, ids: Sequence[str]) -> int:
    """Delete the rows that have one of these ids in this column; how many it were."""
    if not ids:
        return 0
    within, given = _within(connection, column, ids)
    return int(_run(connection, f"DELETE FROM {_table(column)} WHERE {within}", given).rowcount)  # noqa: S608 (our own names)


def update_each(
    connection: Connection,
    key: Column,
    changes: Mapping[str, Mapping[str, Any]],
    alike: Mapping[str, Any],
    where: str = "true",
) -> int:
    """Give the rows that have an id of `changes` in the column `key` the values that stand there, and those in `alike`.

    `where` is what else must hold of them, in plain SQL; all changes name the same columns. How many rows it were.
    """
    if not changes:
        return 0
    table, names = key.class_.__table__, list(next(iter(changes.values())))
    if connection.dialect.name == "postgresql":
        same = [one for [one] in _columns(table, alike, [alike], on_postgresql=True)]
        arrays = _arrays(table, names, list(changes.values()))
        statement = _update_joined(connection, key, names, alike, where)
        return int(_run(connection, statement, [*same, array_of(changes), *arrays]).rowcount)
    rows = [{**values, **alike} for values in changes.values()]
    columns = _columns(table, [*names, *alike], rows, on_postgresql=False)
    changed = ", ".join(f"{name} = ?" for name in (*names, *alike))
    cursor: Any = connection.connection.cursor()
    statement = f"UPDATE {table.name} SET {changed} WHERE {key.key} = ? AND {where}"  # noqa: S608 (our own names)
    cursor.executemany(statement, list(zip(*columns, map(id_octets, changes), strict=True)))
    return int(cursor.rowcount)


def _update_joined(connection: Connection, key: Column, names: Iterable[str], alike: Iterable[str], where: str) -> str:
    """The statement that gives each row its own values of arrays, of which the keys' comes first."""
    table = key.class_.__table__
    types = ["uuid", *(table.c[name].type.compile(connection.dialect) for name in names)]
    given = f"unnest({', '.join(f'%s::{type_}[]' for type_ in types)})"
    columns = ", ".join(["key", *(f"new_{name}" for name in names)])
    changed = ", ".join([*(f"{name} = %s" for name in alike), *(f"{name} = new_{name}" for name in names)])
    # By the key alone: of an index for what else must hold it expects few rows, also when thousands have just come.
    found = f"{table.name}.{key.key} = given.key AND CASE WHEN {where} THEN true END"
    return f"UPDATE {table.name} SET {changed} FROM {given} AS given({columns}) WHERE {found}"  # noqa: S608 (our own names)


def count_by(connection: Connection, column: Column, ids: Sequence[str]) -> int:
    """How many rows have one of these ids in this column."""
    if not ids:
        return 0
    within, given = _within(connection, column, ids)
    [(count,)] = _run(connection, f"SELECT count(*) FROM {_table(column)} WHERE {within}", given).fetchall()  # noqa: S608 (our own names)
    return int(count)


def ids_by(
    connection: Connection, wanted: Column, column: Column, ids: Sequence[str], but: Sequence[str] = ()
) -> set[str]:
    """The ids in `wanted` of rows that have one of these in `column`; none of rows whose own id is one of `but`."""
    if not ids:
        return set()
    where, given = _within(connection, column, ids)
    if but:
        these, more = _within(connection, column.class_.id, but)
        where, given = f"{where} AND NOT {these}", [*given, *more]
    query = f"SELECT DISTINCT {wanted.key} FROM {_table(column)} WHERE {where}"  # noqa: S608 (our own names)
    found = (value for (value,) in _run(connection, query, given).fetchall())
    return {key_of(wanted.type.prefix, one) for one in found}


def free_by(connection: Connection, column: Column, ids: Sequence[str]) -> set[str]:
    """Those of these ids whose rows nobody holds, locked from here on; and those that have no row."""
    if connection.dialect.name != "postgresql":
        return set(ids)  # SQLite has one writer at a time
    within, given = _within(connection, column, ids)
    query = f"SELECT {column.key} FROM {_table(column)} WHERE {within} FOR UPDATE SKIP LOCKED"  # noqa: S608 (our own names)
    found = {key_of(column.type.prefix, one) for (one,) in _run(connection, query, given).fetchall()}
    rest = sorted(set(ids) - found)
    return set(ids) - ids_by(connection, column, column, rest)


def _run(connection: Connection, statement: str, given: Sequence[Any]) -> Any:
    cursor: Any = connection.connection.cursor()
    cursor.execute(statement, given)
    return cursor


def _table(column: Column) -> str:
    return str(column.class_.__tablename__)


def _within(connection: Connection, column: Column, ids: Sequence[str]) -> tuple[str, list[Any]]:
    """That the column holds one of these ids, in the driver's own words, and what it is given for that."""
    if connection.dialect.name == "postgresql":
        return f"({column.key} = ANY(%s::uuid[]))", [array_of(ids)]
    return f"({column.key} IN ({', '.join('?' * len(ids))}))", [id_octets(one) for one in ids]


def _copy(cursor: Any, table: str, names: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
    with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
        for row in values:
            copy.write_row(row)


def _columns(
    table: Table, names: Iterable[str], rows: Sequence[Mapping[str, Any]], *, on_postgresql: bool
) -> list[list[Any]]:
    """The values of these columns as the driver takes them: row by row, Python would look at each of them twice."""
    return [_converted(table.c[name].type, [row[name] for row in rows], on_postgresql=on_postgresql) for name in names]


def _arrays(table: Table, names: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The same as PostgreSQL's arrays."""
    columns = ((table.c[name].type, [row[name] for row in rows]) for name in names)
    return [
        array_of(values) if isinstance(type_, Key) else _converted(type_, values, on_postgresql=True)
        for type_, values in columns
    ]


def _converted(type_: object, values: list[Any], *, on_postgresql: bool) -> list[Any]:
    convert = _convert(type_, on_postgresql=on_postgresql)
    return list(map(convert, values)) if convert else values


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
