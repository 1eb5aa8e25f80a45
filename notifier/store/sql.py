"""The few statements that both databases know and SQLAlchemy spells by dialect."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    FromClause,
    LargeBinary,
    Row,
    Select,
    String,
    any_,
    bindparam,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from notifier.store.types import Key, Keys

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def insert(connection: Connection, table: Any) -> Any:
    """An INSERT that knows ON CONFLICT and RETURNING, in the connection's dialect."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return make(table)


def locked(connection: Connection, query: Select[*Ts], of: type | FromClause) -> Select[*Ts]:
    """Lock the rows and pass over those that another holds. SQLite has one writer at a time and needs neither."""
    if connection.dialect.name != "postgresql":
        return query
    return query.with_for_update(skip_locked=True, of=of)


def locked_all(connection: Connection, query: Select[*Ts], of: type | FromClause | None = None) -> Select[*Ts]:
    """Lock the rows and wait for those that another holds; others may still refer to them."""
    if connection.dialect.name != "postgresql":
        return query
    return query.with_for_update(key_share=True, of=of)


def chunked(values: Iterable[T], most: int = 5_000) -> Iterator[list[T]]:
    """The values in lists that fit into one statement: SQLite allows 32,766 parameters."""
    rest = iter(values)
    while some := list(islice(rest, most)):
        yield some


def among(connection: Connection, column: Any, values: Collection[str]) -> ColumnElement[bool]:
    """Whether a column of texts or ids holds one of these, as one parameter where that is possible.

    Of hundreds, each would have to be prepared, and PostgreSQL would plan anew for each number of them.
    """
    if connection.dialect.name == "postgresql":
        return column == any_(literal(list(values), _array(column)))  # type: ignore[no-any-return]
    if not isinstance(column.type, String):
        return column.in_(list(values))  # type: ignore[no-any-return]  # JSON holds no octets
    given = func.json_each(json.dumps(list(values))).table_valued("value")
    return column.in_(select(given.c.value))  # type: ignore[no-any-return]


def within(column: Any, name: str, *, on_postgresql: bool) -> ColumnElement[bool]:
    """The same for a statement that is kept: whether a column holds one of those that are given under this name."""
    if on_postgresql:
        return column == any_(bindparam(name, type_=_array(column)))  # type: ignore[no-any-return]
    return column.in_(bindparam(name, expanding=True))  # type: ignore[no-any-return]


def _array(column: Any) -> TypeEngine[Any]:
    return Keys() if isinstance(column.type, Key) else ARRAY(column.type)


def holds(connection: Connection, column: Any, octets: bytes) -> ColumnElement[bool]:
    """Whether the octets stand somewhere in a column of octets."""
    sought = bindparam(None, octets, LargeBinary())
    if connection.dialect.name == "postgresql":
        return func.position(sought.op("IN")(column)) > 0
    return func.instr(column, sought) > 0


def none(query: Select[Any]) -> ColumnElement[bool]:
    """That the query, which refers to the row around it, finds nothing: asked by an index for each row.

    Of a NOT EXISTS PostgreSQL may make a join, and walk through all of the other table for a handful of rows.
    """
    return query.limit(1).scalar_subquery().is_(None)


def octets(connection: Connection, id: Any, count: int) -> ColumnElement[Any]:
    """The first octets of a column of ids."""
    whole = func.uuid_send(id) if connection.dialect.name == "postgresql" else id
    return func.substr(whole, 1, count, type_=LargeBinary())


def spanning(connection: Connection, column: Any, texts: Sequence[str]) -> ColumnElement[bool]:
    """Whether a text column lies between the first and the last of these sorted texts, in the database's own order."""
    if connection.dialect.name != "postgresql":
        return column.between(texts[0], texts[-1])  # type: ignore[no-any-return]
    each = func.unnest(literal(list(texts), ARRAY(String))).column_valued("each")
    first, last = select(func.min(each)).scalar_subquery(), select(func.max(each)).scalar_subquery()
    return column.between(first, last)  # type: ignore[no-any-return]


def as_text(dialect: str, id: Any) -> ColumnElement[str]:
    """A column of ids as hexadecimal text, in the order of the ids: PostgreSQL finds no least and greatest of them."""
    return cast(id, String) if dialect == "postgresql" else func.hex(id)
