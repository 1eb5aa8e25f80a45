"""Column types that look the same on both databases: time-ordered keys with a prefix, and aware UTC times."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import uuid_utils
from sqlalchemy import BINARY, DateTime, Dialect, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

PREFIX = 4  # "evt_"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = (1 << 128) - 1  # of what an id may be as a number
LATEST = 253_402_300_799_999  # ms: what comes later is no datetime


_ahead = 0  # added to the ids of this process; their first 48 bits are milliseconds


def new_id(prefix: str) -> str:
    """A fresh id such as `evt_0193…`: a UUIDv7 (RFC 9562), so that ids sort by the time they were made."""
    if _ahead:
        return f"{prefix}_{uuid_utils.uuid7().int + _ahead:032x}"
    return f"{prefix}_{uuid_utils.uuid7().hex}"


def make_ids_ahead(shift: timedelta) -> None:
    """Let this process's ids be made at the time that its clock shows, which is ahead of the machine's by so much."""
    global _ahead  # noqa: PLW0603 (ids are made everywhere, and a process has one clock)
    _ahead = int(shift.total_seconds() * 1_000) << 80


def id_at(prefix: str, moment: datetime) -> str:
    """The smallest id that can have been made at that moment: a time range is an id range."""
    return f"{prefix}_{max(int(moment.timestamp() * 1000), 0):012x}" + "0" * 20


def id_after(id: str) -> str:
    """The smallest id that comes after this one; the largest of all is its own, as for `id_before` the smallest."""
    return f"{id[:PREFIX]}{min(int(id[PREFIX:], 16) + 1, LARGEST):032x}"


def id_before(id: str) -> str:
    """The largest id that comes before this one."""
    return f"{id[:PREFIX]}{max(int(id[PREFIX:], 16) - 1, 0):032x}"


def moment_of(id: str) -> datetime:
    """When an id was made, to the millisecond, aware UTC; the end of time for one that nobody can have made."""
    return EPOCH + timedelta(milliseconds=min(int(id[PREFIX : PREFIX + 12], 16), LATEST))


def id_octets(id: str) -> bytes:
    """The 16 octets of an id, without its prefix."""
    return bytes.fromhex(id[PREFIX:])


def stored_hex(stored: bytes | str) -> str:
    """An id without its prefix, from what a driver gave: PostgreSQL's has it as text, see `Database`."""
    return stored.replace("-", "") if isinstance(stored, str) else stored.hex()


def key_of(prefix: str, stored: bytes | str) -> str:
    """The id of which a driver gave what is stored."""
    return f"{prefix}_{stored_hex(stored)}"


def array_of(ids: Iterable[str | None]) -> str:
    """Ids as PostgreSQL reads an array of them. The driver would look at each of a list by itself, several times."""
    return "{" + ",".join(one[PREFIX:] if one else "NULL" for one in ids) + "}"


class Key(TypeDecorator[str]):
    """A UUIDv7 with its prefix in Python, 16 octets in the database. Who binds text from outside checks it first."""

    impl = BINARY(16)
    cache_ok = True

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def __repr__(self) -> str:
        return f"Key({self.prefix!r})"

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Uuid() if dialect.name == "postgresql" else BINARY(16)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return value[PREFIX:] if dialect.name == "postgresql" else id_octets(value)

    def process_result_value(self, value: Any, _dialect: Dialect) -> str | None:
        return None if value is None else key_of(self.prefix, value)


class Keys(UserDefinedType[Sequence[str]]):
    """Many keys as one parameter of a statement for PostgreSQL."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: Any) -> str:
        return "UUID[]"

    def bind_processor(self, _dialect: Dialect) -> Callable[[Any], str]:
        return array_of


class Utc(TypeDecorator[datetime]):
    """An aware UTC time with microseconds. A naive one is a mistake and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def __repr__(self) -> str:
        return "Utc()"

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; times are aware UTC")
        in_utc = value.astimezone(UTC)
        return in_utc if dialect.name == "postgresql" else in_utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
