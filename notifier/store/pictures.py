"""Pictures as messages show them: the first that a post shows, found by its event or by the id of the post."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from notifier.policy.events import Event, Thing
from notifier.policy.media import AssetState, Format, RenditionState
from notifier.policy.pictures import Picture, Standing, Version, seeming
from notifier.store.models import Asset, PostMedia
from notifier.store.renditions import RenditionEntry, Renditions, standing
from notifier.store.sql import AnyRow
from notifier.store.told import Gathered

MOST = 1_000  # rows of posts with the same ids that are looked through, the newest first
_SHOWN = (
    select(
        PostMedia.event_id,
        PostMedia.app_id.label("of_app"),
        PostMedia.object,
        PostMedia.place,
        PostMedia.alt,
        Asset.id,
        Asset.state,
        Asset.format,
        Asset.url,
        Asset.blurhash,
    )
    .join(Asset, Asset.id == PostMedia.asset_id)
    .order_by(PostMedia.event_id.desc(), PostMedia.place)
)


def _with_ids(column: Any) -> Select[*tuple[Any, ...]]:
    return _SHOWN.where(column.in_(bindparam("ids", expanding=True)))


# Asked by every claim and every page of a feed, so made once.
_BY_EVENT = _with_ids(PostMedia.event_id)
_BY_THING = _with_ids(PostMedia.object).limit(MOST)


class Pictures:
    """Reads pictures in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def first(self, events: Collection[str], *, hold: bool = False) -> dict[str, Picture]:
        """What these events show first, by event; without those that show nothing.

        With `hold` none of it settles before this transaction ends: whoever makes a delivery wait for it is seen then.
        """
        if not events:
            return {}
        query = _BY_EVENT
        if hold and self._connection.dialect.name == "postgresql":
            query = query.with_for_update(read=True, of=Asset)
        rows = self._connection.execute(query, {"ids": sorted(events)}).all()
        return self._read({row.event_id: row for row in reversed(rows)})

    def coming(self, event: Event) -> Picture | None:
        """What an event would show first that is not planned yet, or never will be."""
        shown = self.first([event.id]).get(event.id)
        if shown or not event.media:
            return shown
        for one in event.media:
            if one.url:
                return Picture("", None, Standing.WAITING, alt=one.alt, seems=seeming(one.url))
            found = self._uploaded(one.asset, event.app)
            if found:
                return replace(found, alt=one.alt)
        return None

    def illustrated(self, told: Mapping[str, Gathered]) -> dict[str, Gathered]:
        """What is told, with the pictures of what it is about."""
        events = {event.id: event for one in told.values() for event in one.events}
        found = self._of(list(events.values())) if events else {}
        if not found:
            return dict(told)
        return {
            id_: replace(one, pictures={event.id: found[event.id] for event in one.events if event.id in found})
            for id_, one in told.items()
        }

    def _of(self, events: Sequence[Event]) -> dict[str, Picture]:
        """The pictures of what these events are about: their own, else that of the post that they name."""
        own = self.first([event.id for event in events if event.media])
        others = [event for event in events if event.id not in own]
        things = {thing.id for event in others for thing in _owned(event)}
        if not things:
            return own
        # The oldest first, so that of what was posted twice under one id the newest stays.
        rows = reversed(self._connection.execute(_BY_THING, {"ids": sorted(things)}).all())
        posts = {(row.of_app, row.object): row for row in rows}
        about = {event.id: post for event in others if (post := _post_of(event, posts))}
        return own | self._read(about)

    def _uploaded(self, asset: str, app: str) -> Picture | None:
        query = select(Asset.id, Asset.state, Asset.format, Asset.url, Asset.blurhash)
        query = query.where(Asset.id == asset, Asset.app_id == app)
        row = self._connection.execute(query).one_or_none()
        return _picture(row, "", Renditions(self._connection).of([asset]).get(asset, ())) if row else None

    def _read(self, rows: Mapping[str, AnyRow]) -> dict[str, Picture]:
        if not rows:
            return {}
        made = Renditions(self._connection).of({row.id for row in rows.values()})
        return {event: _picture(row, row.alt, made.get(row.id, ())) for event, row in rows.items()}


def _owned(event: Event) -> Iterable[Thing]:
    """What it is about and belongs to somebody: a post, not the person who is followed."""
    return (thing for thing in (event.target, event.object) if thing and thing.owner)


def _post_of(event: Event, posts: Mapping[tuple[str, str], AnyRow]) -> AnyRow | None:
    return next((posts[event.app, thing.id] for thing in _owned(event) if (event.app, thing.id) in posts), None)


def _picture(row: AnyRow, alt: str, renditions: Sequence[RenditionEntry]) -> Picture:
    versions = {one.spec: one for one in renditions if one.state == RenditionState.DONE}
    return Picture(
        asset=row.id,
        media=Format(row.format).media if row.format else None,
        standing=standing(AssetState(row.state), renditions),
        versions=tuple(
            Version(one.spec, one.format, one.file, one.width or 0, one.height or 0, one.octets)
            for one in versions.values()
        ),
        alt=alt,
        blurhash=row.blurhash,
        seems=seeming(row.url),
    )
