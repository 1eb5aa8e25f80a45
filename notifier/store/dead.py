"""Dead letters: failed deliveries by their cause, found without walking over all of them."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.orm import aliased

from notifier.policy.words import Reason
from notifier.store.log import Filter
from notifier.store.models import Delivery, PutAway
from notifier.store.sql import AnyRow, as_text, insert, none
from notifier.store.types import EPOCH, id_at, moment_of

LOOKED_AT = 1_000  # deliveries of one cause
LOOKED_AT_ALL, LEAST = 5_000, 50  # of all causes together, and of each, however many there are
MOST = 100  # causes
# Said in the index's own words: SQLite uses it for no others.
_STATE: ColumnElement[str] = literal_column("'failed'")
_CAUSE = (Delivery.channel, Delivery.reason, Delivery.last_code)
_DEAD = and_(Delivery.state == _STATE, Delivery.reason.is_not(None))


@dataclass(frozen=True, slots=True)
class Cause:
    """Why deliveries failed: on which channel, for which reason, with which last answer; empty where there was none."""

    channel: str
    reason: Reason
    code: str


@dataclass(frozen=True, slots=True)
class Group:
    """The dead letters of a cause that nobody sent again or put away.

    Of many, only the newest were looked at (`more`), and `count`, `first` and `last` tell of these.
    """

    cause: Cause
    count: int
    more: bool
    first: str
    last: str
    after: str  # what came up to here is put away already, or before the time asked for

    @property
    def first_at(self) -> datetime:
        return moment_of(self.first)

    @property
    def last_at(self) -> datetime:
        return moment_of(self.last)

    @property
    def wanted(self) -> Filter:
        """The log's filter that finds them, with those that were sent again."""
        cause = self.cause
        return Filter(
            states=("failed",),
            channels=(cause.channel,),
            reasons=(cause.reason,),
            codes=(cause.code,),
            after=self.after,
        )


class DeadLetters:
    """What failed and was left so, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def groups(self, since: datetime | None = None, looked_at: int = LOOKED_AT_ALL) -> list[Group]:
        """Each cause with what is left of it, the most first; with `since` only what was planned from then on.

        Of all causes together it looks at about `looked_at` deliveries.
        """
        causes = self._connection.scalar(_count()) or 0
        if not causes:
            return []
        most = min(LOOKED_AT, max(looked_at // causes, LEAST))
        bounds = {"start": id_at("dlv", since or EPOCH), "beyond": most + 1}
        rows = self._connection.execute(_groups(self._connection.dialect.name), bounds)
        groups = [_group(row, most) for row in rows if row.unsent or row.looked > most]
        return sorted(groups, key=lambda one: (-one.count, one.first))

    def group(self, cause: Cause) -> Group | None:
        """What is left of one cause; None where nothing is."""
        return next((one for one in self.groups() if one.cause == cause), None)

    def put_away(self, group: Group, who: str, why: str, now: datetime) -> None:
        """Let what is in the group now be shown here no more. The deliveries stay as they are."""
        cause = group.cause
        key = {"channel": cause.channel, "reason": cause.reason, "code": cause.code}
        values = {"upto": group.last, "who": who, "why": why[:512], "at": now}
        row = insert(self._connection, PutAway).values(**key, **values)
        self._connection.execute(row.on_conflict_do_update(index_elements=list(key), set_=values))


def _causes() -> CTE:
    """The causes by number, from one to the next by the index, however many died of each."""
    first = select(*_CAUSE).where(_DEAD).order_by(*_CAUSE).limit(1).subquery()
    cause = select(*first.c, literal(1).label("place")).cte("causes", recursive=True)
    return cause.union_all(
        select(*_CAUSE, cause.c.place + 1).join(cause, Delivery.id == _next(cause)).where(cause.c.place < MOST)
    )


def _next(cause: CTE) -> ColumnElement[str]:
    """A delivery that died of the cause that comes next, or NULL."""
    later = aliased(Delivery)
    channel, reason = later.channel == cause.c.channel, later.reason == cause.c.reason
    dead = later.state == _STATE, later.reason.is_not(None)
    # One by one: of a comparison of all three SQLite looks for the first alone, and walks through what is alike.
    steps: tuple[tuple[ColumnElement[bool], ...], ...] = (
        (channel, reason, later.last_code > cause.c.last_code),
        (channel, later.reason > cause.c.reason),
        (later.channel > cause.c.channel,),
    )
    order = later.channel, later.reason, later.last_code
    found = (select(later.id).where(*dead, *step).order_by(*order).limit(1) for step in steps)
    return func.coalesce(*(query.correlate(cause).scalar_subquery() for query in found))


@lru_cache(maxsize=1)
def _count() -> Select[int]:
    return select(func.count()).select_from(_causes())


@lru_cache(maxsize=2)
def _groups(dialect: str) -> Select[*tuple[Any, ...]]:
    """For each cause, how many of its newest are left, counted by the database: to read them takes much longer.

    It looks at `beyond` of those after `start`. Made once: that takes as long as to run it.
    """
    cause, begun = _causes(), bindparam("start", type_=Delivery.id.type)
    its = PutAway.channel == cause.c.channel, PutAway.reason == cause.c.reason, PutAway.code == cause.c.last_code
    after = case((PutAway.upto > begun, PutAway.upto), else_=begun).label("after")
    known = select(cause, after).join(PutAway, and_(*its), isouter=True).cte("known")
    newer = select(Delivery.id).where(*_of(known), Delivery.id > known.c.after).order_by(Delivery.id.desc())
    floor = newer.offset(bindparam("beyond", type_=Integer)).limit(1).correlate(known).scalar_subquery()
    seen = select(known, func.coalesce(floor, known.c.after).label("floor")).cte("seen")
    again = aliased(Delivery)
    unsent = none(select(again.id).where(again.retry_of == Delivery.id)).label("unsent")
    named = seen.c.channel, seen.c.reason, seen.c.last_code, seen.c.after
    rows = select(*named, as_text(dialect, Delivery.id).label("id"), unsent)
    # Kept, so that it is asked once of each whether it was sent again.
    one = rows.join(Delivery, and_(*_of(seen), Delivery.id > seen.c.floor)).cte("looked").prefix_with("MATERIALIZED").c
    ends = [func.coalesce(end(case((one.unsent, one.id))), end(one.id)) for end in (func.min, func.max)]
    columns = one.channel, one.reason, one.last_code, one.after
    counts = func.count(case((one.unsent, 1))).label("unsent"), func.count().label("looked")
    return select(*columns, *counts, *ends).group_by(*columns)


def _of(cause: CTE) -> list[ColumnElement[bool]]:
    columns = cause.c.channel, cause.c.reason, cause.c.last_code
    return [Delivery.state == _STATE, *(ours == its for ours, its in zip(_CAUSE, columns, strict=True))]


def _group(row: AnyRow, most: int) -> Group:
    first, last = (f"dlv_{text.replace('-', '').lower()}" for text in row[-2:])
    after = "" if row.after == id_at("dlv", EPOCH) else row.after
    cause, count = Cause(row.channel, Reason(row.reason), row.last_code), min(row.unsent, most)
    return Group(cause, count, row.looked > most, first, last, after)
