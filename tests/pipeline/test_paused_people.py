"""People who pause everything: nothing comes meanwhile, and what waited comes together when the pause ends."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.pipeline.steering import Steering
from notifier.policy.choices import pause_text
from notifier.policy.steering import Which
from notifier.policy.words import Reason, State
from tests.pipeline.line import START, Line
from tests.pipeline.test_bundles import comment, rows, standing, told

END = START + timedelta(days=7)


@pytest.fixture
def away(line: Line) -> Line:
    """Bob has paused everything for a week."""
    line.people("bob")
    line.wish("bob", paused_until=pause_text(END))
    return line


def like(line: Line, actor: str) -> str:
    return line.accept("like.created", actor={"id": actor}, object={"id": "post-1", "type": "post", "owner": "bob"})


def test_what_waited_comes_in_one_message_when_the_pause_ends(away: Line):
    away.plan([comment(away, f"u{n}", f"post-{n}") for n in range(5)])
    away.plan([away.accept("mention.created", actor={"id": "x"}, to=["bob"])])
    assert standing(away) == {(State.WAITING, Reason.SNOOZED)}
    assert {row.due_at for row in rows(away)} == {END}
    assert {row.state for row in away.deliveries("feed")} == {State.SENT}
    away.clock.now = END - timedelta(seconds=1)
    assert away.deliver() == []
    away.clock.now = END
    [letter] = away.deliver()
    assert told(letter) == ["u0", "u1", "u2", "u3", "u4", "x"]
    assert away.books().balanced


@pytest.mark.parametrize("end", [None, pause_text(START + timedelta(hours=2))])
def test_whoever_ends_the_pause_sooner_gets_it_sooner(away: Line, end: str | None):
    away.plan([comment(away, f"u{n}", f"post-{n}") for n in range(2)])
    away.clock.move(hours=1)
    away.wish("bob", paused_until=end)
    letters = away.deliver()
    if end:
        assert (letters, standing(away)) == ([], {(State.WAITING, Reason.SNOOZED)})
        away.clock.move(hours=1)
        letters = away.deliver()
    assert [told(letter) for letter in letters] == [["u0", "u1"]]
    assert standing(away) == {(State.SENT, None)}


def test_what_was_planned_before_the_pause_waits_as_well(line: Line):
    line.people("bob")
    planned = [one.id for one in line.plan([comment(line, "u0", "post-0")]) if one.channel == "email"]
    line.wish("bob", paused_until=pause_text(END))
    line.sender.send(planned)
    assert (line.post.letters, standing(line)) == ([], {(State.WAITING, Reason.SNOOZED)})
    line.clock.now = END
    assert len(line.deliver()) == 1


def test_a_digest_comes_at_its_hour_after_the_pause_or_when_it_is_asked_for(line: Line):
    line.people("bob")
    line.plan([like(line, "ana")])
    [open_] = rows(line)
    line.wish("bob", paused_until=pause_text(END))
    after = datetime(2026, 11, 29, 8, tzinfo=UTC)
    assert line.delivery(open_.id).wanted_at == after
    line.clock.now = after - timedelta(minutes=1)
    assert line.deliver() == []
    line.wish("bob", paused_until=None)
    line.clock.now = after
    [letter] = line.deliver()
    assert told(letter) == ["ana"]
    assert line.books().balanced


def test_a_digest_that_is_sent_by_hand_comes_in_the_pause(away: Line):
    away.plan([like(away, "ana")])
    Steering(away.database, away.builder, away.clock).send("bob", Which(), who="person")
    [letter] = away.deliver()
    assert told(letter) == ["ana"]


def test_a_night_that_covers_the_end_of_the_pause_holds_on(away: Line):
    away.plan([comment(away, "u0", "post-0"), comment(away, "u1", "post-1")])
    away.wish("bob", quiet_hours="08:00–12:00")
    away.clock.now = END
    assert away.deliver() == []
    away.clock.move(hours=2)
    assert [told(letter) for letter in away.deliver()] == [["u0", "u1"]]
