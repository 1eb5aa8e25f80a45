"""A changed rule, tried on what happened: nothing changed, nothing differs; what is off is silent; a cap holds."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.backtest import Comparison, Result
from notifier.policy.catalogue import CHANNELS, Catalogue
from notifier.policy.changing import Change, WrongChange, changed
from notifier.policy.decide import HOUR, Reach, Recipient, Rhythm
from notifier.policy.events import read_event
from notifier.policy.quiet import QuietHours
from notifier.policy.relations import MUTE_ACTOR
from notifier.policy.waiting import Past
from notifier.policy.words import Cadence
from tests.policy.people import BOB, BUILT_IN, NOON

UNCAPPED = replace(BUILT_IN, caps={})
REACH = {"email": Reach(("sub_mail",)), "push": Reach(("sub_one", "sub_two")), "feed": Reach(stands=True)}


def past(number: int, at: datetime, type_: str, actor: str, owner: str, undone_after: int | None = None) -> Past:
    post = {"id": f"post-of-{owner}", "type": "post", "owner": owner}
    data: dict[str, Any] = {"actor": {"id": actor}, "object": {"id": f"c-{number}", "owner": owner}, "target": post}
    if type_ in ("like", "share"):
        data["object"] = post
    if type_ == "follow":
        data["object"] = {"id": owner}
    if type_ == "mention":
        data["to"] = [owner]
    event = read_event(data, id=f"evt_{number}", app="app_1", type=f"{type_}.created", occurred_at=at, accepted_at=at)
    return Past(event, None if undone_after is None else at + timedelta(minutes=undone_after))


def compared(
    before: Catalogue, after: Catalogue, pasts: list[Past], *people: Recipient, log: bool = True
) -> tuple[Comparison, Result]:
    comparison = Comparison(before, after, 1, keeps_log=log)
    known = {person.id: person for person in people or (BOB,)}
    for one in pasts:
        concerned = comparison.concerned(one, lambda _: [])
        heard = {user: known.get(user, Recipient(user, reach=REACH)) for user in concerned.everybody}
        comparison.hear(concerned, heard)
    return comparison, comparison.result()


def with_(catalogue: Catalogue = BUILT_IN, caps: dict[str, Any] | None = None, **types: dict[str, Any]) -> Catalogue:
    return changed(catalogue, Change(types, caps or {}))


people = st.sampled_from(["bob", "cara"])
pasts = st.lists(
    st.tuples(
        st.integers(0, 240),  # minutes since the one before
        st.sampled_from(["like", "comment", "follow", "mention", "share", "post"]),
        st.sampled_from(["ana", "ben", "bob"]),
        people,
        st.none() | st.integers(0, 300),
    ),
    max_size=40,
)
recipients = st.builds(
    Recipient,
    id=people,
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    cadences=st.dictionaries(st.sampled_from(["email", "push"]), st.sampled_from([*Cadence][2:]), max_size=2),
    reach=st.just(REACH),
    rhythm=st.builds(
        Rhythm, quiet=st.none() | st.builds(QuietHours, st.sampled_from([time(13), time(22)]), st.just(time(7, 30)))
    ),
    relations=st.sampled_from([frozenset(), frozenset({(MUTE_ACTOR, "ana")})]),
)
changes = st.dictionaries(
    st.sampled_from(["like", "comment", "follow", "mention"]),
    st.fixed_dictionaries(
        {},
        optional={
            "email": st.sampled_from(["off", "instant", "hourly", "daily", "weekly"]),
            "push": st.sampled_from(["off", "instant", "hourly", "daily", "weekly"]),
            "feed": st.sampled_from(["on", "off"]),
            "gather": st.sampled_from([0, 60, 3_600]),
        },
    ),
)


def timed(drawn: list[tuple[int, str, str, str, int | None]]) -> list[Past]:
    at, found = NOON, []
    for number, (minutes, *rest) in enumerate(drawn):
        at += timedelta(minutes=minutes)
        found.append(past(number, at, *rest))
    return found


@given(pasts, st.lists(recipients, max_size=2))
def test_unchanged_rules_make_no_difference(drawn: Any, known: list[Recipient]):
    comparison, result = compared(BUILT_IN, BUILT_IN, timed(drawn), *known)
    assert comparison.before.log == comparison.after.log
    assert result.missed_count == 0
    for channel in result.channels.values():
        assert (channel.difference, channel.later) == (0, {})


@given(pasts, st.lists(recipients, max_size=2), st.sampled_from(CHANNELS))
def test_a_channel_that_is_off_for_every_type_has_no_messages(drawn: Any, known: list[Recipient], channel: str):
    off = {kind.short: {channel: "off"} for kind in BUILT_IN.heard if not kind.mandatory}
    undecided = [replace(one, cadences={}) for one in known]
    _, result = compared(BUILT_IN, with_(**off), timed(drawn), *undecided)
    assert result.channels[channel].after == 0


@given(pasts, st.lists(recipients, max_size=2), st.integers(0, 4), changes)
def test_a_cap_is_never_exceeded_in_any_hour(drawn: Any, known: list[Recipient], cap: int, types: Any):
    capped = with_(
        caps={"push": cap, "email": cap}, mention={"passes": []}, **{k: v for k, v in types.items() if k != "mention"}
    )
    comparison, _ = compared(BUILT_IN, capped, timed(drawn), *known)
    digests = comparison.after.digests
    by_box: dict[tuple[str, str], list[datetime]] = {}
    for user, channel, at in comparison.after.log:
        if channel != "feed":
            by_box.setdefault((user, channel), []).append(at)
    for (_, channel), moments in by_box.items():
        moments.sort()
        over = sum(1 for at in moments if sum(at - HOUR < other <= at for other in moments) > cap)
        assert over <= digests[channel]  # digests come at their own hour, beside the cap


@given(pasts, st.lists(recipients, max_size=2), changes)
def test_whatever_changes_nothing_goes_out_that_was_taken_back_before(drawn: Any, known: list[Recipient], types: Any):
    gone = [replace(one, undone_at=one.event.accepted_at) for one in timed(drawn)]
    _, result = compared(BUILT_IN, with_(**types), gone, *known)
    assert {(channel.before, channel.after) for channel in result.channels.values()} == {(0, 0)}


def test_likes_that_become_a_daily_digest_are_one_message_a_day():
    likes = [past(n, NOON + timedelta(hours=n), "like", f"u{n}", "bob") for n in range(6)]
    _, result = compared(BUILT_IN, with_(like={"push": "daily"}), likes)
    push = result.channels["push"]
    assert (push.before, push.after, push.percent, push.digests_after) == (6, 1, -83.3, 1)
    assert push.later == {"digest": 6}
    assert result.missed_count == 0


def test_comments_that_are_turned_off_are_named_as_missed_with_what_happens_instead():
    comments = [past(n, NOON + timedelta(hours=n), "comment", "ana", "bob") for n in range(120)]
    _, result = compared(UNCAPPED, with_(UNCAPPED, comment={"email": "off"}), comments)
    assert (result.missed_count, len(result.missed)) == (120, 100)
    newest = result.missed[0]
    assert (newest.event, newest.user, newest.channel) == ("evt_119", "bob", "email")
    assert newest.instead
    assert (newest.instead.state, newest.instead.reason, newest.instead.rule) == (
        "skipped",
        "preference_off",
        "default",
    )


def test_who_is_no_longer_told_at_all_misses_it_too():
    _, result = compared(BUILT_IN, with_(comment={"told": []}), [past(0, NOON, "comment", "ana", "bob")])
    assert {(one.channel, one.instead) for one in result.missed} == {(channel, None) for channel in CHANNELS}


def test_a_longer_gathering_makes_fewer_messages():
    follows = [past(n, NOON + timedelta(minutes=5 * n), "follow", f"u{n}", "bob") for n in range(12)]
    _, result = compared(UNCAPPED, with_(UNCAPPED, follow={"gather": 3_600}), follows)
    assert (result.channels["push"].before, result.channels["push"].after) == (12, 1)


def test_what_is_over_a_cap_comes_as_one_summary():
    comments = [past(n, NOON + timedelta(minutes=n), "comment", "ana", "bob") for n in range(10)]
    _, result = compared(UNCAPPED, with_(UNCAPPED, caps={"push": 3}), comments)
    push = result.channels["push"]
    assert (push.before, push.after, push.later) == (10, 4, {"capped": 7})


def test_a_night_is_one_message_in_the_morning():
    night = replace(BOB, timezone="UTC", rhythm=Rhythm(quiet=QuietHours(time(22), time(7))))
    comments = [past(n, NOON + timedelta(hours=11, minutes=n), "comment", "ana", "bob") for n in range(5)]
    comparison, result = compared(UNCAPPED, UNCAPPED, comments, night)
    assert result.channels["push"].before == 1
    assert {at for _, channel, at in comparison.before.log if channel == "push"} == {NOON + timedelta(hours=19)}


def test_a_viral_post_is_told_at_its_milestones():
    likes = [past(n, NOON + timedelta(minutes=3 * n), "like", f"u{n}", "bob") for n in range(110)]
    _, result = compared(UNCAPPED, UNCAPPED, likes)
    each, milestones, the_rest_of_the_day = 10, 3, 1
    assert result.channels["push"].before == each + milestones + the_rest_of_the_day


def test_like_unlike_like_is_one_message():
    twice = [past(0, NOON, "like", "ana", "bob", 10), past(1, NOON + timedelta(minutes=20), "like", "ana", "bob")]
    _, result = compared(BUILT_IN, BUILT_IN, twice)
    assert result.channels["push"].before == 1


@pytest.mark.parametrize(
    ("types", "caps", "where"),
    [
        ({"wink": {"push": "off"}}, {}, ("types", "wink")),
        ({"like.deleted": {"push": "off"}}, {}, ("types", "like.deleted")),
        ({"like": {"push": "sometimes"}}, {}, ("types", "like", "push")),
        ({"like": {"sms": "off"}}, {}, ("types", "like", "sms")),
        ({"like": {"gather": -1}}, {}, ("types", "like", "gather")),
        ({"like": {"told": ["everyone"]}}, {}, ("types", "like", "told")),
        ({}, {"sms": 3}, ("caps", "sms")),
        ({}, {"push": "many"}, ("caps", "push")),
    ],
)
def test_a_change_that_is_none_names_where_and_what_would_be_right(types: Any, caps: Any, where: tuple[str, ...]):
    with pytest.raises(WrongChange) as caught:
        changed(BUILT_IN, Change(types, caps))
    [fault] = caught.value.faults
    assert fault.where == where
    assert fault.right.endswith(".")
    assert not any(word in fault.right for word in ("sometimes", "everyone", "many", "-1"))


def test_a_change_of_nothing_is_the_catalogue():
    assert changed(BUILT_IN, Change({kind.short: {} for kind in BUILT_IN.kinds.values()})) == BUILT_IN
