"""The few statements that both databases know and SQLAlchemy spells by dialect."""

from typing import Any, TypeAlias, TypeVarTuple

from sqlalchemy import ColumnElement, Connection, FromClause, LargeBinary, Row, Select, bindparam, func
from sqlalchemy.dialects import postgresql, sqlite

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


def locked_all(connection: Connection, query: Select[*Ts]) -> Select[*Ts]:
    """Lock the rows and wait for those that another holds; others may still refer to them."""
    if connection.dialect.name != "postgresql":
        return query
    return query.with_for_update(key_share=True)


def holds(connection: Connection, column: Any, octets: bytes) -> ColumnElement[bool]:
    """Whether the octets stand somewhere in a column of octets."""
    sought = bindparam(None, octets, LargeBinary())
    if connection.dialect.name == "postgresql":
        return func.position(sought.op("IN")(column)) > 0
    return func.instr(column, sought) > 0
