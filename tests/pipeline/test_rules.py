"""The rules where they meet the rows: followers, milestones, caps, and taking back."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from notifier.pipeline import plan as planning_step
from notifier.policy.words import Reason, State
from notifier.store.models import Notification, NotificationEvent, Relation
from notifier.store.sql import AnyRow
from notifier.store.types import new_id
from tests.pipeline.line import Line, at_once

LIKE = {"object": {"id": "post-1", "type": "post", "owner": "bob"}}


def states(line: Line, channel: str = "email", user: str = "bob") -> list[tuple[str, str | None]]:
    return [(row.state, row.reason) for row in line.deliveries(channel) if row.user_id == user]


def open_items(line: Line, user: str = "bob") -> list[AnyRow]:
    """What stands unread in the person's feed."""
    with line.database.read() as connection:
        return list(
            connection.execute(
                select(Notification).where(
                    Notification.user_id == user,
                    Notification.feed_at.is_not(None),
                    Notification.undone_at.is_(None),
                    Notification.read_at.is_(None),
                )
            )
        )


def live(line: Line) -> list[str]:
    """The events that are told of to anybody and were not taken back."""
    with line.database.read() as connection:
        query = select(NotificationEvent.event_id).where(NotificationEvent.undone_at.is_(None))
        return sorted(connection.scalars(query))


def likes(line: Line, people: Iterable[int], **more: object) -> list[str]:
    return [line.accept("like.created", actor={"id": f"u{n}"}, **LIKE, **more) for n in people]


def follow(line: Line, *people: str, whom: str = "ana") -> None:
    line.plan([line.accept("follow.created", actor={"id": person}, object={"id": whom}) for person in people])


def relations(line: Line) -> set[tuple[str, str, str]]:
    with line.database.read() as connection:
        return {(row.user_id, row.kind, row.other) for row in connection.execute(select(Relation))}


# --- followers


def test_a_post_is_told_to_every_follower_once_however_many_transactions_that_takes(line: Line):
    followers = [f"f{n:04}" for n in range(planning_step.CHUNK * 2 + 7)]
    follow(line, *followers)
    event = line.accept("post.created", object={"id": "p-9", "type": "post"}, to=["f0003", "guest"])
    assert [len(part) for part in line.planner.plan([event])] == [0, 0, 0]
    told = [row.user_id for row in line.deliveries("feed") if row.type == "post.created"]
    assert sorted(told) == sorted([*followers, "guest"])
    assert line.books().balanced


def test_a_planner_of_followers_that_dies_is_taken_over_where_it_stopped(line: Line):
    follow(line, *[f"f{n:04}" for n in range(planning_step.CHUNK + 7)])
    event = line.accept("post.created", object={"id": "p-9", "type": "post"})
    died = line.planner.plan([event])
    next(died)
    died.close()
    assert line.books().unplanned == 1
    line.plan([event])
    told = [row.user_id for row in line.deliveries("feed") if row.type == "post.created"]
    assert len(told) == len(set(told)) == planning_step.CHUNK + 7
    assert line.books().balanced


def test_planners_of_the_same_followers_at_once_share_the_work(line: Line):
    follow(line, *[f"f{n:04}" for n in range(planning_step.CHUNK * 3)])
    event = line.accept("post.created", object={"id": "p-9", "type": "post"})
    at_once(*[lambda: line.plan([event])] * 4)
    assert line.books().balanced
    assert len([row for row in line.deliveries("feed") if row.type == "post.created"]) == planning_step.CHUNK * 3


def test_any_type_can_go_to_the_followers_of_a_named_person(line: Line):
    follow(line, "bob", "cara", whom="band")
    event = line.accept("mention.created", followers_of="band", object={"id": "gig"})
    line.plan([event])
    assert [row.user_id for row in line.deliveries("feed") if row.type == "mention.created"] == ["bob", "cara"]


def test_who_unfollowed_hears_no_more_even_where_the_words_came_in_the_wrong_order(line: Line):
    follow(line, "bob", "cara")
    line.clock.move(minutes=1)
    late = line.accept("follow.created", actor={"id": "dan"}, object={"id": "ana"})
    line.clock.move(minutes=1)
    gone = [line.accept("follow.deleted", actor={"id": who}, object={"id": "ana"}) for who in ("bob", "dan")]
    line.plan(gone)
    line.plan([late])
    assert relations(line) == {("cara", "follow", "ana")}


# --- blocks and mutes by events


@pytest.mark.parametrize(
    ("type_", "thing", "reason"),
    [
        ("block", {"id": "ana", "type": "person"}, Reason.BLOCKED),
        ("mute", {"id": "ana"}, Reason.MUTED_ACTOR),
        ("mute", {"id": "post-1", "type": "post"}, Reason.MUTED_OBJECT),
    ],
)
def test_a_block_or_mute_silences_and_its_end_lets_speak_again(line: Line, type_: str, thing: dict, reason: Reason):
    line.people("bob")
    line.plan([line.accept(f"{type_}.created", actor={"id": "bob"}, object=thing)])
    line.plan([line.accept("comment.created", target=LIKE["object"])])
    assert states(line) == [(State.SKIPPED, reason)]
    assert open_items(line) == []
    line.clock.move(minutes=1)
    line.plan([line.accept(f"{type_}.deleted", actor={"id": "bob"}, object=thing)])
    line.plan([line.accept("comment.created", target=LIKE["object"])])
    assert states(line)[1:] == [(State.QUEUED, None)]
    assert line.books().balanced


def test_a_block_right_behind_the_end_of_one_that_never_was_holds(line: Line):
    line.people("bob")
    troll = {"id": "ana", "type": "person"}
    line.plan([line.accept("block.deleted", actor={"id": "bob"}, object=troll)])
    line.clock.move(seconds=1)
    line.plan([line.accept("block.created", actor={"id": "bob"}, object=troll)])
    line.plan([line.accept("comment.created", target=LIKE["object"])])
    assert states(line) == [(State.SKIPPED, Reason.BLOCKED)]


# --- milestones and caps


def test_a_post_that_goes_viral_is_told_at_milestones_only(line: Line):
    line.people("bob")
    line.choose("bob", "like", email="instant")
    gathering = line.planner_with(gather_scale=1)
    for n in range(120):
        line.plan(likes(line, range(n, n + 1)), gathering)
        line.clock.move(seconds=121)
        line.sender.send([one.id for one in line.sweep().deliveries])
    told = [len(letter.notice.events) for letter in line.post.letters]
    assert len(told) == 13  # the 1st to 10th, the 25th, 50th and 100th
    [waiting] = [row for row in line.deliveries() if row.state == State.WAITING]
    assert (waiting.rule, waiting.value) == ("milestones", "next at 1,000")
    [item] = open_items(line)
    assert item.total == 120
    assert line.books().balanced


def test_what_comes_a_day_later_is_an_item_of_its_own_though_nobody_read_the_first(line: Line):
    line.people("bob")
    gathering = line.planner_with(gather_scale=1)
    for hours in (0, 23, 1):
        line.clock.move(hours=hours)
        line.plan(likes(line, range(hours, hours + 1)), gathering)
    assert [item.total for item in open_items(line)] == [2, 1]


def test_what_is_over_the_cap_waits_until_there_is_room(line: Line):
    line.people("bob")
    line.catalogue = replace(line.catalogue, caps={"email": 3})
    planner = line.planner_with(gather_scale=0)
    line.plan(line.comments(2), planner)
    line.clock.move(minutes=20)
    line.plan(line.comments(4), planner)
    found = [(row.state, row.reason, row.value) for row in line.deliveries()]
    assert found == [(State.QUEUED, None, "instant")] * 3 + [(State.WAITING, Reason.CAPPED, "3 an hour")] * 3
    held = [row.due_at - line.clock() for row in line.deliveries()[3:]]
    assert held == [timedelta(minutes=40)] * 3
    line.plan([line.accept("mention.created", to=["bob"])], planner)
    assert line.deliveries()[-1].state == State.QUEUED  # a mention passes


def test_planners_at_once_do_not_exceed_the_cap(line: Line):
    line.people("bob")
    line.catalogue = replace(line.catalogue, caps={"email": 3})
    planner = line.planner_with(gather_scale=0)
    events = line.comments(24)
    at_once(*[lambda some=events[n::8]: line.plan(some, planner) for n in range(8)])
    found = [row.state for row in line.deliveries()]
    assert (found.count(State.QUEUED), found.count(State.WAITING)) == (3, 21)


# --- taking back


def test_what_is_taken_back_before_it_was_sent_is_cancelled_and_leaves_the_feed(line: Line):
    line.people("bob")
    gathering = line.planner_with(gather_scale=1)
    line.plan(likes(line, range(1)), gathering)
    line.clock.move(seconds=5)
    line.plan([line.accept("like.deleted", actor={"id": "u0"}, **LIKE)], gathering)
    assert states(line) == [(State.CANCELLED, Reason.TAKEN_BACK)]
    assert open_items(line) == live(line) == []
    assert line.books().balanced


def test_taking_one_of_several_back_leaves_the_others(line: Line):
    line.people("bob")
    gathering = line.planner_with(gather_scale=1)
    events = likes(line, range(3))
    line.plan(events, gathering)
    line.plan([line.accept("unlike", actor={"id": "u1"}, **LIKE)], gathering)
    assert live(line) == [events[0], events[2]]
    assert states(line) == [(State.WAITING, Reason.DIGEST)]
    assert len(open_items(line)) == 1


def test_only_the_same_actor_takes_a_like_back_and_only_of_the_same_app(line: Line):
    line.people("bob")
    events = likes(line, range(1))
    line.plan(events)
    line.plan([line.accept("like.deleted", actor={"id": "u9"}, **LIKE)])
    assert live(line) == events


def test_a_taking_back_that_arrives_before_its_event_works(line: Line):
    line.people("bob")
    earlier = line.clock()
    line.clock.move(seconds=30)
    line.plan([line.accept("like.deleted", actor={"id": "u0"}, **LIKE)])
    line.clock.move(seconds=30)
    line.plan([line.accept("like.created", actor={"id": "u0"}, at=earlier, **LIKE)])
    assert states(line) == [(State.CANCELLED, Reason.TAKEN_BACK)]
    assert open_items(line) == []
    assert line.books().balanced


def test_without_times_of_their_own_a_like_right_behind_its_deletion_is_taken_back_once(line: Line):
    line.people("bob")
    unlike = line.accept("like.deleted", actor={"id": "u0"}, **LIKE)
    line.clock.move(seconds=1)
    line.plan([unlike, *likes(line, range(1))])
    assert live(line) == []
    line.clock.move(seconds=1)
    line.plan(again := likes(line, range(1)))
    assert live(line) == again


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
def test_like_unlike_like_ends_with_one_like_in_whatever_order_it_is_planned(line: Line, order: tuple[int, ...]):
    line.people("bob")
    acts = []
    for type_ in ("like.created", "like.deleted", "like.created"):
        acts.append(line.accept(type_, actor={"id": "u0"}, **LIKE))
        line.clock.move(seconds=1)
    for n in order:
        line.plan([acts[n]])
    assert live(line) == [acts[2]]
    assert len(open_items(line)) == 1
    assert line.books().balanced


def test_who_was_told_of_a_like_is_not_told_of_the_same_like_again(line: Line):
    line.people("bob")
    line.choose("bob", "like", email="instant")
    sent = line.plan(likes(line, range(1)))
    line.sender.send([one.id for one in sent])
    line.clock.move(seconds=10)
    line.plan([line.accept("like.deleted", actor={"id": "u0"}, **LIKE)])
    line.clock.move(seconds=10)
    line.plan(likes(line, range(1)))
    assert states(line) == [(State.SENT, None), (State.SKIPPED, Reason.ALREADY_TOLD)]
    assert len(open_items(line)) == 1  # the feed tells what is


def test_an_unlike_and_the_same_like_again_planned_together_tell_nobody_again(line: Line):
    line.people("bob")
    line.choose("bob", "like", email="instant")
    line.sender.send([one.id for one in line.plan(likes(line, range(1)))])
    line.clock.move(seconds=10)
    unlike = line.accept("like.deleted", actor={"id": "u0"}, **LIKE)
    line.clock.move(seconds=10)
    line.plan([unlike, *likes(line, range(1))])
    assert states(line) == [(State.SENT, None), (State.SKIPPED, Reason.ALREADY_TOLD)]


def test_the_same_thing_of_two_apps_does_not_fold(line: Line):
    line.people("bob")
    gathering = line.planner_with(gather_scale=1)
    line.plan(likes(line, range(1)), gathering)
    line.app = new_id("app")
    line.plan(likes(line, range(1, 2)), gathering)
    assert [item.total for item in open_items(line)] == [1, 1]


def test_who_likes_for_the_first_time_is_told_of_beside_one_who_likes_again(line: Line):
    line.people("bob")
    line.choose("bob", "like", email="instant")
    gathering = line.planner_with(gather_scale=0.01)
    line.plan(likes(line, range(2)), gathering)
    line.clock.move(seconds=10)
    line.deliver()
    line.plan([line.accept("like.deleted", actor={"id": "u0"}, **LIKE)], gathering)
    line.clock.move(seconds=10)
    line.plan(likes(line, (0, 2)), gathering)
    assert states(line) == [
        (State.SENT, None),
        (State.SKIPPED, Reason.ALREADY_TOLD),
        (State.WAITING, Reason.GATHERING),
    ]


def test_a_deleted_post_takes_back_all_that_hangs_on_it_and_nothing_else(line: Line):
    line.people("bob")
    follow(line, "bob")
    post = {"id": "post-1", "type": "post", "owner": "bob"}
    line.plan(
        [
            line.accept("post.created", object={"id": "post-1", "type": "post"}),
            *likes(line, range(3)),
            line.accept("comment.created", object={"id": "c1", "type": "comment"}, target=post),
            line.accept("like.created", object={"id": "c1", "type": "comment", "owner": "bob"}, target=post),
        ]
    )
    stays = [
        line.accept("follow.created", object={"id": "post-1", "type": "person"}),
        line.accept("comment.created", object={"id": "post-1", "type": "comment", "owner": "bob"}, to=["bob"]),
        line.accept("like.created", object={"id": "post-2", "type": "post", "owner": "bob"}),
    ]
    line.plan(stays)
    line.clock.move(seconds=1)
    before = set(live(line)) - set(stays)
    line.plan([line.accept("post.deleted", object={"id": "post-1", "type": "post"})])
    assert before
    assert set(live(line)) & before <= {event for event in before if event not in live(line)} | set(follows(line))
    assert set(stays) <= set(live(line))
    assert line.books().balanced


def follows(line: Line) -> list[str]:
    with line.database.read() as connection:
        query = select(NotificationEvent.event_id).where(NotificationEvent.user_id == "ana")
        return list(connection.scalars(query))


def test_a_deletion_of_more_than_fits_into_one_transaction_takes_all_back(line: Line):
    line.people("bob")
    count = planning_step.CHUNK + 20
    line.plan(likes(line, range(count)))
    line.clock.move(seconds=1)
    line.plan([line.accept("post.deleted", actor={"id": "bob"}, object={"id": "post-1", "type": "post"})])
    assert live(line) == open_items(line) == []
    assert {row.state for row in line.deliveries()} == {State.CANCELLED}
    assert line.books().balanced


def test_likes_and_unlikes_by_many_at_once_end_with_what_is_liked(line: Line):
    line.people("bob")
    gathering = line.planner_with(gather_scale=1)
    liked = likes(line, range(40))
    line.clock.move(seconds=1)
    unliked = [line.accept("like.deleted", actor={"id": f"u{n}"}, **LIKE) for n in range(0, 40, 2)]
    acts = [*liked, *unliked]
    at_once(*[lambda some=acts[n::8]: line.plan(some, gathering) for n in range(8)])
    assert live(line) == sorted(liked[1::2])
    assert len(open_items(line)) == 1
    assert line.books().balanced


def test_a_push_that_shows_too_much_is_corrected(line: Line):
    line.people("bob")
    line.device("bob")
    sender = line.new_sender(channel="push")
    ready = line.plan(likes(line, range(2)), line.planner_with(gather_scale=1))
    assert ready == []
    line.clock.move(seconds=121)
    sender.send([one.id for one in line.sweep().deliveries if one.channel == "push"])
    line.plan([line.accept("like.deleted", actor={"id": "u0"}, **LIKE)])
    line.clock.move(seconds=1)
    sender.send([one.id for one in line.sweep().deliveries if one.channel == "push"])
    shown = [[event.actor.id for event in letter.notice.events] for letter in line.post.letters]
    assert shown == [["u0", "u1"], ["u1"]]
    assert line.books().balanced
