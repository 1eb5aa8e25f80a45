"""The few statements that both databases know and SQLAlchemy spells by dialect."""

import json
from collections.abc import Collection
from typing import Any, TypeAlias, TypeVarTuple

from sqlalchemy import ARRAY, ColumnElement, Connection, FromClause, Row, Select, String, any_, func, literal, select
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


def among(connection: Connection, column: Any, texts: Collection[str]) -> ColumnElement[bool]:
    """Whether a text column holds one of these texts, as one parameter: of hundreds, each would have to be prepared."""
    if connection.dialect.name == "postgresql":
        return column == any_(literal(list(texts), ARRAY(String)))  # type: ignore[no-any-return]
    values = func.json_each(json.dumps(list(texts))).table_valued("value")
    return column.in_(select(values.c.value))  # type: ignore[no-any-return]
