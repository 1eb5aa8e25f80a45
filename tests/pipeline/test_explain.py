"""A dry run decides as the planner does: whatever it says is what planning then stores."""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from notifier.app.home import CATALOGUE
from notifier.pipeline.deciding import Deciding, PlanSettings
from notifier.pipeline.explain import Explainer, Explanation
from notifier.pipeline.plan import Planner
from notifier.policy.catalogue import CHANNELS, read_catalogue
from notifier.policy.explaining import Line as Told
from notifier.policy.relations import BLOCK, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE
from notifier.policy.retention import Retention
from notifier.policy.words import Reason, State
from notifier.store.explaining import Explaining
from notifier.store.models import Address, Delivery, Preference, Relation, User
from notifier.store.sql import insert
from notifier.store.types import new_id
from tests.pipeline.line import Line

SETTINGS = PlanSettings(("feed",), ("push",), gather_scale=1)
BUILT_IN = read_catalogue(CATALOGUE.read_text())
LIKE = {"object": {"id": "post-1", "type": "post", "owner": "bob"}}


def explainer(line: Line) -> Explainer:
    return Explainer(line.database, Deciding(line.catalogue, SETTINGS), line.clock, Retention())


def stored(line: Line, event: str, **how: Any) -> Explanation:
    found = explainer(line).stored(event, **how)
    assert found
    return found


def brief(found: Explanation) -> list[tuple[str | None, str | None, str | None, str | None]]:
    return [(line.user, line.channel, line.state, line.reason) for line in found.lines]


def happening(line: Line, event: str) -> Any:
    with line.database.read() as connection:
        known = Explaining(connection).event(event)
    assert known
    return known.event


def dry(line: Line, event: str, **how: Any) -> Explanation:
    return explainer(line).dry(happening(line, event), **how)


def plan(line: Line, *events: str) -> None:
    line.plan(events, Planner(line.database, line.catalogue, SETTINGS, line.clock))


# --- the dry run and the plan are one


PEOPLE = ("bob", "cara", "dan")
cadences = st.sampled_from(["off", "instant", "hourly", "daily", "weekly"])
one_preference = st.tuples(
    st.sampled_from(PEOPLE), st.sampled_from(["like", "comment", "mention", "follow", "post"]),
    st.sampled_from(["email", "push"]), cadences,
)  # fmt: skip
relation = st.one_of(
    st.tuples(st.just(BLOCK), st.just("ana")),
    st.tuples(st.just(MUTE_ACTOR), st.just("ana")),
    st.tuples(st.just(MUTE_OBJECT), st.sampled_from(["post-1", "post-2"])),
    st.tuples(st.just(MUTE_TYPE), st.sampled_from(["like.created", "comment.created"])),
    st.tuples(st.just("follow"), st.sampled_from(["ana", "ben"])),
)
happened = st.tuples(
    st.sampled_from(["like", "comment", "mention", "follow", "post", "share", "like.deleted", "post.deleted"]),
    st.sampled_from(["ana", "ben", "bob"]),
    st.sampled_from(["post-1", "post-2"]),
    st.sampled_from(PEOPLE),
    st.lists(st.sampled_from(PEOPLE), max_size=2),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    preferences=st.lists(one_preference, max_size=5, unique_by=lambda one: one[:3]),
    relations=st.lists(st.tuples(st.sampled_from(PEOPLE), relation), max_size=4, unique=True),
    mailboxes=st.sets(st.sampled_from(PEOPLE)),
    browsers=st.lists(st.sampled_from(PEOPLE), max_size=4),
    quiet=st.sets(st.sampled_from(PEOPLE)),
    caps=st.dictionaries(st.sampled_from(["email", "push"]), st.integers(0, 2)),
    events=st.lists(st.tuples(happened, st.integers(0, 90)), min_size=1, max_size=8),
)
def test_what_a_dry_run_says_is_what_planning_stores(
    line: Line, preferences, relations, mailboxes, browsers, quiet, caps, events
):
    empty(line)
    line.catalogue = replace(BUILT_IN, caps=caps)
    settle(line, preferences, relations, mailboxes, browsers, quiet)
    for (type_, actor, thing, owner, mentions), minutes in events:
        line.clock.move(minutes=minutes)
        event = line.accept(long(type_), actor={"id": actor}, **named(type_, thing, owner, mentions))
        foretold = dry(line, event).lines
        plan(line, event)
        became = stored(line, event).lines
        assert sorted(map(comparable, foretold), key=str) == sorted(
            (comparable(one, foretold) for one in became), key=str
        )


def comparable(line: Told, foretold: Any = ()) -> tuple[Any, ...]:
    """All of a line that a dry run can know; one that joins a delivery tells that delivery's id instead of its rule."""
    joins = {one.delivery for one in foretold} if foretold else {line.delivery}
    decided = ("joins", line.delivery) if line.delivery and line.delivery in joins else (line.rule, line.value)
    return (line.user, line.channel, line.address, line.state, line.reason, line.due_at, *decided)


def long(type_: str) -> str:
    return type_ if "." in type_ else f"{type_}.created"


def named(type_: str, thing: str, owner: str, mentions: list[str]) -> dict[str, Any]:
    post = {"id": thing, "type": "post", "owner": owner}
    if type_ == "comment":
        return {"object": {"id": f"c-{thing}"}, "target": post, "mentions": mentions}
    if type_ == "mention":
        return {"object": {"id": f"c-{thing}"}, "to": [owner, *mentions]}
    return {"object": {"id": owner}} if type_ == "follow" else {"object": post}


def empty(line: Line) -> None:
    tables = ("deliveries", "notification_events", "notifications", "events", "relations", "preferences", "addresses")
    with line.database.write() as connection:
        for table in (*tables, "users", "tallies"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 (our own words)


def settle(line: Line, preferences, relations, mailboxes, browsers, quiet) -> None:
    now = line.clock()
    with line.database.write() as connection:
        for person in PEOPLE:
            hours = {"quiet_start": "10:30", "quiet_end": "12:00"} if person in quiet else {}
            connection.execute(
                insert(connection, User).values(
                    id=person, timezone="Europe/Berlin", created_at=now, updated_at=now, **hours
                )
            )
        for number, (person, channel) in enumerate(
            [*((one, "email") for one in sorted(mailboxes)), *((one, "push") for one in browsers)]
        ):
            connection.execute(
                insert(connection, Address).values(
                    id=new_id("sub"),
                    user_id=person,
                    channel=channel,
                    value="x",
                    fingerprint=str(number),
                    created_at=now,
                )
            )
        for person, type_, channel, cadence in preferences:
            connection.execute(
                insert(connection, Preference).values(
                    user_id=person, type=long(type_), channel=channel, cadence=cadence, changed_at=now, changed_by="api"
                )
            )
        for person, (kind, other) in relations:
            connection.execute(
                insert(connection, Relation).values(user_id=person, kind=kind, other=other, created_at=now)
            )


def test_a_dry_run_stores_nothing(line: Line):
    line.people("bob")
    event = happening(line, line.accept("like.created", **LIKE))
    empty(line)
    line.people("bob")
    before = rows(line)
    assert {one.channel for one in explainer(line).dry(event).lines} == set(CHANNELS)
    assert rows(line) == before


def rows(line: Line) -> list[int]:
    tables = (
        "events",
        "deliveries",
        "notifications",
        "notification_events",
        "tallies",
        "counters",
        "relations",
        "users",
    )
    with line.database.read() as connection:
        return [connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables]  # noqa: S608 (our own words)


# --- what became of it


def test_each_recipient_has_a_line_for_each_channel_with_the_rule_and_its_value(line: Line):
    line.people("bob")
    event = line.accept("like.created", **LIKE)
    plan(line, event)
    lines = {one.channel: one for one in stored(line, event).lines}
    assert {channel: (one.state, one.reason, one.rule, one.value) for channel, one in lines.items()} == {
        "email": (State.WAITING, Reason.DIGEST, "digest", "daily 08:00 UTC"),
        "push": (State.SKIPPED, Reason.NO_ADDRESS, "address", "none"),
        "feed": (State.SENT, None, "default", "on"),
    }
    assert all(one.delivery for one in lines.values())
    assert lines["email"].due_at


def test_an_event_that_is_not_planned_waits_for_its_plan_and_tells_what_comes_then(line: Line):
    event = line.accept("like.created", **LIKE)
    found = stored(line, event)
    assert {(one.state, one.reason, one.delivery) for one in found.lines} == {(State.WAITING, Reason.UNPLANNED, None)}
    assert {one.channel: one.value for one in found.lines} == {
        "email": "then skipped no_address", "push": "then skipped no_address", "feed": "then sent",
    }  # fmt: skip


def test_an_own_act_is_a_line_for_each_channel_and_no_delivery(line: Line):
    event = line.accept("comment.created", actor={"id": "bob"}, target={"id": "p", "owner": "bob"}, mentions=["cara"])
    plan(line, event)
    own = [one for one in stored(line, event).lines if one.user == "bob"]
    assert [(one.channel, one.reason, one.delivery) for one in own] == [
        (channel, Reason.OWN_ACTION, None) for channel in CHANNELS
    ]
    assert stored(line, event, user="bob").lines == own


def test_a_retry_says_which_try_comes_next(line: Line):
    line.people("bob")
    event = line.comments(1)[0]
    plan(line, event)
    with line.database.write() as connection:
        connection.execute(text("UPDATE deliveries SET state='waiting', reason='retry', tries=2 WHERE channel='email'"))
    [email] = [one for one in stored(line, event).lines if one.channel == "email"]
    assert (email.rule, email.value) == ("retry_policy", "try 3 of 10")


def test_each_event_of_a_notification_is_explained_by_the_delivery_that_told_it(line: Line):
    line.people("bob")
    first = line.accept("follow.created", actor={"id": "u1"}, object={"id": "bob"})
    plan(line, first)
    with line.database.write() as connection:
        connection.execute(text("UPDATE deliveries SET state='sent', last_round=1 WHERE channel='email'"))
        connection.execute(text("UPDATE notifications SET round=2"))
    second = line.accept("follow.created", actor={"id": "u2"}, object={"id": "bob"})
    plan(line, second)

    def email(event: str) -> Told:
        [found] = [one for one in stored(line, event).lines if one.channel == "email"]
        return found

    assert (email(first).state, email(second).state) == (State.SENT, State.WAITING)
    assert email(first).delivery != email(second).delivery


def test_what_comes_in_another_ones_message_names_it(line: Line):
    line.people("bob")
    with line.database.write() as connection:
        connection.execute(text("UPDATE users SET quiet_start='09:00', quiet_end='11:00'"))
    events = line.comments(2)
    plan(line, *events)
    line.clock.move(hours=1, seconds=1)
    line.sweep()
    first, second = (next(one for one in stored(line, event).lines if one.channel == "email") for event in events)
    assert (first.state, first.rule) == (State.QUEUED, "quiet_hours")
    assert (second.state, second.reason, second.rule) == (State.WAITING, Reason.QUIET_HOURS, "bundle")
    assert first.delivery
    assert first.delivery in second.value
    assert second.due_at is None


def test_what_joins_says_with_how_many_others(line: Line):
    line.people("bob")
    follows = [line.accept("follow.created", actor={"id": f"u{n}"}, object={"id": "bob"}) for n in range(4)]
    plan(line, *follows[:3])
    [email] = [one for one in dry(line, follows[3]).lines if one.channel == "email"]
    assert (email.state, email.reason, email.rule, email.value) == (
        State.WAITING, Reason.GATHERING, "gather", "joins 3 others",
    )  # fmt: skip


def test_between_two_milestones_it_says_which_one_is_next(line: Line):
    with line.database.write() as connection:
        connection.execute(
            insert(connection, Address).values(
                id=new_id("sub"), user_id="bob", channel="push", value="x", fingerprint="x", created_at=line.clock()
            )
        )
    likes = [line.accept("like.created", actor={"id": f"u{n}"}, **LIKE) for n in range(12)]
    for like in likes[:10]:
        plan(line, like)
    with line.database.write() as connection:
        connection.execute(text("UPDATE deliveries SET state='sent', last_round=1 WHERE channel='push'"))
        connection.execute(text("UPDATE notifications SET round=2"))
    [push] = [one for one in dry(line, likes[10]).lines if one.channel == "push"]
    assert (push.rule, push.value) == ("milestones", "next at 25")
    plan(line, likes[10])
    [same] = [one for one in stored(line, likes[10]).lines if one.channel == "push"]
    assert (same.rule, same.value, same.due_at) == (push.rule, push.value, push.due_at)


def test_what_was_taken_back_says_by_what_and_the_deletion_says_what_it_took_back(line: Line):
    line.people("bob")
    event = line.accept("like.created", **LIKE)
    plan(line, event)
    line.clock.move(seconds=5)
    deletion = line.accept("like.deleted", object={"id": "post-1", "type": "post"})
    plan(line, deletion)
    assert stored(line, event).known.undone_by == deletion
    assert ("bob", "email", State.CANCELLED, Reason.TAKEN_BACK) in brief(stored(line, event))
    found = stored(line, deletion)
    assert (found.took_back, found.lines) == ([(event, "like.created")], [])


def test_what_was_on_its_way_when_it_was_taken_back_was_sent_and_says_so(line: Line):
    line.people("bob")
    event = line.comments(1)[0]
    plan(line, event)
    with line.database.write() as connection:
        connection.execute(text("UPDATE deliveries SET state='sending', last_round=1 WHERE channel='email'"))
    line.clock.move(seconds=1)
    plan(line, line.accept("comment.deleted"))
    line.clock.move(seconds=1)
    with line.database.write() as connection:
        sent = update(Delivery).where(Delivery.channel == "email").values(state=State.SENT, sent_at=line.clock())
        connection.execute(sent)
    assert stored(line, event).known.undone_by
    assert ("bob", "email", State.SENT, None) in brief(stored(line, event))


def test_a_dry_run_of_a_deletion_says_what_it_would_take_back(line: Line):
    event = line.accept("like.created", **LIKE)
    line.accept("like.created", object={"id": "post-2", "type": "post", "owner": "bob"})
    plan(line, event)
    deletion = line.accept("like.deleted", object={"id": "post-1", "type": "post"})
    assert dry(line, deletion).took_back == [(event, "like.created")]


def test_one_of_several_that_was_taken_back_is_told_no_more_while_the_others_are(line: Line):
    line.people("bob")
    likes = [line.accept("like.created", actor={"id": f"u{n}"}, **LIKE) for n in range(2)]
    plan(line, *likes)
    line.clock.move(seconds=5)
    plan(line, line.accept("like.deleted", actor={"id": "u0"}, object={"id": "post-1", "type": "post"}))
    states = [next(one for one in stored(line, like).lines if one.channel == "email").state for like in likes]
    assert states == [State.CANCELLED, State.WAITING]


def test_a_block_says_what_it_changed(line: Line):
    event = line.accept("block.created", object={"id": "zoe", "type": "person"})
    plan(line, event)
    bond = stored(line, event).bond
    assert bond
    assert (bond.user, bond.kind, bond.other, bond.ends) == ("ana", "block", "zoe", False)


def test_a_type_that_is_in_no_catalogue_says_so_even_where_it_names_nobody(line: Line):
    event = line.accept("poke.created")
    plan(line, event)
    assert brief(stored(line, event)) == [(None, None, State.SKIPPED, Reason.UNKNOWN_TYPE)]


# --- who is no recipient


def why_not(line: Line, event: str, user: str) -> str:
    [found] = stored(line, event, user=user).lines
    assert (found.channel, found.state, found.reason, found.rule) == (None, None, None, "recipients")
    return found.says


def test_who_is_no_recipient_hears_who_is(line: Line):
    event = line.accept("like.created", **LIKE)
    plan(line, event)
    assert why_not(line, event, "zoe") == "A like is told to object.owner, who is bob."


def test_who_does_not_follow_or_came_too_late_is_told_so(line: Line):
    event = line.accept("post.created", object={"id": "p-9"})
    plan(line, event)
    assert why_not(line, event, "zoe") == "zoe does not follow ana."
    line.clock.move(hours=1)
    plan(line, line.accept("follow.created", actor={"id": "zoe"}, object={"id": "ana"}))
    assert why_not(line, event, "zoe") == "zoe follows ana since 2026-11-21 11:00:00 UTC, after it happened."


def test_nobody_hears_of_a_deletion(line: Line):
    event = line.accept("like.deleted")
    plan(line, event)
    assert "told to nobody" in why_not(line, event, "zoe")


# --- many people


def test_pages_go_through_all_whom_it_concerns_planned_or_not(line: Line):
    followers = [f"f{number:04}" for number in range(620)]
    with line.database.write() as connection:
        connection.execute(
            insert(connection, Relation),
            [
                {"user_id": one, "kind": "follow", "other": "ana", "created_at": line.clock()}
                for one in [*followers, "ana"]
            ],
        )
    event = line.accept("post.created", object={"id": "p-9"}, to=["guest", "ana", "f0003"])
    assert sorted(seen(line, event)) == sorted([*followers, "guest", "ana"])
    first = line.planner.plan([event])
    next(first)
    first.close()
    assert sorted(seen(line, event)) == sorted([*followers, "guest", "ana"])
    reasons = (
        {one.reason for one in stored(line, event, user="f0001").lines},
        {one.reason for one in stored(line, event, user="f0619").lines},
    )
    assert reasons[1] == {Reason.UNPLANNED}
    assert Reason.UNPLANNED not in reasons[0]
    line.plan([event])
    assert sorted(seen(line, event)) == sorted([*followers, "guest", "ana"])


def seen(line: Line, event: str) -> list[str | None]:
    """Everybody in the pages, in order; nobody may come twice."""
    people: list[str | None] = []
    mark = None
    while True:
        page = stored(line, event, mark=mark, limit=77)
        people += dict.fromkeys(one.user for one in page.lines)
        mark = page.next
        if mark is None:
            assert len(people) == len(set(people))
            return people
