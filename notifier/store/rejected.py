"""Requests that were refused at the door: the newest of them, and never more than a few thousand."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from notifier.store.models import RejectedRequest
from notifier.store.sql import insert
from notifier.store.types import id_at, new_id

KEPT = 1_000  # of those that an app's live credential came with, and as many of strangers'


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request to post events that was refused. `app` is the one that it named, `proven` that it really was the app.

    `passed_over` were refused before it and are not kept.
    """

    at: datetime
    door: str
    app: str | None
    proven: bool
    status: int
    reason: str
    detail: str
    body_hash: bytes | None = None
    octets: int | None = None
    passed_over: int = 0


@dataclass(frozen=True, slots=True)
class RejectedEntry:
    """One that is kept, with its id."""

    id: str
    what: Rejection


class Rejected:
    """All about them, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, rejections: Sequence[Rejection], most: int = KEPT) -> None:
        """Keep these, and let go of the oldest of their kind: a stranger's flood takes no app's faults away."""
        rows = [{"id": new_id("rej"), "app_id": one.app} | _columns(one) for one in rejections]
        self._connection.execute(insert(self._connection, RejectedRequest).values(rows))
        for proven in {one.proven for one in rejections}:
            alike = RejectedRequest.proven == proven
            # Of a few thousand rows at most, so that to pass over them costs nothing.
            newest = select(RejectedRequest.id).where(alike).order_by(RejectedRequest.id.desc())
            last = newest.offset(most - 1).limit(1).scalar_subquery()
            self._connection.execute(delete(RejectedRequest).where(alike, RejectedRequest.id < last))

    def page(self, limit: int, *, app: str = "", reason: str = "", before: str = "") -> list[RejectedEntry]:
        """Up to `limit` of an app, of a reason or of all, newest first, those before that id."""
        query = select(RejectedRequest).order_by(RejectedRequest.id.desc()).limit(limit)
        if app:
            query = query.where(RejectedRequest.app_id == app)
        if reason:
            query = query.where(RejectedRequest.reason == reason)
        if before:
            query = query.where(RejectedRequest.id < before)
        return [
            RejectedEntry(
                row.id,
                Rejection(
                    row.at, row.door, row.app_id, row.proven, row.status, row.reason, row.detail, row.body_hash,
                    row.octets, row.passed_over,
                ),
            )
            for row in self._connection.execute(query)
        ]  # fmt: skip

    def by_app(self, since: datetime) -> Mapping[str, int]:
        """How many are kept of each app since then."""
        rows = self._connection.execute(
            select(RejectedRequest.app_id, func.count())
            .where(RejectedRequest.id >= id_at("rej", since), RejectedRequest.app_id.is_not(None))
            .group_by(RejectedRequest.app_id)
        )
        return {str(app): count for app, count in rows}


def _columns(one: Rejection) -> dict[str, object]:
    return {name: value for name, value in asdict(one).items() if name != "app"}
