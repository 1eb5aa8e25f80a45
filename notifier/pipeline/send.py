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

from notifier.channels import Answer, Channel, Message, TemplateFault
from notifier.languages import Missing
from notifier.pipeline import Clock
from notifier.pipeline.look import Looked, Relations, Seen, events_of, look
from notifier.pipeline.missing import keep_missing
from notifier.pipeline.noticing import Noticing, address_of
from notifier.pipeline.pausing import Watch
from notifier.pipeline.record import Recorder, Result
from notifier.policy.catalogue import Catalogue, Kind
from notifier.policy.outcomes import Deferred, Gone
from notifier.policy.pictures import PATIENCE, Patience, asset_in
from notifier.policy.retry import Next, after, policy_for
from notifier.policy.words import Reason, State
from notifier.store.awaiting import Awaiting
from notifier.store.claims import Claimed, Claims
from notifier.store.database import Database
from notifier.store.facts import Facts
from notifier.store.outbox import Outbox, Settled, Try
from notifier.store.pausing import Pauses
from notifier.store.types import new_id

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

    `missing` counts what the channels have no words for; `patience` is how long messages wait for pictures.
    """

    lease: timedelta
    retry_scale: float
    public_url: str
    link_secret: bytes
    missing: Missing = field(default_factory=Missing)
    patience: Patience = PATIENCE


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
        self._noticing = Noticing(catalogue, settings.public_url, settings.link_secret)
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
        patience = self._settings.patience
        seen = Seen(self._perishable, lambda one: self._paused_until(one, chunk.pauses), now, patience)
        looked = [look(one, chunk.relations.get(one.user, frozenset()), self._catalogue, seen) for one in chunk.claimed]
        settled = [_settled(one) for one in looked if one.next or one.leaving]
        if settled:
            self._database.transact(lambda tx: Outbox(tx).settle(self._unless_shown(tx, settled, now), token, now))
        return sorted((one.claimed for one in looked if one.next is None), key=attrgetter("channel", "id"))

    def _unless_shown(self, connection: Connection, settled: Sequence[Settled], now: datetime) -> Sequence[Settled]:
        """The same, but what was to wait for a picture that came since the claim is due: nobody would let it go."""
        waits = {one.delivery: one.next.value for one in settled if one.next and one.next.reason is Reason.RENDITION}
        if not waits:
            return settled
        assets = {delivery: asset_in(value) for delivery, value in waits.items()}
        there = Awaiting(connection, self._settings.patience).settled(assets.values())
        due = Next(State.QUEUED, None, now, charged=False)
        return [replace(one, next=due) if assets.get(one.delivery) in there else one for one in settled]

    def _paused_until(self, one: Claimed, pauses: Mapping[str, datetime]) -> datetime | None:
        return pauses.get(self._channels[one.channel].origin(address_of(one))) if pauses else None

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
                    message = channel.render(self._noticing.notice(one), self._clock())
            except Exception as fault:  # whatever a template does with its data, it fails this message alone
                log.exception("delivery %s cannot be rendered", one.id)
                self._recorder.put(self._unrendered(one, fault, token))
            else:
                yield message

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
            origin=channel.origin(address_of(one)) if pauses else "",
            pause_until=next_.due_at if pauses else None,
        )

    def _unrendered(self, one: Claimed, fault: Exception, token: str) -> Result:
        said = str(fault) if isinstance(fault, TemplateFault) else f"{type(fault).__name__}: {fault}"
        next_ = Next(State.FAILED, Reason.TEMPLATE_ERROR)
        made = Try(one.id, self._clock(), 0, "refused", "template", said, next_, carries=bool(one.carried))
        return Result(token, made, one.address_id)


def _settled(looked: Looked) -> Settled:
    one = looked.claimed
    # What goes out all the same is settled for the sake of those that leave it.
    return Settled(one.id, looked.next, looked.leaving, carries=bool(one.carried))
