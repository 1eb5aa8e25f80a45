"""What is old enough to go, and what keeps it all the same, said in SQL.

An id tells when its row was made, and leads there by the primary key; what happened to the row later is asked besides.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, literal, or_, select, true
from sqlalchemy.orm import aliased

from notifier.policy.retention import Limits, Rule
from notifier.policy.words import UNFINISHED, State
from notifier.store.models import (
    Attempt,
    Audit,
    Delivery,
    Digest,
    Event,
    Job,
    Notification,
    NotificationEvent,
    RejectedRequest,
    ScheduleRun,
)
from notifier.store.sql import none
from notifier.store.types import id_at

# One that failed may be sent again at an operator's word: what it tells is kept as long as it is.
SENDABLE = (*UNFINISHED, State.FAILED)
_ALL = true()


@dataclass(frozen=True, slots=True)
class Kept:
    """How long things are kept, as of one moment; `standing` are the channels whose deliveries stand in a feed."""

    limits: Limits
    standing: tuple[str, ...]

    def may_go(self, one: Any = Delivery) -> ColumnElement[bool]:
        """Whether a delivery has come to its end for so long that it may go."""
        return or_(false(), *(self._rule(rule, one) for rule in self.limits.rules))

    def goes(self, one: Any = Delivery) -> ColumnElement[bool]:
        """Whether a delivery may go, and so may all that name it: those that it carried, and its other try."""
        other = aliased(Delivery)
        naming = [
            select(other.id).where(by == one.id, ~self.may_go(other)) for by in (other.carried_by, other.retry_of)
        ]
        return and_(self.may_go(one), *map(none, naming))

    def emptied(self) -> Select[str]:
        """The notifications of which all deliveries go."""
        other = aliased(Delivery)
        stays = select(other.id).where(other.notification_id == Delivery.notification_id, ~self.goes(other))
        return select(Delivery.notification_id).where(self.goes(), none(stays)).distinct()

    def _rule(self, rule: Rule, one: Any) -> ColumnElement[bool]:
        found = [one.state.in_(rule.states), one.id < id_at("dlv", rule.before), one.wanted_at < rule.before]
        found.append(or_(one.sent_at.is_(None), one.sent_at < rule.before))
        if rule.standing is None:
            return and_(*found)
        if not rule.standing:
            return and_(*found, one.channel.not_in(self.standing))
        item = aliased(Notification)
        news = select(item.id).where(item.id == one.notification_id, item.feed_at >= rule.before)
        return and_(*found, one.channel.in_(self.standing), none(news))

    def attempt(self) -> ColumnElement[bool]:
        """Whether a try goes by its own age: that of an unfinished delivery stays."""
        if self.limits.attempts is None:
            return false()
        unfinished = select(Delivery.id).where(Delivery.id == Attempt.delivery_id, Delivery.state.in_(UNFINISHED))
        before = self.limits.attempts
        return and_(Attempt.id < id_at("att", before), Attempt.started_at < before, none(unfinished))

    def event(self, stays: ColumnElement[bool] = _ALL) -> ColumnElement[bool]:
        """Whether an event goes: it is planned, and nobody has a record any more of having been told of it.

        `stays` is which of these records count.
        """
        if self.limits.events is None:
            return false()
        before = self.limits.events
        told = select(NotificationEvent.event_id).where(NotificationEvent.event_id == Event.id, stays)
        old = Event.id < id_at("evt", before), Event.accepted_at < before
        return and_(*old, Event.planned_at.is_not(None), none(told))

    def body(self, stays: ColumnElement[bool] = _ALL) -> ColumnElement[bool]:
        """Whether the content of an event goes while the event stays. `stays` is as for `event`."""
        limits = self.limits
        if limits.bodies is None:
            return false()
        old = [Event.id < id_at("evt", limits.bodies), Event.accepted_at < limits.bodies]
        # What is to go as a whole is not worth the writing.
        younger = [Event.id >= id_at("evt", limits.events)] if limits.events else []
        return and_(*old, *younger, Event.planned_at.is_not(None), Event.blanked_at.is_(None), none(_needed(stays)))

    def digest(self) -> ColumnElement[bool]:
        """Whether a digest goes: it has ended, so has its hour, and nothing of it is on its way."""
        if self.limits.digests is None:
            return false()
        before = self.limits.digests
        # By the person's deliveries, since no index leads from a digest to its own.
        its = Delivery.user_id == Digest.user_id, Delivery.digest_id == Digest.id, Delivery.state.in_(UNFINISHED)
        old = Digest.id < id_at("dig", before), Digest.ended_at < before, Digest.wanted_at < before
        return and_(*old, none(select(Delivery.id).where(*its)))

    def run(self) -> ColumnElement[bool]:
        """Whether a run of a schedule goes."""
        before = self.limits.runs
        return and_(ScheduleRun.id < id_at("run", before), ScheduleRun.ended_at < before) if before else false()

    def job(self) -> ColumnElement[bool]:
        """Whether a job on many deliveries goes."""
        before = self.limits.jobs
        return and_(Job.id < id_at("job", before), Job.ended_at < before) if before else false()

    def audit(self) -> ColumnElement[bool]:
        """Whether a record of what an operator did goes."""
        before = self.limits.audit
        return and_(Audit.id < id_at("aud", before), Audit.at < before) if before else false()

    def rejected(self) -> ColumnElement[bool]:
        """Whether a request goes that was refused."""
        before = self.limits.rejected
        return RejectedRequest.id < id_at("rej", before) if before else false()


def _needed(stays: ColumnElement[bool]) -> Select[int]:
    """That an item of a feed tells of the event still, or something that may be sent."""
    sendable = select(Delivery.id).where(Delivery.notification_id == Notification.id, Delivery.state.in_(SENDABLE))
    stands = and_(Notification.feed_at.is_not(None), Notification.undone_at.is_(None))
    return (
        select(literal(1))
        .select_from(NotificationEvent)
        .join(Notification, Notification.id == NotificationEvent.notification_id)
        .where(NotificationEvent.event_id == Event.id, stays, or_(stands, sendable.correlate(Notification).exists()))
        .correlate(Event)
    )
