"""When a delivery is tried again, and when it is given up."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.outcomes import Deferred, Delivered, Gone, Refused
from notifier.policy.retry import STANDARD, after, policy_for
from notifier.policy.words import Reason, State
from tests.policy.people import NOON

MINUTE = timedelta(minutes=1)


def next_after(outcome, *, tries=0, scale=1.0, chance=0.5, expires_at=None, now=NOON, wanted_at=NOON):
    return after(
        outcome,
        STANDARD,
        tries=tries,
        wanted_at=wanted_at,
        expires_at=expires_at,
        now=now,
        scale=scale,
        chance=chance,
    )


def test_what_is_final_stays_final():
    assert next_after(Delivered("250")).state == State.SENT
    assert next_after(Refused("554")).reason == Reason.REFUSED
    assert next_after(Gone("550 5.1.1")).reason == Reason.ADDRESS_GONE


@pytest.mark.parametrize(
    ("tries", "seconds"),
    [(0, 30), (1, 120), (2, 600), (3, 1800), (4, 3600), (5, 7200), (6, 14400), (7, 28800), (8, 28800)],
)
def test_the_delays_are_those_that_were_promised(tries, seconds):
    next_ = next_after(Deferred("421"), tries=tries)
    assert (next_.state, next_.reason, next_.due_at) == (State.WAITING, Reason.RETRY, NOON + timedelta(seconds=seconds))


def test_ten_tries_are_enough():
    assert next_after(Deferred("421"), tries=8).state == State.WAITING
    assert next_after(Deferred("421"), tries=9).reason == Reason.GAVE_UP


def test_a_day_is_enough():
    late = NOON + timedelta(hours=23)
    assert next_after(Deferred("421"), tries=4, now=late).state == State.WAITING
    assert next_after(Deferred("421"), tries=5, now=late).reason == Reason.GAVE_UP


def test_what_expires_before_the_next_try_is_not_tried():
    assert next_after(Deferred("503"), expires_at=NOON + timedelta(seconds=20)).reason == Reason.EXPIRED


def test_the_providers_own_wait_is_never_shortened_and_ours_scales():
    assert next_after(Deferred("429", after=MINUTE, charged=False), scale=0).due_at == NOON + MINUTE
    assert next_after(Deferred("450", patience=5 * MINUTE), scale=0.1).due_at == NOON + 0.1 * 5 * MINUTE
    assert next_after(Deferred("421"), scale=0).due_at == NOON


def test_a_throttled_try_is_not_charged_and_says_so():
    next_ = next_after(Deferred("429", after=MINUTE, charged=False), tries=9)
    assert (next_.state, next_.reason, next_.charged) == (State.WAITING, Reason.PAUSED, False)


@given(
    st.integers(0, 8),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 10),
    st.timedeltas(timedelta(0), timedelta(hours=1)),
)
def test_a_delay_keeps_within_a_fifth_and_above_what_the_provider_asked(tries, chance, scale, asked):
    next_ = next_after(Deferred("421", after=asked), tries=tries, chance=chance, scale=scale)
    if next_.state == State.FAILED:
        return
    base = STANDARD.delays[min(tries, 7)] * scale
    waited = next_.due_at - NOON
    second = timedelta(milliseconds=1)
    assert waited >= asked
    assert max(base * 0.8, asked) - second <= waited <= max(base * 1.2, asked) + second


def test_a_type_without_its_own_policy_takes_the_standard():
    assert policy_for("like.created", "push") is STANDARD
