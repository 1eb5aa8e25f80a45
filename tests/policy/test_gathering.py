"""What joins a notification, and when a viral post is told of."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from notifier.policy import milestones
from notifier.policy.decide import decide
from notifier.policy.gathering import Told, joined, of_group
from notifier.policy.words import Reason, State
from tests.policy.people import BOB, NOON, case

LATER = NOON + timedelta(hours=20)
PLANS = decide(case("like"), BOB, NOON)  # mail daily, two browsers in two minutes, the feed at once


def told(plan, *, open_: bool, rule: str = "gather") -> Told:
    return Told(f"dlv_{plan.channel}{plan.address}", plan.channel, plan.address, plan.state, plan.reason, rule, open_)


def test_milestones_are_each_of_the_first_ten_then_round_numbers():
    passed = [count for count in range(1, 1_200) if milestones.passed(count - 1, count)]
    assert passed == [*range(1, 11), 25, 50, 100, 1_000]


@given(st.integers(0, 5_000), st.integers(1, 500), st.integers(1, 500))
def test_a_milestone_is_passed_by_steps_as_by_one_leap(before, one, two):
    steps = milestones.passed(before, before + one) or milestones.passed(before + one, before + one + two)
    assert steps == milestones.passed(before, before + one + two)


def test_the_first_event_makes_every_delivery():
    assert joined(PLANS, [], count=0, added=1, late_at=LATER).new == tuple(PLANS)


def test_what_nobody_has_claimed_yet_tells_of_the_next_event_too():
    waiting = [told(plan, open_=plan.state == State.WAITING) for plan in PLANS]
    found = joined(PLANS, waiting, count=3, added=1, late_at=LATER)
    assert (found.new, found.hastened) == ((), ())


def test_what_was_told_gets_a_delivery_of_its_own_for_the_next():
    sent = [replace(told(plan, open_=False), state=State.SENT, reason=None) for plan in PLANS]
    assert [plan.channel for plan in joined(PLANS, sent, count=3, added=1, late_at=LATER).new] == [
        "email",
        "push",
        "push",
    ]


def test_between_two_milestones_it_waits_for_the_next_or_the_digest_hour():
    sent = [replace(told(plan, open_=False), state=State.SENT, reason=None) for plan in PLANS]
    new = joined(PLANS, sent, count=30, added=1, late_at=LATER).new
    assert [(plan.reason, plan.due_at, plan.value) for plan in new if plan.channel == "push"] == [
        (Reason.GATHERING, LATER, "next at 50")
    ] * 2


def test_the_milestone_hastens_what_waited_for_it():
    waiting = [told(plan, open_=plan.state == State.WAITING, rule="milestones") for plan in PLANS]
    found = joined(PLANS, waiting, count=49, added=1, late_at=LATER)
    assert found.new == ()
    assert {due for _, due in found.hastened} == {plan.due_at for plan in PLANS if plan.state == State.WAITING}


def test_a_skip_is_recorded_once_for_each_reason():
    off = decide(case("like"), replace(BOB, reach={"feed": BOB.reach["feed"]}), NOON)
    before = [told(plan, open_=False) for plan in off]
    assert joined(off, before, count=1, added=1, late_at=None).new == ()


def test_of_a_group_one_event_is_skipped_where_another_is_told():
    heard = decide(replace(case("like"), told={BOB.id: frozenset({"email", "push"})}), BOB, NOON)
    group = of_group([heard, PLANS, PLANS])
    assert {(plan.channel, plan.state, plan.reason) for plan in group} == {
        (plan.channel, plan.state, plan.reason) for plan in (*heard, *PLANS)
    }
    assert of_group([PLANS, PLANS]) == list(PLANS)
