"""Dead letters: by their cause, without those that were sent again or put away."""

import pytest

from notifier.policy.words import Reason, State
from notifier.store import dead
from notifier.store.database import Database
from notifier.store.dead import Cause, DeadLetters, Group
from notifier.store.log import Filter, Log
from notifier.store.operate import Operate
from tests.store.past import NOW, Past, ago


@pytest.fixture
def past(database: Database) -> Past:
    return Past(database)


def failed(past: Past, days: float, channel: str = "email", reason: Reason = Reason.GAVE_UP, code: str = "421") -> str:
    return past.told(ago(days), (channel, State.FAILED, reason), last_code=code)[0]


def groups(past: Past) -> list[Group]:
    with past.database.read() as connection:
        return DeadLetters(connection).groups()


def test_each_cause_stands_once_with_its_first_and_last(past: Past):
    past.told(ago(9), ("email", State.SENT), ("push", State.CANCELLED, Reason.READ))
    first, _, last = (failed(past, days) for days in (8, 7, 6))
    gone = failed(past, 5, "push", Reason.ADDRESS_GONE, "410")
    without = failed(past, 4, "email", Reason.EXPIRED, "")
    found = {one.cause: (one.count, one.first, one.last, one.more) for one in groups(past)}
    assert found == {
        Cause("email", Reason.GAVE_UP, "421"): (3, first, last, False),
        Cause("push", Reason.ADDRESS_GONE, "410"): (1, gone, gone, False),
        Cause("email", Reason.EXPIRED, ""): (1, without, without, False),
    }
    assert next(one.cause for one in groups(past)) == Cause("email", Reason.GAVE_UP, "421")


def test_what_was_sent_again_is_dead_no_more(past: Past):
    one, other = failed(past, 3), failed(past, 2)
    with past.database.write() as connection:
        Operate(connection).retry(Filter(ids=(one,)), 10, NOW)
    assert [(group.count, group.last) for group in groups(past)] == [(1, other)]


def test_what_was_put_away_stays_failed_and_what_fails_afterwards_is_shown(past: Past):
    away = [failed(past, 3), failed(past, 2)]
    with past.database.write() as connection:
        DeadLetters(connection).put_away(groups(past)[0], "ann", "a known outage", NOW)
    assert groups(past) == []
    with past.database.read() as connection:
        assert DeadLetters(connection).group(Cause("email", Reason.GAVE_UP, "421")) is None
        assert {entry.state for entry in Log(connection).several(away)} == {State.FAILED}
    late = failed(past, 1)
    [group] = groups(past)
    assert (group.count, group.first) == (1, late)
    with past.database.read() as connection:
        assert [entry.id for entry in Log(connection).rows(group.wanted, 10)] == [late]
    with past.database.write() as connection:
        DeadLetters(connection).put_away(group, "bob", "again", NOW)
    assert groups(past) == []


def test_only_so_many_of_a_cause_are_looked_at(past: Past, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dead, "LOOKED_AT", 2)
    all_ = [failed(past, days) for days in (5, 4, 3)]
    [group] = groups(past)
    assert (group.count, group.more, group.last) == (2, True, all_[-1])
    with past.database.write() as connection:
        Operate(connection).retry(Filter(ids=tuple(all_[1:])), 10, NOW)
    assert [(group.count, group.last) for group in groups(past)] == [(1, all_[0])]
    late = failed(past, 1)
    with past.database.write() as connection:
        Operate(connection).retry(Filter(ids=(late,)), 10, NOW)
    [group] = groups(past)  # those behind may be left, so it does not vanish
    assert (group.count, group.more) == (0, True)


def test_a_window_leaves_out_what_is_older(past: Past):
    failed(past, 3)
    new = failed(past, 0.5)
    with past.database.read() as connection:
        [group] = DeadLetters(connection).groups(ago(1))
    assert (group.count, group.first) == (1, new)
