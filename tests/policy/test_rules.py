"""The rules of deciding, one by one and all together."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.catalogue import Kind
from notifier.policy.decide import HOUR, Case, Reach, Recipient, Rhythm, decide, silence_of
from notifier.policy.quiet import QuietHours
from notifier.policy.words import Cadence, Reason, State
from tests.policy.people import BOB, BUILT_IN, NOON, case, happened

NIGHT = QuietHours(time(22), time(7))
SLEEPER = replace(BOB, rhythm=Rhythm(quiet=NIGHT))
MIDNIGHT = datetime(2026, 11, 21, 23, tzinfo=UTC)  # in Berlin
MORNING = datetime(2026, 11, 22, 6, tzinfo=UTC)  # seven o'clock there
HANDS = {"actor": {"id": "ana"}, "object": {"id": "c-1"}, "target": {"id": "post-7"}, "in_reply_to": {"id": "c-0"}}


def only(plans, channel="email"):
    [plan] = [plan for plan in plans if plan.channel == channel]
    return plan


@pytest.mark.parametrize(
    ("relation", "reason", "value"),
    [
        (("block", "ana"), Reason.BLOCKED, "ana"),
        (("mute_actor", "ana"), Reason.MUTED_ACTOR, "actor:ana"),
        (("mute_object", "c-1"), Reason.MUTED_OBJECT, "object:c-1"),
        (("mute_object", "post-7"), Reason.MUTED_OBJECT, "object:post-7"),
        (("mute_object", "c-0"), Reason.MUTED_OBJECT, "object:c-0"),
        (("mute_type", "comment.created"), Reason.MUTED_TYPE, "type:comment"),
    ],
)
def test_a_block_or_mute_skips_every_channel_and_says_which(relation, reason, value):
    plans = decide(case("comment", **HANDS), replace(BOB, relations=frozenset([relation])), NOON)
    assert {(plan.channel, plan.state, plan.reason, plan.value) for plan in plans} == {
        (channel, State.SKIPPED, reason, value) for channel in ("email", "push", "feed")
    }


def test_a_mute_of_something_else_changes_nothing():
    others = frozenset(
        [("block", "cara"), ("mute_object", "ana"), ("mute_type", "like.created"), ("mute_actor", "c-1")]
    )
    assert decide(case("comment", **HANDS), replace(BOB, relations=others), NOON) == decide(
        case("comment", **HANDS), BOB, NOON
    )


def test_nobody_hears_of_their_own_act():
    plans = decide(case("comment", actor={"id": "bob"}), BOB, NOON)
    assert {(plan.state, plan.reason) for plan in plans} == {(State.SKIPPED, Reason.OWN_ACTION)}


def test_what_was_taken_back_is_cancelled_everywhere():
    plans = decide(replace(case("like"), taken_back=True), BOB, NOON)
    assert {(plan.state, plan.reason) for plan in plans} == {(State.CANCELLED, Reason.TAKEN_BACK)}
    assert [plan.channel for plan in plans] == ["email", "push", "feed"]


def test_a_type_that_nobody_knows_is_told_to_nobody_with_that_reason():
    unknown = Case(happened("poke.created"), Kind("poke.created", (), "default", {}), known=False)
    plans = decide(unknown, BOB, NOON)
    assert {(plan.channel, plan.reason) for plan in plans} == {
        (channel, Reason.UNKNOWN_TYPE) for channel in ("email", "push", "feed")
    }


def test_security_cannot_be_turned_off_or_muted_and_passes_night_and_cap():
    deaf = replace(
        SLEEPER,
        cadences={"email": Cadence.OFF, "push": Cadence.OFF, "feed": Cadence.OFF},
        relations=frozenset([("mute_type", "security.created")]),
        rhythm=Rhythm(quiet=NIGHT, caps={"email": 0, "push": 0}),
    )
    plans = decide(case("security"), deaf, MIDNIGHT)
    assert [plan.state for plan in plans] == [State.QUEUED, State.QUEUED, State.QUEUED, State.SENT]


def test_the_night_holds_a_message_until_morning_and_says_whose_night():
    plan = only(decide(case("comment"), SLEEPER, MIDNIGHT))
    assert (plan.state, plan.reason, plan.due_at) == (State.WAITING, Reason.QUIET_HOURS, MORNING)
    assert (plan.rule, plan.value) == ("quiet_hours", "22:00–07:00 Europe/Berlin")
    assert only(decide(case("comment"), SLEEPER, MIDNIGHT), "feed").state == State.SENT


def test_a_mention_passes_the_cap_but_not_the_night():
    full = replace(SLEEPER, rhythm=Rhythm(quiet=NIGHT, caps={"email": 1}), messages={"email": [NOON]})
    assert only(decide(case("mention"), full, NOON)).state == State.QUEUED
    assert only(decide(case("mention"), full, MIDNIGHT)).reason == Reason.QUIET_HOURS


def test_a_pause_holds_all_but_the_feed_and_what_nobody_can_turn_off():
    week = NOON + timedelta(days=7)
    away = replace(BOB, rhythm=Rhythm(quiet=NIGHT, caps={"email": 0, "push": 0}, paused_until=week))
    for kind in ("comment", "mention"):
        plans = decide(case(kind), away, NOON)
        assert {(plan.channel, plan.state, plan.reason, plan.due_at) for plan in plans} == {
            ("email", State.WAITING, Reason.SNOOZED, week),
            ("push", State.WAITING, Reason.SNOOZED, week),
            ("feed", State.SENT, None, None),
        }
        assert (plans[0].rule, plans[0].value) == (
            "paused_until",
            f"{week + timedelta(hours=1):%F %H:%M} Europe/Berlin",
        )
    assert {plan.state for plan in decide(case("security"), away, NOON)} == {State.QUEUED, State.SENT}
    assert only(decide(case("mention"), away, week)).state == State.QUEUED, "its very end is not in it"


@pytest.mark.parametrize("cadence", [Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY])
def test_no_digest_comes_in_a_pause_and_the_first_one_at_its_very_end(cadence: Cadence):
    monday = datetime(2026, 11, 30, 7, tzinfo=UTC)  # eight o'clock in Berlin
    away = replace(BOB, cadences={"email": cadence}, rhythm=Rhythm(paused_until=monday))
    assert only(decide(case("comment"), away, NOON)).due_at == monday
    longer = replace(away, rhythm=Rhythm(paused_until=monday + timedelta(minutes=1)))
    assert only(decide(case("comment"), longer, NOON)).due_at > monday


def test_over_the_cap_a_message_waits_until_the_oldest_of_the_hour_is_an_hour_old():
    sent = [NOON - timedelta(minutes=minutes) for minutes in (90, 50, 40, 10)]
    capped = replace(BOB, rhythm=Rhythm(caps={"email": 2}), messages={"email": sent})
    plan = only(decide(case("comment"), capped, NOON))
    assert (plan.reason, plan.due_at, plan.value) == (Reason.CAPPED, NOON + timedelta(minutes=20), "2 an hour")
    assert only(decide(case("comment"), replace(capped, rhythm=Rhythm(caps={"email": 4})), NOON)).state == State.QUEUED


def test_a_cap_of_none_at_all_leaves_everything_to_the_digest():
    plan = only(decide(case("comment"), replace(BOB, rhythm=Rhythm(caps={"email": 0})), NOON))
    assert (plan.state, plan.reason, plan.queue) == (State.WAITING, Reason.DIGEST, "digest")


def test_a_digest_comes_at_the_persons_own_hour_and_weekday():
    chosen = replace(BOB, cadences={"email": Cadence.WEEKLY}, rhythm=Rhythm(time(18), 6))
    plan = only(decide(case("comment"), chosen, NOON))
    assert plan.due_at == datetime(2026, 11, 22, 17, tzinfo=UTC)
    assert plan.value == "weekly Sunday 18:00 Europe/Berlin"


def test_an_hourly_digest_does_not_wake_anybody():
    plan = only(decide(case("comment"), replace(SLEEPER, cadences={"email": Cadence.HOURLY}), MIDNIGHT))
    assert (plan.reason, plan.due_at) == (Reason.DIGEST, MORNING)


def test_who_knows_already_is_not_told_again_but_finds_it_in_the_feed():
    told = replace(case("like"), told={"bob": frozenset(["email", "push", "feed"])})
    plans = decide(told, BOB, NOON)
    assert [(plan.channel, plan.reason) for plan in plans] == [
        ("email", Reason.ALREADY_TOLD),
        ("push", Reason.ALREADY_TOLD),
        ("feed", None),
    ]


def test_every_plan_names_what_decided():
    for kind in BUILT_IN.heard:
        assert all(plan.rule and plan.value for plan in decide(case(kind.name), SLEEPER, NOON))


CADENCES = st.sampled_from([Cadence.OFF, Cadence.INSTANT, Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY])
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
NEAR_NOON = st.integers(-5 * 3600, 5 * 3600).map(lambda seconds: NOON + timedelta(seconds=seconds))
RECIPIENTS = st.builds(
    Recipient,
    id=st.sampled_from(["bob", "ana"]),
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"]),
    cadences=st.dictionaries(st.sampled_from(["email", "push"]), CADENCES),
    reach=st.fixed_dictionaries(
        {
            "email": st.builds(Reach, st.sampled_from([(), ("a",)]), st.booleans()),
            "push": st.builds(Reach, st.sampled_from([(), ("b",), ("b", "c")])),
            "feed": st.just(Reach(stands=True)),
        }
    ),
    rhythm=st.builds(
        Rhythm,
        TIMES,
        st.integers(0, 6),
        st.none() | st.builds(QuietHours, TIMES, TIMES).filter(lambda hours: hours.start != hours.end),
        st.dictionaries(st.sampled_from(["email", "push"]), st.integers(0, 3)),
        st.none() | NEAR_NOON,
    ),
    relations=st.frozensets(
        st.tuples(
            st.sampled_from(["block", "mute_actor", "mute_object", "mute_type"]),
            st.sampled_from(["ana", "thing-1", "like.created", "comment.created", "other"]),
        ),
        max_size=3,
    ),
    messages=st.dictionaries(st.sampled_from(["email", "push"]), st.lists(NEAR_NOON, max_size=5).map(sorted)),
)
MOMENTS = st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)) | NEAR_NOON
KINDS = st.sampled_from([kind.name for kind in BUILT_IN.heard])


@given(KINDS, RECIPIENTS, MOMENTS, st.booleans())
def test_whatever_the_rules_every_channel_gets_its_plans_and_nobody_silenced_is_told(name, recipient, now, undone):
    given_case = replace(case(name), taken_back=undone)
    plans = decide(given_case, recipient, now)
    for channel, reach in recipient.reach.items():
        found = [plan for plan in plans if plan.channel == channel]
        told = [plan for plan in found if plan.state in (State.QUEUED, State.WAITING, State.SENT)]
        assert len(found) == (len(reach.addresses) or 1 if told else 1)
        assert {plan.address for plan in told} == (set(reach.addresses) or {None} if told else set())
    silenced = silence_of(given_case, recipient)
    for plan in plans:
        assert (plan.reason is None) == (plan.state in (State.QUEUED, State.SENT))
        assert (plan.due_at is not None) == (plan.state == State.WAITING)
        assert plan.due_at is None or plan.due_at >= now
        assert not silenced or (plan.state, plan.reason) == (silenced.state, silenced.reason)
        assert plan.rule
    if recipient.id == "ana" or undone:
        assert not any(plan.state in (State.QUEUED, State.WAITING, State.SENT) for plan in plans)


@given(RECIPIENTS, MOMENTS)
def test_what_goes_out_at_once_is_neither_in_a_pause_nor_in_quiet_hours_nor_over_the_cap(recipient, now):
    for plan in decide(case("comment"), recipient, now):
        if plan.state != State.QUEUED:
            continue
        quiet, pause = recipient.rhythm.quiet, recipient.rhythm.paused_until
        assert pause is None or pause <= now
        assert quiet is None or not quiet.cover(now, recipient.timezone)
        cap = recipient.rhythm.caps.get(plan.channel, 1_000)
        recent = [at for at in recipient.messages.get(plan.channel, ()) if at > now - HOUR]
        assert len(recent) < cap
