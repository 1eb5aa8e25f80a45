"""Assets: pictures and videos as they were posted, who shows them, and what became of fetching them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from notifier.policy.events import Event as Happening
from notifier.policy.media import AssetState, Cause, Format, Media, Refused, RenditionState
from notifier.policy.renditions import Spec, again_in
from notifier.store.models import Asset, DroppedFile, Event, PostMedia, Rendition
from notifier.store.sql import AnyRow, insert
from notifier.store.types import new_id

LONGEST = 512  # characters that are kept of what is said


@dataclass(frozen=True, slots=True)
class NewFile:
    """Octets that are in the storage now, and what was found out about them. `ms` is how long a video lasts."""

    file: str
    octets: int
    format: Format
    width: int | None = None
    height: int | None = None
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class AssetEntry:
    """One asset as stored. Times are aware UTC; sizes are pixels, upright."""

    id: str
    app: str
    url: str
    state: AssetState
    cause: Cause | None
    said: str
    format: Format | None
    file: str
    octets: int
    width: int | None
    height: int | None
    ms: int | None
    blurhash: str
    tries: int
    created_at: datetime
    stored_at: datetime | None

    @property
    def media(self) -> Media | None:
        return self.format.media if self.format else None


def due_again(tries: int, why: Refused, since: datetime, now: datetime) -> datetime | None:
    """When to try again what failed like that and was asked for then; None where it is given up."""
    later = again_in(tries, why.cause, now - since)
    return None if later is None else now + later


class Assets:
    """The assets, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, id: str) -> AssetEntry | None:
        """The asset of that id, or None."""
        row = self._connection.execute(select(Asset).where(Asset.id == id)).one_or_none()
        return _entry(row) if row else None

    def latest(self, most: int, *, before: str = "", failed: bool = False) -> list[AssetEntry]:
        """The latest assets, newest first; with `failed` those that were refused or lack a version."""
        query = select(Asset).order_by(Asset.id.desc()).limit(most)
        if before:
            query = query.where(Asset.id < before)
        if failed:
            lacking = select(Rendition.asset_id).where(Rendition.state == RenditionState.FAILED)
            query = query.where(or_(Asset.state == AssetState.REFUSED, Asset.id.in_(lacking)))
        return [_entry(row) for row in self._connection.execute(query)]

    def add(self, app: str, new: NewFile, specs: Iterable[Spec], now: datetime) -> str:
        """Store an uploaded asset, with every version that is to be made of it; gives its id."""
        asset = new_id("ast")
        row = {"id": asset, "app_id": app, "state": AssetState.STORED, "created_at": now, "stored_at": now}
        self._connection.execute(insert(self._connection, Asset).values(row | _of_file(new)))
        self.want(asset, specs, now)
        return asset

    def add_url(self, app: str, url: str, now: datetime) -> str:
        """Store an asset that is to be fetched from there; gives its id."""
        asset = new_id("ast")
        row = {"id": asset, "app_id": app, "url": url, "state": AssetState.WAITING, "created_at": now, "due_at": now}
        self._connection.execute(insert(self._connection, Asset).values(row))
        return asset

    def show(self, event: Happening, now: datetime) -> int:
        """Let the event show its media, and begin with what is to be fetched; done again it changes nothing.

        Gives how many were new. One that names an asset which its app does not have is left out.
        """
        known = self._of_app(event.app, [one.asset for one in event.media if one.asset])
        shown = set(self._connection.scalars(select(PostMedia.place).where(PostMedia.event_id == event.id)))
        made = 0
        for place, one in enumerate(event.media):
            if place in shown or (one.asset and one.asset not in known):
                continue
            asset = one.asset or self.add_url(event.app, one.url, now)
            row = {
                "event_id": event.id,
                "place": place,
                "app_id": event.app,
                "asset_id": asset,
                "alt": one.alt[:LONGEST],
            }
            row |= {"type": event.type, "actor": event.actor.id, "object": event.object.id}
            self._connection.execute(insert(self._connection, PostMedia).values(row))
            made += 1
        return made

    def taken_back(self, deletion: Happening, type: str) -> list[str]:
        """What was fetched for events of that type which this deletion took back, or would have, were they still kept.

        What was uploaded is its app's to keep.
        """
        gone = and_(Event.id.is_(None), PostMedia.actor == deletion.actor.id)
        query = (
            select(Asset.id)
            .join(PostMedia, PostMedia.asset_id == Asset.id)
            .join(Event, Event.id == PostMedia.event_id, isouter=True)
            .where(
                PostMedia.object == deletion.object.id,
                PostMedia.app_id == deletion.app,
                PostMedia.type == type,
                Asset.url != "",
                or_(Event.undone_by == deletion.id, gone),
            )
        )
        return list(self._connection.scalars(query))

    def shown_by(self, event: str) -> list[str]:
        """The assets that an event shows, in their order."""
        query = select(PostMedia.asset_id).where(PostMedia.event_id == event).order_by(PostMedia.place)
        return list(self._connection.scalars(query))

    def shown_in(self, id: str, most: int) -> list[str]:
        """Events that show an asset, the newest first."""
        shown = select(PostMedia.event_id).where(PostMedia.asset_id == id).order_by(PostMedia.event_id.desc())
        return list(self._connection.scalars(shown.limit(most)))

    def shown_of(self, actor: str, most: int) -> list[str]:
        """Some of what a person's posts show."""
        query = select(PostMedia.asset_id).where(PostMedia.actor == actor).distinct().limit(most)
        return list(self._connection.scalars(query))

    def want(self, id: str, specs: Iterable[Spec], now: datetime) -> int:
        """Ask for these versions of an asset, those that it has no row of yet; gives how many."""
        rows = [
            {
                "id": new_id("rdn"),
                "asset_id": id,
                "spec": spec.name,
                "version": spec.version,
                "state": RenditionState.WAITING,
                "created_at": now,
                "due_at": now,
            }
            for spec in specs
        ]
        if not rows:
            return 0
        made = insert(self._connection, Rendition).values(rows).on_conflict_do_nothing().returning(Rendition.id)
        return len(self._connection.execute(made).all())

    def count_stored(self) -> int:
        """How many assets there are whose octets are there."""
        query = select(func.count()).select_from(Asset).where(Asset.state == AssetState.STORED)
        return self._connection.scalar(query) or 0

    def stored_after(self, after: str, most: int) -> list[AssetEntry]:
        """The next assets, in the order of their ids, whose octets are there."""
        query = select(Asset).where(Asset.state == AssetState.STORED).order_by(Asset.id).limit(most)
        return [_entry(row) for row in self._connection.execute(query.where(Asset.id > after) if after else query)]

    def claim(self, id: str, token: str, *, now: datetime, lease: timedelta) -> AssetEntry | None:
        """Take the fetching of an asset whose time has come; None where it is another's, or not to be fetched."""
        due = Asset.id == id, Asset.state == AssetState.WAITING, Asset.due_at <= now
        taking = update(Asset).where(*due).values(claim_token=token, due_at=now + lease, tries=Asset.tries + 1)
        row = self._connection.execute(taking.returning(*Asset.__table__.c)).one_or_none()
        return _entry(row) if row else None

    def keep(self, id: str, token: str, until: datetime) -> bool:
        """Hold the claim for longer; False where it is another's by now."""
        return self._change(Asset.id == id, token, due_at=until)

    def stored(self, id: str, token: str, new: NewFile, now: datetime) -> bool:
        """Its octets are there; False where the claim is another's by now."""
        values = {"state": AssetState.STORED, "stored_at": now, "due_at": None, "claim_token": None, "said": ""}
        return self._change(Asset.id == id, token, **values, **_of_file(new), cause=None)

    def fail(self, asset: AssetEntry, token: str, why: Refused, now: datetime) -> bool:
        """It could not be fetched: try again later, or no more. False where the claim is another's by now."""
        due_at = due_again(asset.tries, why, asset.created_at, now)
        values = {"state": AssetState.WAITING if due_at else AssetState.REFUSED, "due_at": due_at, "claim_token": None}
        return self._change(Asset.id == asset.id, token, **values, cause=why.cause, said=why.sentence[:LONGEST])

    def give_back(self, id: str, token: str, now: datetime) -> bool:
        """Leave the fetching to somebody else at once, as if nobody had begun."""
        return self._change(Asset.id == id, token, claim_token=None, due_at=now, tries=Asset.tries - 1)

    def describe(self, id: str, **facts: Any) -> None:
        """Keep what was found out about it: `width`, `height`, `ms`, `blurhash`."""
        self._connection.execute(update(Asset).where(Asset.id == id).values(facts))

    def retry(self, id: str, now: datetime) -> int:
        """Try everything again that failed, or lacked ffmpeg, from the beginning; gives how many parts of it."""
        anew = {"cause": None, "said": "", "tries": 0, "due_at": now}
        unmade = or_(Rendition.state == RenditionState.FAILED, Rendition.cause == Cause.NO_FFMPEG)
        again = update(Rendition).where(Rendition.asset_id == id, unmade)
        found = self._connection.execute(
            again.values(anew | {"state": RenditionState.WAITING, "ended_at": None})
        ).rowcount
        refused = Asset.id == id, Asset.state == AssetState.REFUSED
        fetched = Asset.file != ""
        stored = update(Asset).where(*refused, fetched).values(cause=None, said="", state=AssetState.STORED)
        waiting = update(Asset).where(*refused, ~fetched).values(anew | {"state": AssetState.WAITING})
        return found + sum(self._connection.execute(each).rowcount for each in (stored, waiting))

    def drop(self, ids: Collection[str], now: datetime) -> int:
        """Forget these assets and whatever shows them; their files go to those that are to be deleted."""
        if not ids:
            return 0
        for table, column in ((Asset, Asset.id), (Rendition, Rendition.asset_id)):
            files = self._connection.scalars(select(table.file).where(column.in_(ids), table.file != ""))
            for file in sorted(set(files)):
                self.doubt(file, now)
        self._connection.execute(delete(PostMedia).where(PostMedia.asset_id.in_(ids)))
        self._connection.execute(delete(Rendition).where(Rendition.asset_id.in_(ids)))
        return self._connection.execute(delete(Asset).where(Asset.id.in_(ids))).rowcount

    def doubt(self, file: str, now: datetime) -> None:
        """Let a file be deleted later, unless something has its content then.

        To be said before one is put into the storage as well: whoever dies before a row names it leaves no orphan.
        """
        row = insert(self._connection, DroppedFile).values(file=file, at=now)
        self._connection.execute(row.on_conflict_do_update(index_elements=["file"], set_={"at": now}))

    def dropped(self, before: datetime, most: int) -> list[str]:
        """Files that were dropped before that moment and are to be deleted: nothing has their content any more."""
        files = list(self._connection.scalars(select(DroppedFile.file).where(DroppedFile.at < before).limit(most)))
        held = {
            file
            for column in (Asset.file, Rendition.file)
            for file in self._connection.scalars(select(column).where(column.in_(files)))
        }
        self._connection.execute(delete(DroppedFile).where(DroppedFile.file.in_(held)))
        return [file for file in files if file not in held]

    def deleted(self, files: Collection[str]) -> None:
        """These files are gone."""
        self._connection.execute(delete(DroppedFile).where(DroppedFile.file.in_(files)))

    def _of_app(self, app: str, ids: Collection[str]) -> set[str]:
        if not ids:
            return set()
        return set(self._connection.scalars(select(Asset.id).where(Asset.id.in_(ids), Asset.app_id == app)))

    def _change(self, which: ColumnElement[bool], token: str, **values: Any) -> bool:
        held = which, Asset.claim_token == token, Asset.state == AssetState.WAITING
        return self._connection.execute(update(Asset).where(*held).values(values)).rowcount == 1


def _of_file(new: NewFile) -> dict[str, Any]:
    facts = {"file": new.file, "octets": new.octets, "format": new.format}
    return facts | {"width": new.width, "height": new.height, "ms": new.ms}


def _entry(row: AnyRow) -> AssetEntry:
    return AssetEntry(
        id=row.id,
        app=row.app_id,
        url=row.url,
        state=AssetState(row.state),
        cause=Cause(row.cause) if row.cause else None,
        said=row.said,
        format=Format(row.format) if row.format else None,
        file=row.file,
        octets=row.octets,
        width=row.width,
        height=row.height,
        ms=row.ms,
        blurhash=row.blurhash,
        tries=row.tries,
        created_at=row.created_at,
        stored_at=row.stored_at,
    )
