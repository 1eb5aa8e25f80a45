"""All that is held about a person, as one JSON text, read and written a page at a time: it may be large."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, tuple_

from notifier.policy.choices import name_of
from notifier.store.admins import Admins
from notifier.store.choices import Choices
from notifier.store.database import Database
from notifier.store.models import (
    Address,
    Asset,
    Attempt,
    Delivery,
    Digest,
    Event,
    Notification,
    NotificationEvent,
    PostMedia,
    PreferenceChange,
    Relation,
    User,
)
from notifier.store.sql import AnyRow

PAGE = 500
WINDOW = 5_000  # events of one transaction that are looked at

_PERSON = (User.id, User.name, User.locale, User.timezone, User.created_at, User.updated_at)
_ADDRESS = ("id", "channel", "value", "created_at", "last_sent_at", "gone_at", "gone_why")
_CHANGE = ("id", "at", "by", "through", "what", "before", "after")
_NOTIFICATION = ("id", "type", "opened_at", "seen_at", "read_at", "undone_at")
_DELIVERY = ("id", "notification_id", "type", "channel", "state", "reason", "created_at", "sent_at")
_DIGEST = ("id", "channel", "cadence", "period", "state", "wanted_at", "ended_at")
_ASSET = ("id", "url", "format", "octets", "width", "height", "created_at")
_ATTEMPT = ("id", "started_at", "outcome", "code", "text")

Entry = dict[str, Any]


def export_text(database: Database, person: str, *, who: str, now: datetime) -> Iterator[str]:
    """The JSON text in pieces. That `who` took it is on record from the call on, be it read or not.

    Each page is a transaction of its own. Raises `DatabaseAway`.
    """
    database.transact(lambda tx: Admins(tx).note(who, "user.export", repr(person), now))
    return _pieces(database, person)


def _pieces(database: Database, person: str) -> Iterator[str]:
    with database.read() as connection:
        profile = connection.execute(select(*_PERSON).where(User.id == person)).one_or_none()
        chosen = Choices(connection).of([person])[person]
    yield f'{{"user": {_json(profile._asdict() if profile else None)}'
    yield f', "choices": {_json({name_of(what): value for what, value in sorted(chosen.items())})}'
    for name, entries in _lists(database, person):
        yield f', "{name}": ['
        for number, entry in enumerate(entries):
            yield (", " if number else "") + _json(entry)
        yield "]"
    yield "}\n"


def _lists(database: Database, person: str) -> Iterator[tuple[str, Iterable[Entry]]]:
    yield "addresses", _rows(database, Address, Address.user_id == person, _ADDRESS)
    yield "relations", _relations(database, person)
    yield "changes", _rows(database, PreferenceChange, PreferenceChange.user_id == person, _CHANGE)
    yield "notifications", _notifications(database, person)
    yield "digests", _rows(database, Digest, Digest.user_id == person, _DIGEST)
    yield "deliveries", _deliveries(database, person)
    yield "media", _media(database, person)
    yield "events", _events(database, person)


def _pages(database: Database, table: Any, which: ColumnElement[bool]) -> Iterator[tuple[Connection, Sequence[AnyRow]]]:
    query, after = select(table).where(which).order_by(table.id).limit(PAGE), ""
    while True:
        with database.read() as connection:
            rows = connection.execute(query.where(table.id > after) if after else query).all()
            if rows:
                yield connection, rows
        if len(rows) < PAGE:
            return
        after = rows[-1].id


def _rows(database: Database, table: Any, which: ColumnElement[bool], columns: Sequence[str]) -> Iterator[Entry]:
    for _, rows in _pages(database, table, which):
        yield from (_entry(row, columns) for row in rows)


def _relations(database: Database, person: str) -> Iterator[Entry]:
    query = select(Relation).where(Relation.user_id == person).order_by(Relation.kind, Relation.other).limit(PAGE)
    after: tuple[str, str] | None = None
    while True:
        later = query.where(tuple_(Relation.kind, Relation.other) > tuple_(*after)) if after else query
        with database.read() as connection:
            rows = connection.execute(later).all()
        yield from (_entry(row, ("kind", "other", "created_at")) for row in rows)
        if len(rows) < PAGE:
            return
        after = (rows[-1].kind, rows[-1].other)


def _notifications(database: Database, person: str) -> Iterator[Entry]:
    told = NotificationEvent.notification_id
    for connection, rows in _pages(database, Notification, Notification.user_id == person):
        found = connection.execute(
            select(told, NotificationEvent.event_id)
            .where(told.in_([row.id for row in rows]))
            .order_by(told, NotificationEvent.event_id)
        )
        events = {key: [row.event_id for row in group] for key, group in groupby(found, attrgetter("notification_id"))}
        yield from (_entry(row, _NOTIFICATION) | {"events": events.get(row.id, [])} for row in rows)


def _media(database: Database, person: str) -> Iterator[Entry]:
    """The pictures and videos that their posts show."""
    theirs = Asset.id.in_(select(PostMedia.asset_id).where(PostMedia.actor == person))
    for connection, rows in _pages(database, Asset, theirs):
        its = select(PostMedia).where(PostMedia.asset_id.in_([row.id for row in rows]), PostMedia.actor == person)
        shown = {post.asset_id: post for post in connection.execute(its.order_by(PostMedia.event_id))}
        for row in rows:
            yield _entry(row, _ASSET) | {"event": shown[row.id].event_id, "alt": shown[row.id].alt}


def _deliveries(database: Database, person: str) -> Iterator[Entry]:
    for connection, rows in _pages(database, Delivery, Delivery.user_id == person):
        found = connection.execute(
            select(Attempt)
            .where(Attempt.delivery_id.in_([row.id for row in rows]))
            .order_by(Attempt.delivery_id, Attempt.id)
        )
        tries = {
            key: [_entry(row, _ATTEMPT) for row in group] for key, group in groupby(found, attrgetter("delivery_id"))
        }
        yield from (_entry(row, _DELIVERY) | {"attempts": tries.get(row.id, [])} for row in rows)


def _events(database: Database, person: str) -> Iterator[Entry]:
    """What they did, as the apps told it. No index leads from a person to their acts: all events are looked at."""
    after = ""
    while True:
        with database.read() as connection:
            part = select(Event.id).order_by(Event.id).limit(WINDOW)
            part = part.where(Event.id > after) if after else part
            ids = connection.scalars(part).all()
            if not ids:
                return
            query = select(Event).where(Event.id >= ids[0], Event.id <= ids[-1], Event.actor == person)
            rows = connection.execute(query.order_by(Event.id)).all()
        for row in rows:
            yield _entry(row, ("id", "type", "occurred_at", "accepted_at")) | {"data": json.loads(row.body)}
        after = ids[-1]


def _entry(row: AnyRow, columns: Sequence[str]) -> Entry:
    return {column: getattr(row, column) for column in columns}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_moment)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
