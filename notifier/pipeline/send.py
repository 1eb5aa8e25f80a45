"""Sending: claim a chunk, look again at what may have changed, render, send, and record each answer as it comes."""

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from notifier.channels import Address, Answer, Channel, Message, Notice, Person, TemplateFault
from notifier.languages import Missing
from notifier.pipeline import Clock
from notifier.pipeline.missing import keep_missing
from notifier.pipeline.record import Recorder, Result
from notifier.policy.catalogue import Catalogue, Kind
from notifier.policy.decide import silenced
from notifier.policy.links import Link, make_token, type_mark
from notifier.policy.outcomes import Deferred, Gone
from notifier.policy.retry import Next, after, policy_for
from notifier.policy.words import Cadence, Reason, State
from notifier.store.claims import Claimed, Claims
from notifier.store.database import Database
from notifier.store.outbox import Outbox, Try
from notifier.store.types import id_octets, new_id

log = logging.getLogger(__name__)

Channels = Mapping[str, Channel[Any]]


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
        self.stopping = recorder.stopping

    def send(self, ids: Sequence[str]) -> int:
        """Try each of these deliveries once that is still wanted; gives how many were claimed.

        No transaction is open while a provider is asked.
        """
        token = new_id("clm")
        claimed, pauses = self._database.transact(lambda tx: self._claim(Claims(tx), Outbox(tx), ids, token))
        if not claimed:
            return 0
        with self._recorder.chunk(token, [one.id for one in claimed]):
            ready = self._still_wanted(claimed, token, pauses)
            for channel, group in groupby(ready, key=attrgetter("channel")):
                self._send_group(self._channels[channel], list(group), token)
        keep_missing(self._database, self._settings.missing)
        return len(claimed)

    def _claim(
        self, claims: Claims, outbox: Outbox, ids: Sequence[str], token: str
    ) -> tuple[list[Claimed], dict[str, datetime]]:
        now = self._clock()  # in the transaction: the wait for it must not use up the lease
        claimed = claims.claim(ids, token, now=now, lease=self._settings.lease)
        return claimed, outbox.pauses(now) if claimed else {}

    def _still_wanted(self, claimed: Sequence[Claimed], token: str, pauses: Mapping[str, datetime]) -> list[Claimed]:
        """Those that are to go out; the others are settled with the reason."""
        now = self._clock()
        decided = [(one, self._second_look(one, pauses, now)) for one in claimed]
        settled = [(one.id, verdict) for one, verdict in decided if verdict]
        if settled:
            self._database.transact(lambda tx: Outbox(tx).settle(settled, token, now))
        ready = [one for one, verdict in decided if verdict is None]
        return sorted(ready, key=attrgetter("channel", "id"))

    def _second_look(self, one: Claimed, pauses: Mapping[str, datetime], now: datetime) -> Next | None:
        """What may have changed since the plan; None where the delivery is still wanted."""
        kind, channel = self._catalogue.find(one.type), self._channels.get(one.channel)
        if kind is None or channel is None or one.channel not in kind.cadences:
            return Next(State.SKIPPED, Reason.UNKNOWN_TYPE, charged=False)
        cadence = Cadence(one.cadence) if one.cadence else kind.cadences[one.channel]
        if silence := silenced(cadence, one.reach):
            return Next(silence.state, silence.reason, charged=False)
        if channel.perishable and one.wanted_at + kind.ttl <= now:
            return Next(State.FAILED, Reason.EXPIRED, charged=False)
        until = pauses.get(channel.origin(_address(one)))
        return Next(State.WAITING, Reason.PAUSED, until, charged=False) if until else None

    def _send_group(self, channel: Channel[Any], group: Sequence[Claimed], token: str) -> None:
        by_id = {one.id: one for one in group}
        channel.send(
            self._messages(channel, group, token),
            lambda answer: self._recorder.put(self._result(channel, by_id[answer.delivery_id], answer, token)),
        )

    def _messages(self, channel: Channel[Any], group: Sequence[Claimed], token: str) -> Iterator[Message]:
        """Render one after the other, as the channel asks for them."""
        for one in group:
            # Claims that could not be renewed may be another's by now.
            if self.stopping.is_set() or not self._recorder.holds(token):
                return
            try:
                message = channel.render(self._notice(one), self._clock())
            except Exception as fault:  # whatever a template does with its data, it fails this message alone
                log.exception("delivery %s cannot be rendered", one.id)
                self._recorder.put(self._unrendered(one, fault, token))
            else:
                yield message

    def _notice(self, one: Claimed) -> Notice:
        kind = self._kind(one)
        return Notice(
            delivery_id=one.id,
            notification_id=one.notification,
            type=one.type,
            group=one.fold,
            events=one.told.events,
            earlier_events=one.told.earlier_events,
            earlier_actors=one.told.earlier_actors,
            person=Person(one.user, one.name, one.locale, one.timezone),
            address=_address(one),
            created_at=one.wanted_at,
            expires_at=one.wanted_at + kind.ttl,
            urgent=one.queue == "urgent",
            unsubscribe_url="" if kind.mandatory else self._unsubscribe_url(one),
            last_code=one.last_code,
        )

    def _unsubscribe_url(self, one: Claimed) -> str:
        link = Link(id_octets(one.address_id), type_mark(one.type))
        return f"{self._settings.public_url}/u/{make_token(self._settings.link_secret, 'unsubscribe', link)}"

    def _kind(self, one: Claimed) -> Kind:
        kind = self._catalogue.find(one.type)
        assert kind is not None  # noqa: S101 (the second look settled all others)
        return kind

    def _result(self, channel: Channel[Any], one: Claimed, answer: Answer, token: str) -> Result:
        now, outcome = self._clock(), answer.outcome
        next_ = after(
            outcome,
            policy_for(one.type, one.channel),
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
                one.id, answer.started_at, answer.ms, type(outcome).__name__.lower(), outcome.code, outcome.text, next_
            ),
            address=one.address_id,
            retires=one.address if isinstance(outcome, Gone) else "",
            origin=channel.origin(_address(one)) if pauses else "",
            pause_until=next_.due_at if pauses else None,
        )

    def _unrendered(self, one: Claimed, fault: Exception, token: str) -> Result:
        said = str(fault) if isinstance(fault, TemplateFault) else f"{type(fault).__name__}: {fault}"
        next_ = Next(State.FAILED, Reason.TEMPLATE_ERROR)
        return Result(token, Try(one.id, self._clock(), 0, "refused", "template", said, next_), one.address_id)


def _address(one: Claimed) -> Address:
    return Address(one.address_id, one.address, one.key_id)
