"""Renditions: which versions are to be made, who makes them, and what became of each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, union, update

from notifier.policy.media import UNMADE, AssetState, Cause, Refused, RenditionState
from notifier.policy.pictures import Standing, standing_of
from notifier.policy.renditions import TRIES
from notifier.store.assets import LONGEST, due_again
from notifier.store.models import Asset, Rendition
from notifier.store.sql import AnyRow

# In the driver's own SQL, see `Database.ask`.
ANY_DUE = (
    "SELECT 1 FROM renditions WHERE state IN ('waiting', 'working') AND due_at <= ? LIMIT 1",
    "SELECT 1 FROM assets WHERE state = 'waiting' AND due_at <= ? LIMIT 1",
)


@dataclass(frozen=True, slots=True)
class RenditionEntry:
    """One version as stored. Times are aware UTC, sizes pixels, `progress` percent."""

    id: str
    asset: str
    spec: str
    version: str
    state: RenditionState
    cause: Cause | None
    said: str
    file: str
    octets: int
    width: int | None
    height: int | None
    progress: int
    tries: int
    worker: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def format(self) -> str:
        return self.spec.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Made:
    """A version that is in the storage now."""

    id: str
    file: str
    octets: int
    width: int
    height: int


class Renditions:
    """The versions, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, assets: Collection[str]) -> dict[str, list[RenditionEntry]]:
        """All versions of these assets, by asset, in the order in which they were asked for."""
        query = select(Rendition).where(Rendition.asset_id.in_(assets)).order_by(Rendition.id)
        found: dict[str, list[RenditionEntry]] = {}
        for row in self._connection.execute(query):
            found.setdefault(row.asset_id, []).append(_entry(row))
        return found

    def due(self, now: datetime, most: int) -> list[str]:
        """Assets of which something is to be done, those that wait longest first."""
        unmade = select(Rendition.asset_id.label("id"), Rendition.due_at.label("due_at")).where(
            Rendition.state.in_(UNMADE), Rendition.due_at <= now
        )
        unfetched = select(Asset.id.label("id"), Asset.due_at.label("due_at")).where(
            Asset.state == AssetState.WAITING, Asset.due_at <= now
        )
        due = union(unmade, unfetched).subquery()
        oldest = select(due.c.id).group_by(due.c.id).order_by(func.min(due.c.due_at), due.c.id).limit(most)
        return list(self._connection.scalars(oldest))

    def claim(
        self, asset: str, token: str, *, now: datetime, lease: timedelta, worker: str = ""
    ) -> list[RenditionEntry]:
        """Take the versions of an asset whose time has come and that nobody else makes, in the order of their ids.

        One that was taken too often, by somebody who was not heard of again, is given up.
        """
        due = Rendition.asset_id == asset, Rendition.state.in_(UNMADE), Rendition.due_at <= now
        spent = {"state": RenditionState.FAILED, "cause": Cause.GAVE_UP, "due_at": None, "ended_at": now}
        worn = update(Rendition).where(*due, Rendition.tries >= TRIES, Rendition.state == RenditionState.WORKING)
        self._connection.execute(worn.values(spent | {"said": Refused(Cause.GAVE_UP).sentence, "claim_token": None}))
        taking = {"state": RenditionState.WORKING, "claim_token": token, "due_at": now + lease, "started_at": now}
        taken = update(Rendition).where(*due).values(**taking, tries=Rendition.tries + 1, worker=worker, progress=0)
        rows = self._connection.execute(taken.returning(*Rendition.__table__.c)).all()
        return sorted(map(_entry, rows), key=lambda one: one.id)

    def keep(self, token: str, until: datetime, progress: int | None = None) -> bool:
        """Hold what is claimed for longer; False where nothing of it is ours any more."""
        values: dict[str, Any] = {"due_at": until}
        if progress is not None:
            values["progress"] = progress
        return self._change(Rendition.claim_token == token, **values) > 0

    def done(self, made: Made, token: str, now: datetime) -> bool:
        """That version is there; False where the claim is another's by now."""
        facts = {"file": made.file, "octets": made.octets, "width": made.width, "height": made.height}
        return self._end(made.id, token, RenditionState.DONE, now, **facts, cause=None, said="", progress=100)

    def skip(self, id: str, token: str, why: Refused, now: datetime) -> bool:
        """That version is not made, and nothing is wrong; False where the claim is another's by now."""
        said = why.sentence[:LONGEST]
        return self._end(id, token, RenditionState.SKIPPED, now, cause=why.cause, said=said)

    def fail(self, one: RenditionEntry, token: str, why: Refused, now: datetime) -> bool:
        """That version could not be made: try again later, or no more. False where the claim is another's by now."""
        due_at = due_again(one.tries, why, one.created_at, now)
        told = {"cause": why.cause, "said": why.sentence[:LONGEST]}
        if due_at is None:
            return self._end(one.id, token, RenditionState.FAILED, now, **told)
        values = told | {"state": RenditionState.WAITING, "claim_token": None, "due_at": due_at}
        return self._change(Rendition.id == one.id, Rendition.claim_token == token, **values) == 1

    def give_back(self, token: str, now: datetime) -> int:
        """Leave what is claimed and not made to somebody else at once, as if nobody had begun."""
        values = {"state": RenditionState.WAITING, "claim_token": None, "due_at": now, "progress": 0}
        return self._change(Rendition.claim_token == token, **values, tries=Rendition.tries - 1)

    def count_unmade(self) -> int:
        """How many versions are to be made still."""
        return self._connection.scalar(select(func.count()).where(Rendition.state.in_(UNMADE))) or 0

    def _end(self, id: str, token: str, state: RenditionState, now: datetime, **facts: Any) -> bool:
        values = {"state": state, "claim_token": None, "due_at": None, "ended_at": now}
        return self._change(Rendition.id == id, Rendition.claim_token == token, **values, **facts) == 1

    def _change(self, *which: ColumnElement[bool], **values: Any) -> int:
        held = update(Rendition).where(*which, Rendition.state == RenditionState.WORKING)
        return self._connection.execute(held.values(values)).rowcount


def standing(asset_state: AssetState, renditions: Sequence[RenditionEntry]) -> Standing:
    """Where an asset stands as a whole, by the newest version of each spec."""
    newest = {one.spec: one.state for one in renditions}
    return standing_of(asset_state, newest.values())


def _entry(row: AnyRow) -> RenditionEntry:
    return RenditionEntry(
        id=row.id,
        asset=row.asset_id,
        spec=row.spec,
        version=row.version,
        state=RenditionState(row.state),
        cause=Cause(row.cause) if row.cause else None,
        said=row.said,
        file=row.file,
        octets=row.octets,
        width=row.width,
        height=row.height,
        progress=row.progress,
        tries=row.tries,
        worker=row.worker,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
