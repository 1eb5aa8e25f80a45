"""Dead letters: failed deliveries by their cause, found without walking over all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, func, literal_column, select, tuple_
from sqlalchemy.orm import aliased

from notifier.policy.words import Reason
from notifier.store.log import Filter
from notifier.store.models import Delivery, PutAway
from notifier.store.sql import insert
from notifier.store.types import id_at, moment_of

LOOKED_AT = 1_000  # deliveries of one cause
MOST = 100  # causes
# Said in the index's own words: SQLite uses it for no others.
_FAILED = Delivery.state == literal_column("'failed'")
_CAUSE = (Delivery.channel, Delivery.reason, Delivery.last_code)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why deliveries failed: on which channel, for which reason, with which last answer; empty where there was none."""

    channel: str
    reason: Reason
    code: str


@dataclass(frozen=True, slots=True)
class Group:
    """The dead letters of a cause that nobody sent again or put away.

    Of many, the newest `LOOKED_AT` were looked at (`more`), and `count`, `first` and `last` tell of these.
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

    def groups(self, since: datetime | None = None) -> list[Group]:
        """Each cause with what is left of it, the most first; with `since` only what was planned from then on."""
        away = {Cause(row.channel, Reason(row.reason), row.code): row.upto
                for row in self._connection.execute(select(PutAway))}  # fmt: skip
        start = id_at("dlv", since) if since else ""
        groups = [self._group(cause, max(away.get(cause, ""), start)) for cause in self._causes()]
        return sorted((one for one in groups if one), key=lambda one: (-one.count, one.first))

    def group(self, cause: Cause) -> Group | None:
        """What is left of one cause; None where nothing is."""
        its = PutAway.channel == cause.channel, PutAway.reason == cause.reason, PutAway.code == cause.code
        upto = self._connection.scalar(select(PutAway.upto).where(*its))
        return self._group(cause, upto or "")

    def put_away(self, group: Group, who: str, why: str, now: datetime) -> None:
        """Let what is in the group now be shown here no more. The deliveries stay as they are."""
        cause = group.cause
        key = {"channel": cause.channel, "reason": cause.reason, "code": cause.code}
        values = {"upto": group.last, "who": who, "why": why[:512], "at": now}
        row = insert(self._connection, PutAway).values(**key, **values)
        self._connection.execute(row.on_conflict_do_update(index_elements=list(key), set_=values))

    def _causes(self) -> Iterator[Cause]:
        """One step of the index for each."""
        query = select(*_CAUSE).where(_FAILED, Delivery.reason.is_not(None)).order_by(*_CAUSE).limit(1)
        row = self._connection.execute(query).one_or_none()
        for _ in range(MOST):
            if row is None:
                return
            yield Cause(row.channel, Reason(row.reason), row.last_code)
            after = tuple_(*_CAUSE) > tuple_(row.channel, row.reason, row.last_code)
            row = self._connection.execute(query.where(after)).one_or_none()

    def _group(self, cause: Cause, after: str) -> Group | None:
        again = aliased(Delivery)
        retried = select(again.id).where(again.retry_of == Delivery.id).exists()
        its = [_FAILED, *_of(cause), *([Delivery.id > after] if after else [])]
        looked = (
            select(Delivery.id, case((retried, 0), else_=1).label("unsent"))
            .where(*its)
            .order_by(Delivery.id.desc())
            .limit(LOOKED_AT + 1)
            .subquery()
        )
        # Counted by the database: to read a thousand rows takes ten times as long.
        total, left = self._connection.execute(select(func.count(), func.sum(looked.c.unsent))).one()
        if not left and total <= LOOKED_AT:
            return None
        seen = select(looked.c.id).where(looked.c.unsent == (1 if left else 0)).limit(1)
        first, last = (
            self._connection.scalar(seen.order_by(order)) or "" for order in (looked.c.id, looked.c.id.desc())
        )
        return Group(cause, min(int(left), LOOKED_AT), total > LOOKED_AT, first, last, after)


def _of(cause: Cause) -> list[ColumnElement[bool]]:
    return [
        Delivery.channel == cause.channel,
        Delivery.reason == cause.reason,
        Delivery.last_code == cause.code,
    ]
