"""Planning: once, whoever plans; nothing lost where planners meet or die."""

import json
import threading
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from notifier.pipeline import plan as planning_step
from notifier.pipeline.plan import Planner, PlanSettings
from notifier.policy.catalogue import read_catalogue
from notifier.policy.queues import QUEUES
from notifier.store.database import Database, DatabaseAway
from notifier.store.models import Notification, NotificationEvent
from notifier.store.planning import Planning, Progress
from tests.pipeline.line import Line, at_once


def told(line: Line) -> list[tuple[str, str]]:
    with line.database.read() as connection:
        rows = connection.execute(select(NotificationEvent.event_id, NotificationEvent.user_id))
        return sorted((row.event_id, row.user_id) for row in rows)


def notifications(line: Line) -> int:
    with line.database.read() as connection:
        return len(connection.execute(select(Notification.id)).all())


def likes(line: Line, count: int, of: str = "post-1") -> list[str]:
    return [line.accept("like.created", actor={"id": f"u{n}"}, object={"id": of, "owner": "bob"}) for n in range(count)]


def test_a_plan_made_twice_is_one_plan(line: Line):
    line.people("bob")
    events = line.comments(3)
    assert len(line.plan(events)) == 3
    assert line.plan(events) == []
    assert len(line.deliveries()) == 3
    assert line.books().balanced


def test_many_planners_of_the_same_events_at_once_make_one_plan(line: Line):
    line.people("bob")
    events = line.comments(40)
    ready = at_once(*[lambda: line.plan(events)] * 8)
    assert sum(map(len, ready)) == 40
    assert len(line.deliveries()) == 40
    assert line.books().balanced


def test_planners_that_join_one_gathering_at_once_lose_and_double_nothing(line: Line):
    line.people("bob")
    events = likes(line, 48)
    gathering = line.planner_with(gather_scale=1)
    at_once(*[lambda some=events[n::12]: line.plan(some, gathering) for n in range(12)])
    assert told(line) == sorted((event, "bob") for event in events)
    assert notifications(line) == 1
    assert len(line.deliveries()) == 1
    assert line.books().balanced
    with line.database.read() as connection:
        assert connection.scalar(select(Notification.total)) == 48


def test_gatherings_of_several_people_in_opposite_orders_do_not_deadlock(line: Line):
    people = [f"p{n}" for n in range(8)]
    line.people(*people)
    gathering = line.planner_with(gather_scale=1)
    events = [
        line.accept("like.created", actor={"id": f"u{n}"}, object={"id": "post-1"}, to=people[:: (-1) ** n])
        for n in range(24)
    ]
    at_once(*[lambda some=events[n::8]: line.plan(some, gathering) for n in range(8)])
    assert len(told(line)) == 24 * 8
    assert notifications(line) == 8
    assert line.books().balanced


def test_a_claim_that_closes_a_gathering_while_others_join_loses_nobody(line: Line):
    line.people("bob")
    # The mail of a like waits for the digest; a follow's goes out when its gathering ends.
    events = [line.accept("follow.created", actor={"id": f"u{n}"}, object={"id": "bob"}) for n in range(40)]
    gathering = line.planner_with(gather_scale=1)
    line.plan(events[:1], gathering)
    line.clock.move(seconds=61)
    [due] = line.sweep().deliveries
    line.clock.move(seconds=-2)  # the others still see it open
    at_once(
        lambda: line.sender.send([due.id]),
        *[lambda some=events[n::6]: line.plan(some, gathering) for n in range(1, 6)],
        lambda: line.plan(events[6::6], gathering),
    )
    line.clock.move(minutes=2)
    line.sender.send([one.id for one in line.sweep().deliveries])
    in_letters = sorted(event.id for letter in line.post.letters for event in letter.notice.events)
    assert in_letters == sorted(events)
    assert line.books().balanced


def test_the_first_event_of_a_gathering_sets_the_time(line: Line):
    line.people("bob")
    gathering = line.planner_with(gather_scale=1)
    for person in ("u1", "u2", "u3"):
        line.plan([line.accept("follow.created", actor={"id": person}, object={"id": "bob"})], gathering)
        line.clock.move(seconds=20)
    assert notifications(line) == 1
    assert [row.due_at - line.clock() for row in line.deliveries()] == [timedelta(0)]


def test_an_event_for_more_people_than_fit_into_one_transaction_tells_each_once(line: Line):
    event = line.accept("mention.created", to=[f"p{n}" for n in range(2 * planning_step.CHUNK + 5)])
    assert [len(part) for part in line.planner.plan([event])] == [0, 0, 0]  # nobody of them has an address
    assert len(told(line)) == 2 * planning_step.CHUNK + 5
    books = line.books()
    assert (books.balanced, books.planned) == (True, 1)


def test_a_planner_that_dies_between_two_transactions_is_taken_over_where_it_stopped(line: Line):
    line.people("p0", f"p{planning_step.CHUNK + 4}")
    event = line.accept("mention.created", to=[f"p{n}" for n in range(planning_step.CHUNK + 5)])
    died = line.planner.plan([event])
    assert len(next(died)) == 1
    died.close()
    books = line.books()
    assert (books.unplanned, books.balanced) == (1, True)
    assert [one.channel for one in line.plan([event])] == ["email"]
    assert len(told(line)) == planning_step.CHUNK + 5
    assert len(line.deliveries()) == planning_step.CHUNK + 5
    assert line.books().unplanned == 0


def planning_at(connection: Connection, line: Line) -> Planning:
    return Planning(connection, line.clock(), {queue: line.clock() for queue in QUEUES})


def test_a_plan_whose_transaction_fails_at_its_end_leaves_nothing(line: Line):
    line.people("bob")
    [event] = line.comments(1)

    def die_at_the_end(connection: Connection) -> None:
        planning_at(connection, line).store([], [Progress(event, 1, "", line.clock())])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        line.database.transact(die_at_the_end)
    assert line.books().unplanned == 1
    assert len(line.plan([event])) == 1


def test_two_planners_of_one_large_event_share_the_work(line: Line):
    event = line.accept("mention.created", to=[f"p{n}" for n in range(3 * planning_step.CHUNK)])
    at_once(*[lambda: line.plan([event])] * 3)
    assert len(told(line)) == 3 * planning_step.CHUNK
    assert line.books().balanced


def test_an_event_that_cannot_be_planned_is_kept_and_does_not_hold_up_the_others(line: Line):
    line.people("bob")
    events = line.comments(2)
    broken = line.accept_raw(json.dumps({"actor": {"id": "ana"}}).encode())
    events += line.comments(2)
    assert len(line.plan([*events[:2], broken, *events[2:]])) == 4
    assert line.books().unplanned == 1


def test_planners_that_lock_each_other_out_try_again(line: Line):
    if line.database.on_sqlite:
        pytest.skip("SQLite has one writer at a time: nobody can lock another out")
    line.people("bob")
    first, second = line.comments(2)
    gate = threading.Barrier(2)
    tries = []

    def cross(one: str, other: str) -> None:
        def work(connection: Connection) -> None:
            tries.append(one)
            planning = planning_at(connection, line)
            planning.store([], [Progress(one, 0, "", None)])
            if len(tries) <= 2:
                gate.wait()
            planning.store([], [Progress(other, 0, "", None)])

        line.database.transact(work)

    at_once(lambda: cross(first, second), lambda: cross(second, first))
    assert len(tries) == 3


def test_a_database_that_is_away_is_said_to_be(line: Line):
    url = "sqlite:////nowhere/at.all" if line.database.on_sqlite else "postgresql+psycopg://x@127.0.0.1:1/x"
    away = Line(Database(url))
    with pytest.raises(DatabaseAway):
        away.plan(["evt_" + "0" * 32])
    with pytest.raises(DatabaseAway):
        away.accept()


def test_what_folds_with_nothing_is_not_gathered_with_others_of_no_fold(line: Line):
    line.people("bob")
    text = """
    types.poke = {email = "instant", gather = 60}
    types.wave = {email = "instant", gather = 60, fold = "target"}
    """
    planner = Planner(line.database, read_catalogue(text), PlanSettings(("feed",), ("push",), 1), line.clock)
    ready = line.plan([line.accept(f"{type_}.created", to=["bob"]) for type_ in ("poke", "poke", "wave")], planner)
    rows = line.deliveries()
    assert sorted(row.type for row in rows) == ["poke.created", "poke.created", "wave.created"]
    assert {one.id for one in ready} == {row.id for row in rows}
