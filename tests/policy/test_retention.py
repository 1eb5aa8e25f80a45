"""How long things are kept, decided without a database."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.events import read_event
from notifier.policy.retention import LEAST_DIGESTS, Purged, Retention, blanked, said
from notifier.policy.words import FINAL, UNFINISHED, State

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAYS = st.integers(0, 400)
KEPT = st.builds(Retention, DAYS, DAYS, DAYS, DAYS, DAYS, DAYS, DAYS, DAYS)


def days_for(kept: Retention, state: State, *, stands: bool) -> int | None:
    """By the rules: for how many days such a delivery is kept; None where no rule is about it."""
    found = [
        (NOW - rule.before).days
        for rule in kept.limits(NOW).rules
        if state in rule.states and rule.standing in (None, stands)
    ]
    assert len(found) <= 1
    return found[0] if found else None


@given(KEPT, st.booleans())
def test_an_ended_delivery_has_one_rule_and_an_unfinished_one_has_none(kept: Retention, stands: bool):
    for state in UNFINISHED:
        assert days_for(kept, state, stands=stands) is None
        assert kept.of(state, stands=stands) is None
    for state in FINAL:
        assert (days_for(kept, state, stands=stands) or 0) == kept.of(state, stands=stands)


@given(KEPT)
def test_events_are_kept_as_long_as_whatever_tells_of_them(kept: Retention):
    telling = [kept.events, kept.deliveries, kept.failed, kept.skipped, kept.feed]
    if 0 in telling:
        assert (kept.kept_events, kept.limits(NOW).events) == (0, None)
    else:
        assert kept.kept_events == max(telling)
        assert kept.limits(NOW).events == NOW - timedelta(days=max(telling))


def test_a_digest_is_kept_until_its_day_is_over_everywhere():
    assert Retention(deliveries=1, failed=1).limits(NOW).digests == NOW - LEAST_DIGESTS
    assert Retention(deliveries=10, failed=20).limits(NOW).digests == NOW - timedelta(days=20)
    assert Retention(deliveries=10, failed=0).limits(NOW).digests is None


@pytest.mark.parametrize(("days", "words"), [(0, "for ever"), (1, "1 day"), (30, "30 days"), (3650, "3,650 days")])
def test_days_are_said_in_words(days: int, words: str):
    assert said(days) == words


def test_what_is_gone_is_told_with_how_long_it_was_kept():
    kept = Retention()
    assert kept.gone_event(NOW - timedelta(days=89), NOW) == ""
    assert kept.gone_event(NOW - timedelta(days=91), NOW) == (
        "Events are kept for 90 days; one of 2026-08-22 was purged since."
    )
    assert kept.gone_delivery(NOW - timedelta(days=13), NOW) == ""
    assert "failed and bounced ones for 90 days" in kept.gone_delivery(NOW - timedelta(days=15), NOW)
    for_ever = Retention(deliveries=0, failed=0, skipped=0, feed=0)
    assert for_ever.gone_event(NOW - timedelta(days=9_000), NOW) == ""
    assert for_ever.gone_delivery(NOW - timedelta(days=9_000), NOW) == ""


def test_content_goes_and_ids_stay():
    data = {
        "actor": {"id": "ana", "name": "Ana", "avatar": "https://a.example/a.jpg"},
        "object": {"id": "c-1", "type": "comment", "content": "What a sky!", "owner": "ana"},
        "target": {"id": "p-1", "type": "post", "name": "Sunset", "owner": "bob", "image": "https://a.example/p.jpg"},
        "in_reply_to": {"id": "c-0", "owner": "cara", "content": "Hm."},
        "mentions": ["dan"],
        "to": ["eve"],
        "followers_of": "ana",
        "mood": "bright",
    }
    left = blanked(data)
    for word in ("Ana", "sky", "Sunset", "https", "Hm.", "bright", "avatar"):
        assert word not in json.dumps(left)
    times = {"occurred_at": NOW, "accepted_at": NOW}
    before, after = (read_event(one, id="evt_1", app="app_1", type="comment.created", **times) for one in (data, left))
    for name in ("things", "mentions", "to", "followers_of"):
        assert getattr(before, name) == getattr(after, name)
    assert (after.actor.id, after.target.owner, after.in_reply_to.owner) == ("ana", "bob", "cara")
    assert blanked(left) == left


def test_what_was_purged_adds_up():
    both = Purged(deliveries=2, told=3) + Purged(deliveries=1, events=4)
    assert both == Purged(deliveries=3, told=3, events=4)
    assert both.rows == 10
    assert dict(both.named)["records of who was told"] == 3
