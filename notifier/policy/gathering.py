"""What becomes of plans when their event joins a notification of which the person was, or is soon, told already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from notifier.policy import milestones
from notifier.policy.decide import Plan
from notifier.policy.words import Reason, State

RULE = "milestones"
# Who reads mail only never reads the feed: after so long, what comes is news of another day.
LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery that the notification has. One that is `open` was not claimed yet, and tells of what joins too."""

    id: str
    channel: str
    address: str | None
    state: State
    reason: Reason | None
    rule: str
    open: bool
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """What is to be done: deliveries to make, and open ones that must not wait for longer than `due_at`.

    Plans that `met` a delivery need none of their own: that one stands for them too.
    """

    new: tuple[Plan, ...] = ()
    hastened: tuple[tuple[str, datetime], ...] = ()
    met: tuple[tuple[Plan, Told], ...] = ()


def joined(plans: Sequence[Plan], told: Sequence[Told], *, count: int, added: int, late_at: datetime | None) -> Joined:
    """What follows for a notification that had `count` events when `added` more came in, with these plans.

    With `late_at` only milestones are told, and what lies between two waits for the next, at most until then.
    """
    reached = late_at is None or milestones.passed(count, count + added)
    new: list[Plan] = []
    hastened: list[tuple[str, datetime]] = []
    met: list[tuple[Plan, Told]] = []
    for plan in plans:
        same = [one for one in told if one.channel == plan.channel and one.address == plan.address]
        if plan.state not in (State.WAITING, State.QUEUED):
            alike = next((one for one in reversed(same) if one.state == plan.state and one.reason == plan.reason), None)
            if alike is None:
                new.append(plan)
            else:
                met.append((plan, alike))
            continue
        waits = next((one for one in same if one.open), None)
        if waits is None:
            new.append(plan if reached or late_at is None else _until_milestone(plan, count + added, late_at))
            continue
        met.append((plan, waits))
        if reached and waits.rule == RULE and plan.due_at:
            hastened.append((waits.id, plan.due_at))
    return Joined(tuple(new), tuple(hastened), tuple(met))


def of_group(plans_of: Sequence[Sequence[Plan]]) -> list[Plan]:
    """The plans of events that join at the same moment, from those of each: the first of every kind.

    One event may be skipped where another is told: who liked again is told of once, who likes for the first time too.
    """
    found: dict[tuple[object, ...], Plan] = {}
    for plan in (plan for plans in plans_of for plan in plans):
        outcome = "told" if plan.state in (State.WAITING, State.QUEUED) else (plan.state, plan.reason)
        found.setdefault((plan.channel, plan.address, outcome), plan)
    return list(found.values())


def _until_milestone(plan: Plan, count: int, late_at: datetime) -> Plan:
    if plan.reason != Reason.GATHERING:
        return plan
    value = f"next at {milestones.following(count):,}"
    return replace(plan, due_at=late_at, rule=RULE, value=value)
