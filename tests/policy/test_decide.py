"""Who hears of what, when, and why not."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.decide import Reach, Recipient, decide, fold_key
from notifier.policy.naming import recipients_of
from notifier.policy.words import Cadence, Reason, State
from tests.policy.people import BOB, BUILT_IN, NOON, case, happened, kind

PEOPLE = st.sampled_from(["ana", "bob", "cara", "dan", "eve", ""])


def states(plans):
    return {(plan.channel, plan.state, plan.reason) for plan in plans}


def test_a_comment_is_told_to_the_owner_the_one_replied_to_and_the_mentioned():
    event = happened(
        "comment.created",
        target={"id": "post-7", "owner": "bob"},
        in_reply_to={"id": "c-80", "owner": "cara"},
        mentions=["dan"],
        to=["eve"],
    )
    assert recipients_of(event, kind("comment")) == ["bob", "cara", "dan", "eve"]


def test_a_follow_is_told_to_the_followed_and_a_like_to_the_owner():
    assert recipients_of(happened("follow.created", object={"id": "bob"}), kind("follow")) == ["bob"]
    liked = happened("like.created", object={"id": "post-7", "owner": "bob"})
    assert recipients_of(liked, kind("like")) == ["bob"]


@given(st.lists(PEOPLE), st.lists(PEOPLE), PEOPLE, PEOPLE)
def test_everyone_hears_once_and_the_actor_never(mentions, to, owner, other):
    event = happened(
        "comment.created",
        target={"id": "p", "owner": owner},
        in_reply_to={"id": "c", "owner": other},
        mentions=mentions,
        to=to,
    )
    told = recipients_of(event, kind("comment"))
    assert len(told) == len(set(told))
    assert set(told) == {owner, other, *mentions, *to} - {"", "ana"}


def test_each_device_gets_a_delivery_and_the_feed_stands_at_once():
    plans = decide(case("comment"), BOB, NOON)
    assert [(plan.channel, plan.state, plan.address) for plan in plans] == [
        ("email", State.QUEUED, "sub_mail"),
        ("push", State.QUEUED, "sub_one"),
        ("push", State.QUEUED, "sub_two"),
        ("feed", State.SENT, None),
    ]


def test_a_person_without_a_device_gets_one_skipped_push_and_one_whose_mailbox_died_a_suppressed_mail():
    reach = {"email": Reach(suppressed=True), "push": Reach(), "feed": Reach(stands=True)}
    plans = decide(case("comment"), replace(BOB, reach=reach), NOON)
    assert states(plans) == {
        ("email", State.SKIPPED, Reason.SUPPRESSED),
        ("push", State.SKIPPED, Reason.NO_ADDRESS),
        ("feed", State.SENT, None),
    }


def test_an_own_choice_goes_before_the_catalogue():
    quiet = replace(BOB, cadences={"email": Cadence.OFF, "feed": Cadence.OFF, "push": Cadence.DAILY})
    plans = decide(case("comment"), quiet, NOON)
    assert states(plans) == {
        ("email", State.SKIPPED, Reason.PREFERENCE_OFF),
        ("push", State.WAITING, Reason.DIGEST),
        ("feed", State.SKIPPED, Reason.PREFERENCE_OFF),
    }
    assert {plan.queue for plan in plans if plan.state == State.WAITING} == {"digest"}


def test_a_like_gathers_for_two_minutes_and_its_mail_waits_for_the_digest_hour_in_berlin():
    plans = {plan.channel: plan for plan in decide(case("like"), BOB, NOON)}
    assert (plans["push"].reason, plans["push"].due_at) == (Reason.GATHERING, NOON + timedelta(minutes=2))
    assert plans["email"].due_at == NOON.replace(hour=7) + timedelta(days=1)


def test_scale_zero_gathers_nothing():
    plans = {plan.channel: plan for plan in decide(case("follow", scale=0), BOB, NOON)}
    assert (plans["push"].state, plans["email"].state) == (State.QUEUED, State.QUEUED)


def test_likes_fold_by_their_object_comments_by_their_post_follows_by_the_person():
    assert fold_key(happened("like.created", object={"id": "post-7"}), kind("like")) == "like:post-7@app_1"
    assert fold_key(happened("comment.created", target={"id": "post-7"}), kind("comment")) == "comment:post-7@app_1"
    assert fold_key(happened("follow.created"), kind("follow")) == "follow@app_1"
    assert fold_key(happened("mention.created"), kind("mention")) == ""


CADENCES = st.sampled_from([Cadence.OFF, Cadence.INSTANT, Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY])
RECIPIENTS = st.builds(
    Recipient,
    id=st.just("bob"),
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Nowhere/Land", ""]),
    cadences=st.dictionaries(st.sampled_from(["email", "push"]), CADENCES),
    reach=st.fixed_dictionaries(
        {
            "email": st.builds(Reach, st.sampled_from([(), ("a",)]), st.booleans()),
            "push": st.builds(Reach, st.sampled_from([(), ("b",), ("b", "c")]), st.booleans()),
            "feed": st.just(Reach(stands=True)),
        }
    ),
)


@given(
    st.sampled_from(sorted(kind.name for kind in BUILT_IN.heard)),
    RECIPIENTS,
    st.integers(0, 4 * 365 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
)
def test_every_channel_gets_a_plan_and_every_plan_its_reason_or_its_address(name, recipient, now):
    plans = decide(case(name), recipient, now)
    assert {plan.channel for plan in plans} == {"email", "push", "feed"}
    for plan in plans:
        assert (plan.reason is None) == (plan.state in (State.QUEUED, State.SENT))
        assert (plan.due_at is None) == (plan.state != State.WAITING)
        assert plan.due_at is None or plan.due_at > now
        assert bool(plan.address) == (plan.state in (State.QUEUED, State.WAITING))
