"""What holds whatever people do and in whatever order it is planned."""

import itertools
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from notifier.policy.words import UNFINISHED, Reason
from notifier.store.models import Delivery, Event, Notification, NotificationEvent
from tests.pipeline.line import Line

NUMBERS = itertools.count()  # each example has people and things of its own
PEOPLE = ("ana", "bob", "cara", "dan")
POSTS = {"p1": "ana", "p2": "bob"}
VERBS = ("like", "comment", "follow", "block", "mention", "share")
SOME = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Act:
    verb: str
    who: str
    what: str  # a post, or a person
    undone: bool

    @property
    def type(self) -> str:
        return f"{self.verb}.{'deleted' if self.undone else 'created'}"

    def data(self, world: str) -> dict[str, Any]:
        actor = {"id": self.who + world}
        post = {"id": self.what + world, "type": "post", "owner": POSTS.get(self.what, "") + world}
        whom = {"id": PEOPLE[len(self.what + self.who) % 4] + world, "type": "person"}
        if self.verb == "comment":
            return {
                "actor": actor,
                "object": {"id": f"c-{self.who}{self.what}{world}", "type": "comment"},
                "target": post,
            }
        if self.verb in ("follow", "block"):
            return {"actor": actor, "object": whom}
        if self.verb == "mention":
            return {"actor": actor, "object": {"id": f"m-{self.who}{world}"}, "to": [whom["id"]]}
        return {"actor": actor, "object": post}


ACTS = st.builds(Act, st.sampled_from(VERBS), st.sampled_from(PEOPLE), st.sampled_from(list(POSTS)), st.booleans())
STORY = st.lists(ACTS, min_size=1, max_size=14)


@pytest.fixture
def gathering(line: Line) -> Line:
    line.planner = line.planner_with(gather_scale=1)
    return line


def accept(line: Line, story: list[Act], world: str) -> list[str]:
    """One act after the other, a second apart."""
    events = []
    for act in story:
        line.clock.move(seconds=1)
        events.append(line.accept(act.type, **act.data(world)))
    return events


def world(line: Line) -> str:
    name = f"-{next(NUMBERS)}"
    line.people(*[person + name for person in PEOPLE])
    return name


def of_world(line: Line, table: Any, name: str) -> list[Any]:
    with line.database.read() as connection:
        return list(connection.execute(select(table).where(table.user_id.endswith(name))))


def live(line: Line, name: str) -> dict[str, str]:
    """Every event that is told and stands, with its person and what it folds with; by its place in the story."""
    with line.database.read() as connection:
        rows = connection.execute(
            select(NotificationEvent.event_id, NotificationEvent.user_id, Notification.fold)
            .join(Notification, Notification.id == NotificationEvent.notification_id)
            .where(NotificationEvent.user_id.endswith(name), NotificationEvent.undone_at.is_(None))
        )
        return {
            f"{event}/{user.removesuffix(name)}": fold.partition("@")[0].removesuffix(name)
            for event, user, fold in rows
        }


@SOME
@given(STORY, st.randoms(use_true_random=False))
def test_in_whatever_order_it_is_planned_the_same_stands_in_the_end(gathering: Line, story: list[Act], random: Any):
    found = []
    without_blocks = [act for act in story if act.verb != "block"]  # what is blocked depends on when it is asked
    for shuffled in (False, True):
        name = world(gathering)
        events = accept(gathering, without_blocks, name)
        planned = random.sample(events, len(events)) if shuffled else events
        for event in planned:
            gathering.plan([event])
        places = {event: str(place) for place, event in enumerate(events)}
        found.append({places[key[:36]] + key[36:]: fold for key, fold in live(gathering, name).items()})
    assert found[0] == found[1]
    assert gathering.books().balanced


@SOME
@given(STORY)
def test_planning_again_changes_nothing(gathering: Line, story: list[Act]):
    name = world(gathering)
    events = accept(gathering, story, name)
    gathering.plan(events)
    before = of_world(gathering, Delivery, name), of_world(gathering, NotificationEvent, name)
    assert gathering.plan(events) == []
    assert (of_world(gathering, Delivery, name), of_world(gathering, NotificationEvent, name)) == before


@SOME
@given(STORY)
def test_nobody_is_told_of_own_acts_or_by_one_whom_they_have_blocked(gathering: Line, story: list[Act]):
    name = world(gathering)
    blocked: set[tuple[str, str]] = set()
    for act in story:
        [event] = accept(gathering, [act], name)
        gathering.plan([event])
        actor = act.who + name
        told = [row for row in of_world(gathering, NotificationEvent, name) if row.event_id == event]
        assert actor not in {row.user_id for row in told}
        by_id = {row.id: row for row in of_world(gathering, Notification, name)}
        for row in told:
            reasons = {
                each.reason
                for each in of_world(gathering, Delivery, name)
                if each.notification_id == row.notification_id
            }
            if (row.user_id, actor) in blocked:
                assert reasons == {Reason.BLOCKED}
                assert by_id[row.notification_id].feed_at is None
        if act.verb == "block":
            pair = (actor, act.data(name)["object"]["id"])
            blocked = blocked - {pair} if act.undone else blocked | {pair}


@SOME
@given(STORY)
def test_taking_everything_back_leaves_nothing_to_send_and_nothing_unread(gathering: Line, story: list[Act]):
    name = world(gathering)
    gathering.plan(accept(gathering, story, name))
    undone = [Act(act.verb, act.who, act.what, undone=True) for act in story]
    gathering.plan(accept(gathering, undone, name))
    rows = of_world(gathering, Delivery, name)
    assert [row for row in rows if row.state in UNFINISHED] == []
    unread = [row for row in of_world(gathering, Notification, name) if row.feed_at and not row.undone_at]
    assert unread == []
    assert gathering.books().balanced
    gathering.clock.move(minutes=1)


def test_events_are_not_lost_where_their_people_are_of_one_world(gathering: Line):
    """The strategies above really tell people of something."""
    name = world(gathering)
    story = [Act("like", who, "p1", undone=False) for who in PEOPLE]
    gathering.plan(accept(gathering, story, name))
    assert set(live(gathering, name).values()) == {"like:p1"}
    with gathering.database.read() as connection:
        assert connection.scalar(select(Event.planned_at).where(Event.type == "like.created").limit(1)) is not None
