"""Bundles: what was held for a person comes out as one message, and shares its end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from notifier.channels import TemplateFault
from notifier.pipeline.sweep import Sweeper
from notifier.policy.outcomes import Deferred, Delivered, Gone, Refused
from notifier.policy.words import Reason, State
from notifier.store.claims import Claims
from notifier.store.log import Log
from notifier.store.models import Delivery
from notifier.store.operate import Operate
from notifier.store.people import People
from notifier.store.sql import AnyRow
from notifier.store.types import new_id
from tests.pipeline.line import APP, LEASE, Letter, Line, at_once

NIGHT = datetime(2026, 11, 21, 23, tzinfo=UTC)
MORNING = datetime(2026, 11, 22, 7, tzinfo=UTC)


def post(name: str, owner: str = "bob") -> dict[str, str]:
    return {"id": name, "type": "post", "owner": owner}


def comment(line: Line, actor: str, on: str, owner: str = "bob") -> str:
    return line.accept("comment.created", actor={"id": actor}, object={"id": f"c-{actor}"}, target=post(on, owner))


@pytest.fixture
def night(line: Line) -> Line:
    """It is night, and bob wants to hear nothing until seven."""
    line.people("bob")
    line.rhythm("bob", quiet_start="22:00", quiet_end="07:00")
    line.clock.now = NIGHT
    return line


def morning(line: Line, channel: str = "email") -> list[Letter]:
    line.clock.now = MORNING
    return line.deliver(channel)


def rows(line: Line, channel: str = "email") -> list[AnyRow]:
    return [row for row in line.deliveries(channel) if row.address_id]


def standing(line: Line, channel: str = "email") -> set[tuple[str, str | None]]:
    return {(row.state, row.reason) for row in rows(line, channel)}


def told(letter: Letter) -> list[str]:
    notices = letter.notice.items or (letter.notice,)
    return sorted(event.actor.id for notice in notices for event in notice.events)


def held(line: Line, count: int, *, on: str = "post") -> list[str]:
    """So many comments in the night, each on a post of its own; the deliveries, oldest first."""
    line.plan([comment(line, f"u{n:02}", f"{on}-{n}") for n in range(count)])
    return [row.id for row in rows(line)]


def test_twelve_things_of_a_night_go_out_as_one_mail_that_lists_them_all(night: Line):
    night.plan([comment(night, f"u{n:02}", "post-1") for n in range(8)])
    night.plan([comment(night, f"v{n}", "post-2") for n in range(2)])
    night.plan([night.accept("follow.created", actor={"id": "w"}, object={"id": "bob"})])
    night.plan([night.accept("mention.created", actor={"id": "x"}, to=["bob"])])
    assert standing(night) == {(State.WAITING, Reason.QUIET_HOURS)}
    [letter] = morning(night)
    assert [(item.type, len(item.events)) for item in letter.notice.items] == [
        ("mention.created", 1),
        ("follow.created", 1),
        ("comment.created", 2),
        ("comment.created", 8),
    ]
    assert standing(night) == {(State.SENT, None)}
    found = rows(night)
    assert {row.carried_by for row in found} == {None, found[0].id}
    assert len({row.change for row in found}) == 1
    assert {row.sent_at for row in found} == {MORNING}
    assert [len(night.outcomes(row.id)) for row in found] == [1] + [0] * 11
    with night.database.read() as connection:
        entry = Log(connection).delivery(found[3].id)
    assert entry is not None
    assert entry.carried_by == found[0].id
    assert night.books().balanced


def test_several_of_one_fold_are_one_notice(night: Line):
    night.plan([comment(night, f"u{n}", "post-1") for n in range(3)])
    [letter] = morning(night)
    assert (letter.notice.items, letter.notice.group) == ((), f"comment:post-1@{APP[-12:]}")
    assert [event.actor.id for event in letter.notice.events] == ["u0", "u1", "u2"]


def test_each_device_gets_one_push_that_tells_everything(night: Line):
    with night.database.write() as connection:
        for device in ("phone", "desk"):
            People(connection).add_device("bob", device, fingerprint=device, key_id="", now=night.clock())
    held(night, 3)
    letters = morning(night, "push")
    assert sorted(letter.notice.address.value for letter in letters) == ["desk", "phone"]
    assert [told(letter) for letter in letters] == [["u00", "u01", "u02"]] * 2
    assert standing(night, "push") == {(State.SENT, None)}


def test_other_people_and_what_is_not_due_stay_out_of_a_bundle(night: Line):
    night.people("eve")
    night.rhythm("eve", quiet_start="22:00", quiet_end="07:00")
    night.rhythm("bob", digest_time="08:00")
    held(night, 2)
    night.plan([comment(night, f"e{n}", f"other-{n}", "eve") for n in range(2)])
    night.plan([night.accept("like.created", actor={"id": "fan"}, object=post("post-9"))])
    assert sorted(told(letter) for letter in morning(night)) == [["e0", "e1"], ["u00", "u01"]]
    assert [row.reason for row in rows(night)][-1] == Reason.DIGEST


def test_what_joins_while_a_bundle_waits_is_told_in_it_and_what_comes_after_is_not(night: Line):
    gathering = night.planner_with(gather_scale=1)
    night.plan([night.accept("follow.created", actor={"id": "u0"}, object={"id": "bob"})], gathering)
    held(night, 1)
    night.clock.now = MORNING
    due = [one.id for one in night.sweep().deliveries]
    night.plan([night.accept("follow.created", actor={"id": "u1"}, object={"id": "bob"})], gathering)
    night.sender.send(due)
    night.plan([night.accept("follow.created", actor={"id": "u2"}, object={"id": "bob"})], gathering)
    assert [told(letter) for letter in night.post.letters] == [["u0", "u00", "u1"]]
    night.clock.move(minutes=2)
    assert [told(letter) for letter in night.deliver()] == [["u2"]]


@pytest.mark.parametrize(("outcome", "reason"), [(Refused("554"), Reason.REFUSED), (Gone("550"), Reason.ADDRESS_GONE)])
def test_what_the_carrier_comes_to_comes_to_all(night: Line, outcome: Refused | Gone, reason: Reason):
    held(night, 3)
    night.post.answer = lambda _: outcome
    morning(night)
    assert standing(night) == {(State.FAILED, reason)}
    assert {row.change is None for row in rows(night)} == {False}
    assert night.books().balanced


def test_a_message_that_cannot_be_made_fails_for_all(night: Line):
    held(night, 3)

    def render(*_: object) -> Letter:
        raise TemplateFault("no")

    night.post.render = render  # type: ignore[method-assign]
    morning(night)
    assert standing(night) == {(State.FAILED, Reason.TEMPLATE_ERROR)}


def test_an_address_that_is_gone_by_then_is_gone_for_all(night: Line):
    held(night, 3)
    with night.database.write() as connection:
        People(connection).drop_mailbox("bob", night.clock())
    assert morning(night) == []
    assert standing(night) == {(State.SKIPPED, Reason.NO_ADDRESS)}
    assert night.books().balanced


def test_a_bundle_that_is_put_off_goes_out_later_as_it_is(night: Line):
    first, *others = held(night, 3)
    night.post.answer = lambda _: Deferred("451")
    morning(night)
    assert night.delivery(first).reason == Reason.RETRY
    assert {(night.delivery(one).state, night.delivery(one).due_at) for one in others} == {(State.WAITING, None)}
    night.post.answer = lambda _: Delivered("250")
    night.clock.move(hours=1)
    assert [told(letter) for letter in night.deliver()] == [["u00", "u01", "u02"]]
    assert standing(night) == {(State.SENT, None)}
    assert night.books().balanced


def test_a_bundle_that_is_held_for_another_night_takes_along_what_came_meanwhile(night: Line):
    first, *_ = held(night, 3)
    night.post.answer = lambda _: Deferred("451", after=timedelta(hours=15, minutes=30), charged=False)
    morning(night)
    night.clock.now = NIGHT + timedelta(days=1)
    assert night.deliver() == []
    assert night.delivery(first).reason == Reason.QUIET_HOURS
    held(night, 5, on="late")
    night.post.answer = lambda _: Delivered("250")
    night.clock.now = MORNING + timedelta(days=1)
    assert [len(letter.notice.items) for letter in night.deliver()] == [8]
    assert standing(night) == {(State.SENT, None)}


def test_a_carrier_that_is_carried_itself_hands_on_what_it_carried(night: Line):
    ids = held(night, 4)
    night.clock.now = MORNING
    night.sweep()
    with night.database.write() as connection:  # as if the two oldest had not been due: the third carries the fourth
        columns = {"state": State.WAITING, "reason": Reason.QUIET_HOURS, "due_at": MORNING}
        connection.execute(update(Delivery).where(Delivery.id.in_(ids[:3])).values(carried_by=None, **columns))
        connection.execute(update(Delivery).where(Delivery.id == ids[3]).values(carried_by=ids[2]))
    assert [told(letter) for letter in night.deliver()] == [["u00", "u01", "u02", "u03"]]
    assert [row.carried_by for row in rows(night)] == [None, *[ids[0]] * 3]
    assert standing(night) == {(State.SENT, None)}


def test_those_that_are_unwanted_by_then_leave_and_the_others_go_out(night: Line):
    ids = held(night, 5)
    night.relate("bob", "block", "u01")
    night.read(ids[2])
    night.plan([night.accept("comment.deleted", actor={"id": "u03"}, object={"id": "c-u03"}, target=post("post-3"))])
    assert [told(letter) for letter in morning(night)] == [["u00", "u04"]]
    assert [(row.state, row.reason) for row in rows(night)] == [
        (State.SENT, None),
        (State.SKIPPED, Reason.BLOCKED),
        (State.CANCELLED, Reason.READ),
        (State.CANCELLED, Reason.TAKEN_BACK),
        (State.SENT, None),
    ]
    assert night.books().balanced


def test_where_the_carrier_itself_is_unwanted_the_others_find_another(night: Line):
    ids = held(night, 3)
    night.clock.now = MORNING
    due = [one.id for one in night.sweep().deliveries]
    night.relate("bob", "block", "u00")
    night.sender.send(due)
    assert night.delivery(ids[0]).reason == Reason.BLOCKED
    assert not night.post.letters
    assert [told(letter) for letter in night.deliver()] == [["u01", "u02"]]
    assert [row.carried_by for row in rows(night)] == [None, None, ids[1]]
    assert night.books().balanced


def test_where_the_carrier_is_taken_back_the_others_find_another(night: Line):
    held(night, 3)
    night.clock.now = MORNING
    night.sweep()
    night.plan([night.accept("comment.deleted", actor={"id": "u00"}, object={"id": "c-u00"}, target=post("post-0"))])
    assert [told(letter) for letter in night.deliver()] == [["u01", "u02"]]
    assert night.books().balanced


def test_a_bundle_whose_worker_died_is_sent_by_another_and_given_up_for_all_in_the_end(night: Line):
    ids = held(night, 3)
    night.clock.now = MORNING
    due = [one.id for one in night.sweep().deliveries]
    token = new_id("clm")
    night.database.transact(lambda tx: Claims(tx).claim(due, token, now=night.clock(), lease=LEASE))
    night.clock.move(seconds=61)
    assert [told(letter) for letter in night.deliver()] == [["u00", "u01", "u02"]]
    assert night.outcomes(ids[0]) == ["lost", "delivered"]
    assert standing(night) == {(State.SENT, None)}


def test_a_bundle_that_kills_every_worker_is_given_up_as_a_whole(night: Line):
    held(night, 3)
    night.clock.now = MORNING
    for _ in range(10):
        overdue = night.sweep()
        due = [one.id for one in (*overdue.deliveries, *overdue.lost)]
        token = new_id("clm")
        night.database.transact(lambda tx, ids=due, by=token: Claims(tx).claim(ids, by, now=night.clock(), lease=LEASE))
        night.clock.move(seconds=61)
    night.sweep()
    assert standing(night) == {(State.FAILED, Reason.GAVE_UP)}
    assert night.books().balanced


def test_a_late_answer_of_a_lost_claim_changes_nothing_of_what_was_carried(night: Line):
    held(night, 2)
    night.clock.now = MORNING
    due = [one.id for one in night.sweep().deliveries]

    def lose() -> None:
        night.clock.move(seconds=61)
        night.sweep()

    night.post.between = lose
    night.sender.send(due)
    assert {row.state for row in rows(night)} == {State.QUEUED, State.WAITING}
    night.post.between = lambda: None
    night.clock.move(seconds=10)
    night.deliver()
    assert standing(night) == {(State.SENT, None)}


def test_an_admin_who_cancels_a_carrier_frees_the_others_and_one_who_cancels_another_takes_it_out(night: Line):
    ids = held(night, 4)
    night.clock.now = MORNING
    night.sweep()
    with night.database.write() as connection:
        assert Operate(connection).cancel(ids[0], night.clock())
        assert Operate(connection).cancel(ids[2], night.clock())
    assert [told(letter) for letter in night.deliver()] == [["u01", "u03"]]
    assert {row.reason for row in rows(night) if row.state == State.CANCELLED} == {Reason.BY_ADMIN}
    assert {row.change is None for row in rows(night)} == {False}
    assert night.books().balanced


def test_what_is_on_its_way_in_another_message_can_be_neither_cancelled_nor_sent_twice(night: Line):
    ids = held(night, 2)
    asked = []

    def ask() -> None:
        with night.database.write() as connection:
            operate = Operate(connection)
            asked.append((operate.cancel(ids[1], night.clock()), operate.hurry(ids[1], night.clock())))

    night.post.between = ask
    morning(night)
    assert asked == [(False, True)]
    assert standing(night) == {(State.SENT, None)}
    assert night.deliver() == []


def test_one_that_an_admin_hurries_goes_out_by_itself(night: Line):
    ids = held(night, 3)
    night.clock.now = MORNING
    night.sweep()
    with night.database.write() as connection:
        assert Operate(connection).hurry(ids[1], night.clock())
    night.sender.send([ids[1], ids[0]])
    assert sorted(told(letter) for letter in night.post.letters) == [["u00", "u02"], ["u01"]]
    assert night.delivery(ids[1]).carried_by is None


def test_sweepers_at_once_make_one_bundle_for_each_person(night: Line):
    people = [f"p{n}" for n in range(12)]
    night.people(*people)
    for person in people:
        night.rhythm(person, quiet_start="22:00", quiet_end="07:00")
    night.plan([comment(night, f"{person}-{n}", f"{person}{n}", person) for person in people for n in range(3)])
    night.plan([night.accept("mention.created", actor={"id": "x"}, to=people)])
    night.clock.now = MORNING
    sweepers = [lambda queue=queue: night.sweeper.deliveries(queue).deliveries for queue in ("urgent", "default") * 3]
    due = [one.id for some in at_once(*sweepers) for one in some if one.channel == "email"]
    assert len(due) == 12
    night.sender.send(due)
    assert sorted(len(letter.notice.items) for letter in night.post.letters) == [4] * 12
    assert standing(night) == {(State.SENT, None)}


@pytest.fixture
def busy(line: Line) -> Line:
    """Bob wants three mails an hour at most, and got them."""
    line.people("bob")
    line.catalogue = replace(line.catalogue, caps={"email": 3})
    line.sweeper = Sweeper(line.database, line.catalogue, line.clock)
    line.planner = line.planner_with(gather_scale=0)
    line.sender.send([one.id for one in line.plan([comment(line, f"u{n}", f"post-{n}") for n in range(3)])])
    return line


def test_what_is_over_the_cap_comes_as_one_summary_when_there_is_room(busy: Line):
    busy.clock.move(minutes=10)
    busy.plan([comment(busy, f"v{n}", f"late-{n}") for n in range(5)])
    assert standing(busy) == {(State.SENT, None), (State.WAITING, Reason.CAPPED)}
    assert busy.deliver() == []
    busy.clock.move(minutes=51)
    assert [told(letter) for letter in busy.deliver()] == [["v0", "v1", "v2", "v3", "v4"]]
    assert standing(busy) == {(State.SENT, None)}
    assert busy.books().balanced


def over_again(line: Line) -> None:
    """Five comments over bob's cap, which at 11:01 still find no room."""
    line.clock.move(minutes=10)
    line.plan([comment(line, f"v{n}", f"late-{n}") for n in range(5)])
    line.clock.move(minutes=49)
    # A mention passes the cap, and takes the room.
    line.plan([line.accept("mention.created", object={"id": f"m{n}"}, to=["bob"]) for n in range(3)])
    line.clock.move(minutes=2)
    line.deliver()


def stop_daily(line: Line) -> None:
    """What the link of a daily digest does: all that is daily is turned off."""
    for name in ("like", "share", "post"):
        line.choose("bob", name, email="off")


def waits(line: Line) -> set[tuple[object, ...]]:
    found = [row for row in rows(line) if row.state == State.WAITING]
    return {(row.reason, row.rule, row.value, row.queue, row.wanted_at) for row in found}


def test_what_is_over_the_cap_and_finds_no_room_again_folds_into_the_digest(busy: Line):
    over_again(busy)
    due = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert waits(busy) == {(Reason.DIGEST, "cap", "3 an hour", "digest", due)}
    busy.clock.now = due
    assert told(busy.deliver()[-1]) == ["v0", "v1", "v2", "v3", "v4"]
    assert standing(busy) == {(State.SENT, None)}
    assert busy.books().balanced


@pytest.mark.parametrize("stopped_first", [True, False])
def test_whoever_stopped_the_daily_digest_gets_none_for_being_over_the_cap(busy: Line, stopped_first: bool):
    if stopped_first:
        stop_daily(busy)
    over_again(busy)
    if not stopped_first:
        stop_daily(busy)
        assert busy.deliver() == []
    room = datetime(2026, 11, 21, 11, 59, tzinfo=UTC)
    assert {(reason, value, at) for reason, _, value, _, at in waits(busy)} == {(Reason.CAPPED, "3 an hour", room)}
    busy.clock.now = room
    [letter] = busy.deliver()
    assert (told(letter), letter.notice.digest) == (["v0", "v1", "v2", "v3", "v4"], None)
    assert standing(busy) == {(State.SENT, None)}
    assert busy.books().balanced


def test_what_is_turned_off_while_it_is_over_the_cap_waits_for_no_digest(busy: Line):
    busy.clock.move(minutes=10)
    busy.plan([comment(busy, "v", "late")])
    busy.choose("bob", "comment", email="off")
    busy.clock.move(minutes=49)
    busy.plan([busy.accept("mention.created", object={"id": f"m{n}"}, to=["bob"]) for n in range(3)])
    busy.clock.move(minutes=2)
    busy.deliver()
    assert standing(busy) == {(State.SENT, None), (State.SKIPPED, Reason.PREFERENCE_OFF)}


def test_whoever_wants_none_at_once_and_stops_the_daily_digest_is_sent_nothing_for_it(busy: Line):
    busy.wish("bob", cap_per_hour="0")
    busy.plan([comment(busy, "v", "late"), busy.accept("like.created", actor={"id": "fan"}, object=post("post-9"))])
    stop_daily(busy)
    assert busy.deliver() == []
    due = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert waits(busy) == {(Reason.DIGEST, "cap", "0 an hour", "digest", due)}
    busy.choose("bob", "comment", email="off")
    assert busy.deliver() == []
    assert standing(busy) == {(State.SENT, None), (State.SKIPPED, Reason.PREFERENCE_OFF)}


def test_what_is_over_the_cap_goes_along_with_a_message_that_goes_out_anyway(busy: Line):
    busy.catalogue = replace(busy.catalogue, caps={"email": 0})
    busy.plan([busy.accept("like.created", actor={"id": "fan"}, object=post("post-9"))])
    busy.clock.now = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)
    busy.plan([busy.accept("mention.created", object={"id": f"m{n}"}, to=["bob"]) for n in range(3)])
    busy.plan([comment(busy, f"v{n}", f"late-{n}") for n in range(2)])
    with busy.database.write() as connection:
        capped = Delivery.reason == Reason.CAPPED
        connection.execute(update(Delivery).where(capped).values(due_at=datetime(2026, 11, 22, 8, tzinfo=UTC)))
    busy.clock.now = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert ["fan", "v0", "v1"] in [told(letter) for letter in busy.deliver()]


def test_whoever_ends_their_quiet_hours_gets_what_they_held_at_once_and_in_one_message(night: Line):
    held(night, 3)
    night.wish("bob", quiet_hours=None)
    [letter] = night.deliver()
    assert told(letter) == ["u00", "u01", "u02"]
    assert letter.notice.created_at == NIGHT
    assert night.books().balanced


def test_whoever_moves_to_a_zone_where_it_is_day_gets_what_the_night_held(night: Line):
    held(night, 3)
    with night.database.write() as connection:
        People(connection).save("bob", {"timezone": "Pacific/Honolulu"}, night.clock())
    [letter] = night.deliver()
    assert told(letter) == ["u00", "u01", "u02"]


def test_other_quiet_hours_hold_what_the_former_ones_held(night: Line):
    held(night, 3)
    night.wish("bob", quiet_hours="22:00–09:00")
    assert night.deliver() == []
    assert standing(night) == {(State.WAITING, Reason.QUIET_HOURS)}
    assert morning(night) == []
    night.clock.move(hours=2)
    [letter] = night.deliver()
    assert told(letter) == ["u00", "u01", "u02"]


def test_whoever_raises_their_cap_gets_what_it_held_at_once_and_in_one_message(busy: Line):
    busy.people("eve")
    busy.plan([comment(busy, f"v{n}", f"late-{n}") for n in range(5)])
    busy.wish("eve", cap_per_hour="100")
    assert busy.deliver() == []
    busy.wish("bob", cap_per_hour="100")
    assert [told(letter) for letter in busy.deliver()] == [["v0", "v1", "v2", "v3", "v4"]]
    assert busy.books().balanced
