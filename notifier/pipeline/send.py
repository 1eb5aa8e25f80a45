"""Sending: claim a chunk, look again at what may have changed, render, send, and record each answer as it comes."""

import logging
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from notifier.channels import Address, Answer, Channel, Digest, Message, Notice, Person, TemplateFault
from notifier.languages import Missing
from notifier.pipeline import Clock
from notifier.pipeline.look import Looked, Relations, Seen, events_of, look
from notifier.pipeline.missing import keep_missing
from notifier.pipeline.pausing import Watch
from notifier.pipeline.record import Recorder, Result
from notifier.policy.calendar import Slot
from notifier.policy.catalogue import Catalogue, Kind
from notifier.policy.links import PREFERENCES, Link, digest_mark, make_token, type_mark
from notifier.policy.outcomes import Deferred, Gone
from notifier.policy.ranking import ranked
from notifier.policy.retry import Next, after, policy_for
from notifier.policy.words import Reason, State
from notifier.store.claims import Claimed, Claims, Item
from notifier.store.database import Database
from notifier.store.facts import Facts
from notifier.store.outbox import Outbox, Settled, Try
from notifier.store.pausing import Pauses
from notifier.store.types import id_octets, new_id

log = logging.getLogger(__name__)

Channels = Mapping[str, Channel[Any]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one claim got: deliveries, their people's blocks and mutes, and the origins that wait."""

    claimed: Sequence[Claimed]
    relations: Mapping[str, Relations]
    pauses: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class SendSettings:
    """What sending must know: the lease of a claim, the scale of retry delays, and how links are made.

    `missing` counts what the channels have no words for.
    """

    lease: timedelta
    retry_scale: float
    public_url: str
    link_secret: bytes
    missing: Missing = field(default_factory=Missing)


class Sender:
    """Sends claimed deliveries. Set `stopping` and it takes no further message, gives back the rest and returns."""

    def __init__(
        self,
        database: Database,
        channels: Channels,
        catalogue: Catalogue,
        recorder: Recorder,
        settings: SendSettings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._channels = channels
        self._catalogue = catalogue
        self._recorder = recorder
        self._settings = settings
        self._clock = clock
        self._replacing = tuple(name for name, channel in channels.items() if channel.replaces)
        self._perishable = {name: channel.perishable for name, channel in channels.items()}
        # To word a message is Python alone: several threads at it would only take turns, and keep the one waiting that
        # holds the database's lock.
        self._wording = threading.Lock()
        self._watch = Watch(database)
        self.stopping = recorder.stopping

    def send(self, ids: Sequence[str]) -> int:
        """Try each of these deliveries once that is still wanted; gives how many were claimed.

        No transaction is open while a provider is asked.
        """
        token = new_id("clm")
        chunk = self._database.transact(lambda tx: self._claim(tx, ids, token))
        if not chunk.claimed:
            return 0
        with self._recorder.chunk(token, [one.id for one in chunk.claimed]):
            ready = self._still_wanted(chunk, token)
            for channel, group in groupby(ready, key=attrgetter("channel")):
                self._send_group(self._channels[channel], list(group), token)
        keep_missing(self._database, self._settings.missing)
        return len(chunk.claimed)

    def _claim(self, connection: Connection, ids: Sequence[str], token: str) -> Chunk:
        """Claim, and read all that the second look asks for: where that cannot be read, nothing is sent."""
        now = self._clock()  # in the transaction: the wait for it must not use up the lease
        Pauses(connection).keep(ids)
        claimed = Claims(connection, self._replacing).claim(ids, token, now=now, lease=self._settings.lease)
        if not claimed:
            return Chunk((), {}, {})
        events = events_of((item.told for one in claimed for item in one.items), self._catalogue)
        relations = Facts(connection).relations({one.user for one in claimed}, events)
        return Chunk(claimed, relations, Outbox(connection).pauses(now))

    def _still_wanted(self, chunk: Chunk, token: str) -> list[Claimed]:
        """Those that are to go out, with what they tell; the others are settled with the reason."""
        now = self._clock()
        seen = Seen(self._perishable, lambda one: self._paused_until(one, chunk.pauses), now)
        looked = [look(one, chunk.relations.get(one.user, frozenset()), self._catalogue, seen) for one in chunk.claimed]
        settled = [_settled(one) for one in looked if one.next or one.leaving]
        if settled:
            self._database.transact(lambda tx: Outbox(tx).settle(settled, token, now))
        return sorted((one.claimed for one in looked if one.next is None), key=attrgetter("channel", "id"))

    def _paused_until(self, one: Claimed, pauses: Mapping[str, datetime]) -> datetime | None:
        return pauses.get(self._channels[one.channel].origin(_address(one))) if pauses else None

    def _send_group(self, channel: Channel[Any], group: Sequence[Claimed], token: str) -> None:
        by_id = {one.id: one for one in group}
        channel.send(
            self._messages(channel, group, token),
            lambda answer: self._recorder.put(self._result(channel, by_id[answer.delivery_id], answer, token)),
        )

    def _messages(self, channel: Channel[Any], group: Sequence[Claimed], token: str) -> Iterator[Message]:
        """Render one after the other, as the channel asks for them."""
        for one in group:
            self._recorder.catch_up(token)
            # Claims that could not be renewed may be another's by now. What is given back here finds its queue paused.
            if self.stopping.is_set() or not self._recorder.holds(token) or self._watch.is_paused(one.queue):
                return
            try:
                with self._wording:
                    notice = replace(self._notice(one), preferences_url=self._preferences_url(one))
                    message = channel.render(notice, self._clock())
            except Exception as fault:  # whatever a template does with its data, it fails this message alone
                log.exception("delivery %s cannot be rendered", one.id)
                self._recorder.put(self._unrendered(one, fault, token))
            else:
                yield message

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
            address=_address(one),
            created_at=one.wanted_at,
            expires_at=one.wanted_at + self._kind(one).ttl,
            urgent=one.queue == "urgent",
            unsubscribe_url=self._unsubscribe_url(one, newest.type),
            last_code=one.last_code,
        )

    def _unsubscribe_url(self, one: Claimed, type_: str) -> str:
        kind = self._catalogue.find(type_)
        return "" if kind is None or kind.mandatory else self._link_to_stop(one, type_mark(type_))

    def _link_to_stop(self, one: Claimed, mark: bytes) -> str:
        link = Link(id_octets(one.address_id), mark)
        return f"{self._settings.public_url}/u/{make_token(self._settings.link_secret, 'unsubscribe', link)}"

    def _preferences_url(self, one: Claimed) -> str:
        token = make_token(self._settings.link_secret, PREFERENCES, Link(id_octets(one.address_id)))
        return f"{self._settings.public_url}/p/{token}"

    def _kind(self, one: Claimed) -> Kind:
        kind = self._catalogue.find(one.own.type)
        assert kind is not None  # noqa: S101 (the second look settled all others)
        return kind

    def _result(self, channel: Channel[Any], one: Claimed, answer: Answer, token: str) -> Result:
        now, outcome = self._clock(), answer.outcome
        next_ = after(
            outcome,
            policy_for(one.own.type, one.channel),
            tries=one.tries,
            wanted_at=one.wanted_at,
            expires_at=one.wanted_at + self._kind(one).ttl if channel.perishable else None,
            now=now,
            scale=self._settings.retry_scale,
            chance=random.random(),  # noqa: S311 (spreads load, guards nothing)
        )
        pauses = isinstance(outcome, Deferred) and outcome.pauses
        return Result(
            token,
            Try(
                one.id,
                answer.started_at,
                answer.ms,
                type(outcome).__name__.lower(),
                outcome.code,
                outcome.text,
                next_,
                carries=bool(one.carried),
            ),
            address=one.address_id,
            retires=one.address if isinstance(outcome, Gone) else "",
            origin=channel.origin(_address(one)) if pauses else "",
            pause_until=next_.due_at if pauses else None,
        )

    def _unrendered(self, one: Claimed, fault: Exception, token: str) -> Result:
        said = str(fault) if isinstance(fault, TemplateFault) else f"{type(fault).__name__}: {fault}"
        next_ = Next(State.FAILED, Reason.TEMPLATE_ERROR)
        made = Try(one.id, self._clock(), 0, "refused", "template", said, next_, carries=bool(one.carried))
        return Result(token, made, one.address_id)


def _address(one: Claimed) -> Address:
    return Address(one.address_id, one.address, one.key_id)


def _settled(looked: Looked) -> Settled:
    one = looked.claimed
    # What goes out all the same is settled for the sake of those that leave it.
    return Settled(one.id, looked.next, looked.leaving, carries=bool(one.carried))


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
