"""What planning decides, before anything is stored: the planner stores it, and a dry run only shows it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from notifier.policy.calendar import next_digest_at
from notifier.policy.catalogue import DELETED, Catalogue, Kind
from notifier.policy.decide import Case, Recipient, decide, fold_key, silence_of
from notifier.policy.events import Event
from notifier.policy.naming import followed, recipients_of
from notifier.policy.pictures import PATIENCE, Patience, Picture, awaited
from notifier.policy.taking_back import concerns, is_later, may_be_overtaken
from notifier.policy.waves import Audience
from notifier.policy.words import Cadence, Reason
from notifier.store.facts import Asked, Facts
from notifier.store.joining import Told
from notifier.store.undoing import Undoing
from notifier.store.walking import Crowd

_COMING = (None, Reason.GATHERING, Reason.RENDITION)
DAMPED = timedelta(hours=24)  # for so long the same act, taken back and done again, is told once


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What planning must know of the channels: which need no address, and which replace what they showed before.

    `patience` is how long messages wait for pictures.
    """

    standing: tuple[str, ...]
    replacing: tuple[str, ...]
    gather_scale: float
    patience: Patience = PATIENCE


@dataclass(frozen=True, slots=True)
class Question:
    """One event, its entry in the catalogue, and those of its recipients that are decided about now.

    It is `undone` where a deletion took it back already.
    """

    event: Event
    kind: Kind
    known: bool
    undone: bool
    users: tuple[str, ...]


class Deciding:
    """Decides by the catalogue and by what the database says. Reads, and changes nothing."""

    def __init__(self, catalogue: Catalogue, settings: PlanSettings) -> None:
        self.catalogue = catalogue
        self.settings = settings
        deletions = {kind.name: self.kind(kind.short + DELETED)[0] for kind in catalogue.kinds.values()}
        self._own = {kind.name for kind in deletions.values() if not kind.hangs}
        self._hanging = {kind.name for kind in deletions.values() if kind.hangs}

    def kind(self, type_: str) -> tuple[Kind, bool]:
        """The type's entry, and whether there is one: it may have been taken out since the event was accepted."""
        kind = self.catalogue.find(type_)
        return (kind, True) if kind else (Kind(type_, told=(), queue="default", cadences={}), False)

    def named(self, event: Event) -> list[str]:
        """Everyone who is named to be told: each once, in the order of the catalogue, never the actor."""
        kind, known = self.kind(event.type)
        return recipients_of(event, kind) if known else [user for user in event.to if user != event.actor.id]

    def crowd(self, event: Event, audience: Audience) -> Crowd:
        """Among whom the people of an event that is walked for are found."""
        kind, _ = self.kind(event.type)
        if audience.everyone and kind.cadences:
            return Crowd(everyone=True)
        return Crowd(followers_of=followed(event, kind), names=tuple(self.named(event)))

    def takes_back(self, deletion: Event, event: Event) -> bool:
        """Whether the deletion is of this event, or of a thing that it hangs on."""
        return concerns(deletion, self.kind(deletion.type)[0], event, self.kind(event.type)[0])

    def undone(self, undoing: Undoing, questions: Iterable[Question]) -> dict[str, str]:
        """Those of these events whose deletion is here already, with that deletion: it may have overtaken them."""
        created = _created(questions)
        if not created:
            return {}
        undone: dict[str, str] = {}
        for deletion in undoing.deletions([one.event for one in created], self._hanging, self._own):
            kind, _ = self.kind(deletion.type)
            hit = [
                one.event.id
                for one in created
                if one.event.id not in undone
                and concerns(deletion, kind, one.event, one.kind)
                and _applies(undoing, deletion, kind, one)
            ]
            undone |= dict.fromkeys(hit, deletion.id)
        return undone

    def cases(
        self, undoing: Undoing, questions: Sequence[Question], undone: Collection[str], now: datetime
    ) -> dict[str, Case]:
        """Each event as it is decided about: whether it was taken back, and who was told of the same act already."""
        created = _created(questions)
        told = undoing.told_before([one.event for one in created], now - DAMPED) if created else {}
        return {
            one.event.id: Case(
                one.event,
                one.kind,
                gather=one.kind.gather * self.settings.gather_scale if fold_key(one.event, one.kind) else timedelta(),
                taken_back=one.undone or one.event.id in undone,
                known=one.known,
                told=told.get(one.event.id, {}),
            )
            for one in questions
        }

    def awaiting(self, cases: Mapping[str, Case], pictures: Mapping[str, Picture]) -> dict[str, Case]:
        """The cases with the pictures that they wait for, of those that these events show."""
        return {
            id_: replace(case, awaited=awaited(pictures.get(id_), case.event.accepted_at, self.settings.patience))
            for id_, case in cases.items()
        }

    def told(self, facts: Facts, questions: Sequence[Question], cases: Mapping[str, Case], now: datetime) -> list[Told]:
        """What is decided for each recipient of each event."""
        users = {user for one in questions for user in one.users}
        if not users:
            return []
        asked = Asked(
            [(one.event, one.kind) for one in questions if one.users],
            users,
            self.settings.standing,
            self.catalogue.caps,
        )
        recipients = dict(facts.recipients(asked, now))
        names = {one.kind.name for one in questions}
        told = []
        for question in questions:
            for user in question.users:
                one = _told(cases[question.event.id], recipients[user, question.kind.name], now)
                told.append(one)
                _count(recipients, names, one, now)
        return told


def _created(questions: Iterable[Question]) -> list[Question]:
    return [one for one in questions if not one.kind.takes_back and one.known]


def _applies(undoing: Undoing, deletion: Event, kind: Kind, question: Question) -> bool:
    if is_later(deletion, question.event):
        return True
    # Of who follows, blocks or mutes whom the latest word counts: a block must not fall to an old "unblock".
    if question.kind.relation or not may_be_overtaken(deletion, question.event):
        return False
    return question.kind.name != kind.takes_back or not undoing.is_spent(deletion, question.event)


def _told(case: Case, recipient: Recipient, now: datetime) -> Told:
    event, kind = case.event, case.kind
    joins = bool(case.gather) and silence_of(case, recipient) is None
    late_at = None
    if joins and kind.milestones:
        late_at = next_digest_at(now, Cadence.DAILY, recipient.hour)
    plans = tuple(decide(case, recipient, now))
    return Told(event, recipient.id, fold_key(event, kind), plans, joins=joins, late_at=late_at, undone=case.taken_back)


def _count(recipients: dict[tuple[str, str], Recipient], types: Collection[str], told: Told, now: datetime) -> None:
    """Let what was just planned for a person count against their cap for what this transaction plans next."""
    soon = {plan.channel for plan in told.plans if plan.address and plan.reason in _COMING}
    if not soon:
        return
    for type_ in types:
        recipient = recipients[told.user, type_]
        messages = {channel: [*recipient.messages.get(channel, ()), now] for channel in soon}
        recipients[told.user, type_] = replace(recipient, messages={**recipient.messages, **messages})
