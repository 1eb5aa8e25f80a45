"""Noticing: a delivery with all that was known when it was claimed becomes the notice that its channel words."""

from collections.abc import Sequence
from dataclasses import replace

from notifier.channels import Address, Digest, Notice, Person
from notifier.policy.calendar import Slot
from notifier.policy.catalogue import Catalogue, Kind
from notifier.policy.links import (
    LASTS,
    PREFERENCES,
    UNSUBSCRIBE,
    WHY,
    Link,
    digest_mark,
    end_mark,
    make_token,
    type_mark,
)
from notifier.policy.ranking import ranked
from notifier.store.claims import Claimed, Item
from notifier.store.types import id_octets


class Noticing:
    """Makes notices, with the links that they bear."""

    def __init__(self, catalogue: Catalogue, public_url: str, link_secret: bytes) -> None:
        self._catalogue = catalogue
        self._public_url = public_url
        self._link_secret = link_secret

    def notice(self, one: Claimed) -> Notice:
        """The notice of a delivery that tells of something, and whose type is in the catalogue."""
        notice = self._notice(one)
        # What stands in a feed goes to no address: no link of ours goes with it.
        return self._with_links(one, notice) if one.address_id else notice

    def _notice(self, one: Claimed) -> Notice:
        """One notice of all that the message tells; where that is of several things, a summary."""
        notices = [self._alone(one, items) for items in _folded(one.items)]
        if one.digest:
            return self._digest(one, notices, one.digest)
        if len(notices) == 1:
            return notices[0]
        # What it is about first; the place of a summary on the screen is its own.
        return replace(notices[0], notification_id=one.own.notification, group="", items=tuple(notices))

    def _digest(self, one: Claimed, notices: Sequence[Notice], slot: Slot) -> Notice:
        """A digest of these: what concerns the person most comes first."""
        items = ranked(notices, _type_of, _newest_in, self._catalogue)
        return replace(
            items[0],
            notification_id=one.own.notification,
            group="",
            items=tuple(items),
            digest=Digest(slot.cadence, slot.at),
            unsubscribe_url=self._link_to_stop(one, digest_mark(slot.cadence)),
        )

    def _alone(self, one: Claimed, items: Sequence[Item]) -> Notice:
        newest = items[-1]
        events = {event.id: event for item in items for event in item.told.events}
        return Notice(
            delivery_id=one.id,
            notification_id=items[0].notification,
            type=newest.type,
            group=newest.fold,
            events=tuple(events[event] for event in sorted(events)),
            earlier_events=sum(item.told.earlier_events for item in items),
            earlier_actors=sum(item.told.earlier_actors for item in items),
            person=Person(one.user, one.name, one.locale, one.timezone),
            address=address_of(one),
            created_at=one.wanted_at,
            expires_at=one.wanted_at + self._kind(one).ttl,
            urgent=one.queue == "urgent",
            unsubscribe_url=self._unsubscribe_url(one, newest.type),
            last_code=one.last_code,
            pictures={event: picture for item in items for event, picture in item.told.pictures.items()},
        )

    def _unsubscribe_url(self, one: Claimed, type_: str) -> str:
        kind = self._catalogue.find(type_)
        return "" if kind is None or kind.mandatory else self._link_to_stop(one, type_mark(type_))

    def _link_to_stop(self, one: Claimed, mark: bytes) -> str:
        return self._link("u", UNSUBSCRIBE, Link(id_octets(one.address_id), mark)) if one.address_id else ""

    def _with_links(self, one: Claimed, notice: Notice) -> Notice:
        """The notice with the links that every message has. They end by when it was wanted: the same on every try."""
        end = end_mark(one.wanted_at + LASTS)
        return replace(
            notice,
            preferences_url=self._link("p", PREFERENCES, Link(id_octets(one.address_id), end)),
            why_url=self._link("why", WHY, Link(id_octets(one.id), end)),
        )

    def _link(self, path: str, purpose: str, link: Link) -> str:
        return f"{self._public_url}/{path}/{make_token(self._link_secret, purpose, link)}"

    def _kind(self, one: Claimed) -> Kind:
        kind = self._catalogue.find(one.own.type)
        assert kind is not None  # noqa: S101 (whoever asks has looked)
        return kind


def address_of(one: Claimed) -> Address:
    """Where it goes."""
    return Address(one.address_id, one.address, one.key_id)


def _folded(items: Sequence[Item]) -> list[list[Item]]:
    """The items by what they fold with, the newest first; in each the newest last."""
    folds: dict[tuple[str, str], list[Item]] = {}
    for item in sorted(items, key=_newest):
        folds.setdefault((item.type, item.fold or item.id), []).append(item)
    return sorted(folds.values(), key=lambda fold: _newest(fold[-1]), reverse=True)


def _newest(item: Item) -> str:
    return item.told.events[-1].id


def _type_of(notice: Notice) -> str:
    return notice.type


def _newest_in(notice: Notice) -> str:
    return notice.events[-1].id
