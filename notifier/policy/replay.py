"""What one set of rules makes of events that happened: messages as they would have gone out, held in memory alone."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from notifier.policy.calendar import next_digest_at
from notifier.policy.catalogue import Catalogue, Kind
from notifier.policy.decide import (
    Case,
    Plan,
    Reach,
    Recipient,
    Rhythm,
    capped,
    decide,
    fold_key,
    held,
    silence_of,
)
from notifier.policy.events import Event
from notifier.policy.gathering import LONGEST, Joined, joined
from notifier.policy.waiting import Box, Fold, Message, Outcome, Past, Person
from notifier.policy.words import Cadence, Reason, State

DAMPED = timedelta(hours=24)


class Replay:
    """Replays events under one catalogue, in the order in which they came; `sent` and `digests` count by channel.

    What goes out is kept as (moment, person) in `log` where that is asked for.
    """

    def __init__(self, catalogue: Catalogue, gather_scale: float, *, keeps_log: bool = False) -> None:
        self.catalogue = catalogue
        self.sent: Counter[str] = Counter()
        self.digests: Counter[str] = Counter()
        self.log: list[tuple[str, str, datetime]] = []
        self._gather_scale = gather_scale
        self._keeps_log = keeps_log
        self._people: dict[str, Person] = {}
        self._count = 0

    def hear(self, past: Past, kind: Kind, recipient: Recipient) -> dict[str, Outcome]:
        """Let the person hear of the event; gives what becomes of it on each channel."""
        event, now = past.event, past.event.accepted_at
        person = self._person(recipient)
        self._go_on(person, now)
        person.recipient = person.seen(recipient, now)
        case = self._case(past, kind, person)
        plans = decide(case, person.recipient, now)
        fold = None
        if case.gather and silence_of(case, recipient) is None:
            fold = _open(person, fold_key(event, kind), now)
        made = self._join(person, case, plans, fold, past) if fold else self._alone(person, case, plans, past)
        if past.undone_at:
            person.undone.setdefault(_act(event), []).append((past, made[1]))
        return made[0]

    def finish(self) -> None:
        """Let everything go out that still waits."""
        for person in self._people.values():
            self._go_on(person, _FOREVER)

    def _person(self, recipient: Recipient) -> Person:
        person = self._people.get(recipient.id)
        if person is None:
            person = self._people[recipient.id] = Person(
                recipient, _on_one_device(recipient.reach), self._rhythm(recipient)
            )
        return person

    def _rhythm(self, recipient: Recipient) -> Rhythm:
        return replace(recipient.rhythm, caps={**self.catalogue.caps, **recipient.rhythm.caps})

    def _case(self, past: Past, kind: Kind, person: Person) -> Case:
        event, gathers = past.event, bool(fold_key(past.event, kind))
        gather = kind.gather * self._gather_scale if gathers else timedelta()
        told = {person.recipient.id: frozenset(_heard(person, event))} if person.undone else {}
        taken_back = past.undone_at is not None and past.undone_at <= event.accepted_at
        return Case(event, kind, gather, taken_back=taken_back, told=told)

    def _alone(
        self, person: Person, case: Case, plans: Iterable[Plan], past: Past
    ) -> tuple[dict[str, Outcome], dict[str, Message]]:
        outcomes, messages = {}, {}
        for plan in plans:
            outcomes[plan.channel] = _outcome(plan, past.event.accepted_at)
            if message := self._put(person, case.kind, plan, past):
                messages[plan.channel] = message
        return outcomes, messages

    def _join(
        self, person: Person, case: Case, plans: list[Plan], fold: Fold, past: Past
    ) -> tuple[dict[str, Outcome], dict[str, Message]]:
        found = self._joined(person, case, plans, fold)
        fold.total += 1
        outcomes, messages = self._alone(person, case, found.new, past)
        fold.messages |= {message.id: message for message in messages.values()}
        for id_, due_at in found.hastened:
            self._move(person, fold.messages[id_], due_at)
        for plan, met in found.met:
            message = messages[plan.channel] = fold.messages[met.id]
            if message.waits:
                message.lives.append(past.undone_at)
            outcomes[plan.channel] = _outcome(message.plan, message.due_at)
        return outcomes, messages

    def _joined(self, person: Person, case: Case, plans: list[Plan], fold: Fold) -> Joined:
        now, late_at = case.event.accepted_at, None
        if case.kind.milestones:
            late_at = next_digest_at(now, Cadence.DAILY, person.recipient.hour)
        fold.forget()
        told = [message.told for message in fold.messages.values()]
        return joined(plans, told, count=fold.total, added=1, late_at=late_at)

    def _put(self, person: Person, kind: Kind, plan: Plan, past: Past) -> Message | None:
        now = past.event.accepted_at
        if plan.state not in (State.SENT, State.QUEUED, State.WAITING):
            return None
        box = person.boxes.setdefault(plan.channel, Box())
        bundle = box.bundles.get(_bundle(plan)) if plan.state == State.WAITING and plan.due_at else None
        if bundle is not None and bundle.waits:
            bundle.lives.append(past.undone_at)
            return bundle
        self._count += 1
        message = Message(str(self._count), plan, kind, plan.due_at or now, [past.undone_at])
        if plan.state == State.WAITING:
            self._wait(box, message)
        else:
            self._send(person, message, now)
        return message

    def _wait(self, box: Box, message: Message) -> None:
        self._count += 1
        heapq.heappush(box.waiting, (message.due_at, self._count, message))
        if message.plan.reason != Reason.GATHERING:
            box.bundles[_bundle(message.plan)] = message

    def _move(self, person: Person, message: Message, due_at: datetime) -> None:
        message.plan = replace(message.plan, due_at=due_at, rule="gather")
        message.due_at = due_at
        self._wait(person.boxes[message.plan.channel], message)

    def _go_on(self, person: Person, now: datetime) -> None:
        """Let out what is due by now, unless something else holds it up then."""
        for box in person.boxes.values():
            while box.waiting and box.waiting[0][0] <= now:
                due_at, _, message = heapq.heappop(box.waiting)
                if message.waits and message.due_at == due_at:
                    self._come_due(person, box, message)

    def _come_due(self, person: Person, box: Box, message: Message) -> None:
        box.bundles.pop(_bundle(message.plan), None)
        if not message.is_alive(message.due_at):
            message.waits = False
            return
        later = None
        if message.plan.reason != Reason.DIGEST:
            sent = replace(person.recipient, messages={message.plan.channel: box.sent})
            later = held(message.kind, person.recipient, message.due_at)
            later = later or capped(message.kind, sent, message.plan.channel, message.due_at)
        if later is None or later.due_at is None:
            self._send(person, message, message.due_at)
            return
        message.plan = replace(
            message.plan, reason=later.reason, due_at=later.due_at, rule=later.rule, value=later.value
        )
        message.due_at = later.due_at
        self._fold_into(box, message)

    def _fold_into(self, box: Box, message: Message) -> None:
        """What is held until the same moment comes in one message."""
        bundle = box.bundles.get(_bundle(message.plan))
        if bundle is None:
            self._wait(box, message)
            return
        bundle.lives += message.lives
        message.waits = False

    def _send(self, person: Person, message: Message, at: datetime) -> None:
        channel = message.plan.channel
        message.waits, message.sent_at = False, at
        self.sent[channel] += 1
        if message.plan.reason == Reason.DIGEST:
            self.digests[channel] += 1
        elif message.plan.state != State.SENT:
            person.boxes[channel].sent.append(at)
        if self._keeps_log:
            self.log.append((person.recipient.id, channel, at))


def _open(person: Person, key: str, now: datetime) -> Fold:
    fold = person.folds.get(key)
    if fold is None or fold.opened_at <= now - LONGEST:
        fold = person.folds[key] = Fold(now)
    return fold


def _on_one_device(reach: Mapping[str, Reach]) -> dict[str, Reach]:
    """Devices are not told apart: one message of a channel is one, however many screens show it."""
    return {channel: replace(one, addresses=one.addresses[:1]) for channel, one in reach.items()}


def _heard(person: Person, event: Event) -> Collection[str]:
    """The channels on which the person heard of the same act, which was then taken back."""
    now = event.accepted_at
    return {
        channel
        for past, messages in person.undone.get(_act(event), ())
        if past.event.accepted_at > now - DAMPED and past.undone_at and past.undone_at <= now
        for channel, message in messages.items()
        if message.sent_at
    }


def _act(event: Event) -> tuple[str, str, str]:
    return event.type, event.actor.id, event.object.id


def _outcome(plan: Plan, at: datetime) -> Outcome:
    goes = plan.state in (State.SENT, State.QUEUED, State.WAITING)
    return Outcome(plan.state, plan.reason, plan.rule, plan.value, (plan.due_at or at) if goes else None)


def _bundle(plan: Plan) -> tuple[datetime, bool]:
    """What comes in one message: digests of one moment, and what is held until the same moment."""
    return plan.due_at or _FOREVER, plan.reason == Reason.DIGEST


_FOREVER = datetime.max.replace(tzinfo=UTC)
