"""The figures: whatever is rolled up, purged, broken off and changed meanwhile, nothing is counted twice or lost."""

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from notifier.policy.retention import Retention
from notifier.policy.words import FINAL, UNFINISHED, Reason, State
from notifier.store.aged import Kept
from notifier.store.database import Database
from notifier.store.models import Delivery, Figure
from notifier.store.purging import Purging
from notifier.store.rolling import Rolling, Sum
from tests.store.past import NOW, STANDING, Past, end, store_told

KEPT = Retention(deliveries=3, failed=6, skipped=2, attempts=2, bodies=2, feed=5, events=6)
ENDS = {State.SENT: None, State.FAILED: Reason.REFUSED, State.CANCELLED: Reason.READ}
PLANNED = (
    ("email", State.WAITING),
    ("push", State.SKIPPED, Reason.NO_ADDRESS),
    ("feed", State.SENT),
    ("email", State.SENT, None, 1),
)
OPERATIONS = ("plan", "plan", "end", "end", "bounce", "roll_up", "look", "store", "purge", "broken_off", "later")

SEEDS, MOVES = 4, 50


class Killed(Exception):
    """The process died at this moment."""


@dataclass
class One:
    """A delivery as the test remembers it."""

    day: str
    channel: str
    state: State
    reason: Reason | None
    since: datetime  # when it was to go out, or did


@dataclass
class World:
    """A past, and what must be true of it."""

    past: Past
    deliveries: dict[str, One] = field(default_factory=dict)
    looked: Sum | None = None

    def plan(self, chance: random.Random) -> None:
        """Somebody is told of something on some of the channels."""
        now = self.past.now
        outcomes = tuple(chance.sample(PLANNED, chance.randint(1, len(PLANNED))))
        with self.past.database.write() as connection:
            made = store_told(
                connection, now, outcomes, user=chance.choice(["ana", "bob"]), events=chance.randint(1, 2)
            )
        for id_, (channel, state, *rest) in zip(made, outcomes, strict=True):
            reason = rest[0] if rest else None
            self.deliveries[id_] = One(f"{now:%F}", channel, state, reason, now)

    def end(self, chance: random.Random) -> None:
        """Something that waits comes to some end."""
        self._become(chance, UNFINISHED, chance.choice(list(ENDS)))

    def bounce(self, chance: random.Random) -> None:
        """A mail that was sent comes back."""
        self._become(chance, (State.SENT,), State.BOUNCED)

    def _become(self, chance: random.Random, before: tuple[State, ...], state: State) -> None:
        stored = self.past.ids(Delivery)
        found = [
            id_ for id_, one in self.deliveries.items()
            if one.state in before and one.channel not in STANDING and id_ in stored
        ]  # fmt: skip
        if not found:
            return
        id_, now = chance.choice(found), self.past.now
        with self.past.database.write() as connection:
            end(connection, id_, state, ENDS.get(state), now)
        since = now if state == State.SENT else self.deliveries[id_].since
        self.deliveries[id_] = replace(self.deliveries[id_], state=state, reason=ENDS.get(state), since=since)

    def roll_up(self, _: random.Random) -> None:
        self.past.roll_up()
        self.check_figures()

    def look(self, _: random.Random) -> None:
        """The first half of a roll-up, whose second half comes late or never."""
        with self.past.database.read() as connection:
            self.looked = Rolling(connection).look()

    def store(self, _: random.Random) -> None:
        found, self.looked = self.looked, None
        if found is not None and found.upto != found.since:
            with self.past.database.write() as connection:
                Rolling(connection).store(found)

    def purge(self, _: random.Random) -> None:
        self.past.purge()
        self.check_figures()
        for id_, one in self.deliveries.items():
            assert (id_ in self.past.ids(Delivery)) is not self.may_go(one), one

    def broken_off(self, chance: random.Random) -> None:
        """A purge that is killed after some of its transactions."""
        left = chance.randint(1, 6)

        def told(_: int) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise Killed

        with suppress(Killed):
            self.past.purger.purge(told)

    def later(self, chance: random.Random) -> None:
        self.past.now += timedelta(hours=chance.randint(1, 40))

    def check(self) -> None:
        """What holds at every moment."""
        books = self.past.books()
        assert books.balanced, books
        planned = Counter(one.channel for one in self.deliveries.values())
        assert {name: channel.accepted for name, channel in books.channels.items()} == planned
        gone = set(self.deliveries) - self.past.ids(Delivery)
        assert all(self.may_go(self.deliveries[id_]) for id_ in gone)

    def check_figures(self) -> None:
        """What holds after each roll-up."""
        ended = [one for one in self.deliveries.values() if one.state in FINAL]
        wanted = Counter((one.day, one.channel, str(one.state), one.reason or "") for one in ended)
        with self.past.database.read() as connection:
            rows = connection.execute(select(Figure)).all()
        assert {(row.day, row.channel, row.state, row.reason): row.counted for row in rows} == wanted
        assert all(0 <= row.purged <= row.counted for row in rows)

    def may_go(self, one: One) -> bool:
        """By the settings' own words, not by the code's."""
        if one.state in UNFINISHED:
            return False
        days = {State.FAILED: 6, State.BOUNCED: 6, State.SKIPPED: 2}.get(one.state, 3)
        if one.channel in STANDING and one.state == State.SENT:
            days = 5
        return one.since < self.past.now - timedelta(days=days)


@pytest.fixture
def world(database: Database) -> World:
    return World(Past(database, KEPT))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_counted_twice_or_lost(world: World, seed: int):
    chance = random.Random(seed)
    for _ in range(MOVES):
        getattr(world, chance.choice(OPERATIONS))(chance)
        world.check()
    world.roll_up(chance)
    world.purge(chance)


def test_a_late_roll_up_does_not_undo_a_newer_one(world: World):
    chance = random.Random(1)
    world.plan(chance)
    world.look(chance)
    world.end(chance)
    world.plan(chance)
    world.past.roll_up()
    world.store(chance)
    world.check_figures()


def test_what_ends_after_the_roll_up_is_purged_only_when_it_was_counted(world: World):
    """A bounce of something old must not go before its figure is right."""
    past = world.past
    with past.database.write() as connection:
        [sent] = store_told(connection, NOW - timedelta(days=50), (("email", State.SENT),), user="bob", events=1)
    past.roll_up()
    with past.database.write() as connection:
        end(connection, sent, State.BOUNCED, None, NOW)
    kept = Kept(KEPT.limits(NOW), STANDING)
    with past.database.write() as connection:
        day = f"{NOW - timedelta(days=50):%F}"
        assert Purging(connection, kept, NOW).deliveries(day, "", 100).purged.rows == 0
    past.purge()
    with past.database.read() as connection:
        [figure] = connection.execute(select(Figure)).all()
    assert (figure.state, figure.counted, figure.purged) == ("bounced", 1, 1)


def test_a_roll_up_looks_only_at_days_of_which_something_has_ended(world: World):
    past = world.past
    for days in (10, 5, 1):
        past.told(NOW - timedelta(days=days), ("email", State.SENT))
    [waiting] = past.told(NOW - timedelta(days=7), ("email", State.WAITING))
    assert past.roll_up().days == 10
    assert past.roll_up().days == 0
    with past.database.write() as connection:
        end(connection, waiting, State.SENT, None, NOW)
    with past.database.read() as connection:
        found = Rolling(connection).look()
    assert f"{NOW - timedelta(days=7):%F}" in found.days
    assert len(found.days) <= 2
