"""Everybody at once: planners, ticks, workers and people who change their minds, in threads over one database."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, event, func, select

from notifier.pipeline.steering import Steering
from notifier.policy.choices import QUIET_HOURS, TIME, WEEKDAY, WEEKDAYS, Author
from notifier.policy.outcomes import Deferred, Delivered, Outcome
from notifier.policy.steering import Which
from notifier.policy.words import UNFINISHED, Cadence
from notifier.store.choices import Choices
from notifier.store.database import DatabaseAway
from notifier.store.marking import Marking
from notifier.store.marking import Which as Items
from notifier.store.models import BUILT, IS_UNBUILT, Delivery, Digest, Event, Notification
from notifier.store.operate import Operate
from notifier.store.people import People
from tests.pipeline.line import APP, Letter, Line, at_once

PEOPLE = ("bob", "cara", "dan")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Pacific/Kiritimati", "Pacific/Honolulu")
TYPES = ("like", "share")
CADENCES = ("hourly", "daily", "daily", "daily", "weekly", "weekly", "instant", "off")
# Nobody dies here while sending, and the clock leaps: no claim may be taken for lost.
FOREVER = timedelta(days=1_000)


@contextmanager
def unlike_pace() -> Iterator[None]:
    """Let statements wait for a few milliseconds now and then, so that transactions meet at every place."""

    def wait(*_: object) -> None:
        if random.random() < 0.3:
            time.sleep(random.uniform(0, 0.01))

    event.listen(Engine, "before_cursor_execute", wait)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", wait)


@dataclass
class Tickets:
    """What the broker would carry, in any order, now and then twice and now and then not at all."""

    chance: random.Random
    waiting: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, ids: Sequence[str]) -> None:
        with self.lock:
            self.waiting += [one for one in ids for _ in range(self.chance.choice((0, 1, 1, 1, 2)))]

    def take(self, most: int) -> list[str]:
        with self.lock:
            self.chance.shuffle(self.waiting)
            taken, self.waiting = self.waiting[:most], self.waiting[most:]
            return sorted(set(taken))


class Hammer:
    """One run of so many rounds: in each, some things are done at the same moment, often when a digest is due.

    `seed` decides which, the machine in what order they come about.
    """

    def __init__(self, line: Line, seed: int, *, rounds: int = 40, threads: int = 6) -> None:
        self.line, self.clock, self.rounds, self.threads = line, line.clock, rounds, threads
        self.told: Counter[tuple[str, str]] = Counter()  # (event, person), of what the provider took
        self.letters: list[Letter] = []
        self.blocked: set[tuple[str, str]] = set()
        self.away = 0  # acts that the database did not take; their doers come again
        self._chance = random.Random(seed)
        self._events, self._sends, self._builds = (Tickets(random.Random(seed + n)) for n in (1, 2, 3))
        self._numbers = iter(range(10**9))
        self._lock = threading.Lock()
        self._failing = True
        line.post.answer = self._answer
        # One each, which threads share as those of a worker do.
        self._senders = {name: line.new_sender(lease=FOREVER, channel=name) for name in ("email", "push")}

    def run(self) -> None:
        """Let all threads act, then nobody but the service until everything is told."""
        for place, person in enumerate(PEOPLE):
            self.line.people(person)
            self.line.choose(person, "like", email=CADENCES[place], push="daily")
            if place % 2:
                self.line.device(person)
        for _ in range(self.rounds):
            self._happen(self._chance)
            if self._chance.random() < 0.5:
                self._reach_the_next_hour()
            with unlike_pace():
                at_once(*[self._one_act() for _ in range(self.threads)])
        self._failing = False
        self._settle()

    def _reach_the_next_hour(self) -> None:
        """Something is due now, and all that happens in this round happens to it."""
        self._plan(self._chance)
        with self.line.database.read() as connection:
            due = connection.scalar(select(func.min(Digest.due_at)).where(IS_UNBUILT))
        if due is not None:
            self.clock.now = max(self.clock(), due)
        self._tick(self._chance)

    # --- one thread

    def _one_act(self) -> Callable[[], None]:
        acts: dict[Callable[[random.Random], object], int] = {
            self._happen: 4,
            self._plan: 8,
            self._tick: 4,
            self._build: 10,
            self._sweep: 8,
            self._send: 8,
            self._pass_time: 2,
            self._steer: 4,
            self._choose: 5,
            self._move: 4,
            self._read: 4,
            self._take_back: 4,
            self._operate: 4,
            self._block: 2,
        }
        [act] = self._chance.choices(list(acts), list(acts.values()))
        chance = random.Random(self._chance.random())
        return lambda: self._do(act, chance)

    def _do(self, act: Callable[[random.Random], object], chance: random.Random) -> None:
        try:
            act(chance)
        except DatabaseAway:
            with self._lock:
                self.away += 1

    def _happen(self, chance: random.Random) -> None:
        """A few people like something, each for the first time."""
        for _ in range(chance.randint(1, 3)):
            with self._lock:
                number = next(self._numbers)
            post = {"id": f"post-{chance.randint(1, 4)}", "type": "post", "owner": chance.choice(PEOPLE)}
            post["id"] += post["owner"]
            actor = {"id": f"fan-{number % 7}-{number}"}
            self._events.put([self.line.accept(f"{chance.choice(TYPES)}.created", actor=actor, object=post)])

    def _plan(self, _: random.Random) -> None:
        self._sends.put([one.id for one in self.line.plan(self._events.take(5))])

    def _tick(self, _: random.Random) -> None:
        self._builds.put(self.line.due_digests())

    def _build(self, _: random.Random) -> None:
        self._sends.put([one.id for one in self.line.builder.build(self._builds.take(6))])

    def _sweep(self, _: random.Random) -> None:
        overdue = self.line.overdue()
        self._events.put(overdue.events)
        self._sends.put([one.id for one in (*overdue.deliveries, *overdue.lost)])

    def _send(self, _: random.Random) -> None:
        ids = self._sends.take(8)
        for channel in ("email", "push"):
            self._senders[channel].send(self._of(channel, ids))

    def _of(self, channel: str, ids: Sequence[str]) -> list[str]:
        with self.line.database.read() as connection:
            return list(
                connection.scalars(select(Delivery.id).where(Delivery.id.in_(ids), Delivery.channel == channel))
            )

    def _pass_time(self, chance: random.Random) -> None:
        with self._lock:
            self.clock.move(seconds=chance.choice((1, 61, 600, 3_600)))

    def _steer(self, chance: random.Random) -> None:
        steering = Steering(self.line.database, self.line.builder, self.clock)
        which = Which(chance.choice(("", "email", "push")), chance.choice((None, Cadence.DAILY, Cadence.HOURLY)))
        person, act = chance.choice(PEOPLE), chance.choice(("send", "send", "skip", "move"))
        # No two moments are the same on a real clock, not even those of two acts at once.
        with self._lock:
            self.clock.move(microseconds=1)
        if act == "send":
            steering.send(person, which, who="person")
        elif act == "skip":
            steering.skip(person, which, who="person")
        else:
            steering.move(person, which, self.clock() + timedelta(hours=chance.randint(1, 60)), who="person")

    def _choose(self, chance: random.Random) -> None:
        hour = f"{chance.randint(0, 23):02}:{chance.choice((0, 30)):02}"
        wishes: list[dict[Any, str | None]] = [
            {(f"{chance.choice(TYPES)}.created", "email"): chance.choice(CADENCES)},
            {("like.created", "push"): chance.choice(("daily", "hourly", "instant"))},
            {TIME: hour},
            {WEEKDAY: chance.choice(WEEKDAYS)},
            {QUIET_HOURS: chance.choice(("22:00–07:00", "12:00–14:00", None))},
            {("cap_per_hour", "email"): chance.choice(("0", "1", "20", None))},
        ]
        wish = {chance.choice(PEOPLE): chance.choice(wishes)}
        self._write(lambda tx: Choices(tx).change(wish, Author(APP, "api"), self.clock()))

    def _move(self, chance: random.Random) -> None:
        moved = {person: {"timezone": chance.choice(ZONES)} for person in chance.sample(PEOPLE, 2)}
        self._write(lambda tx: People(tx).save_all(moved, self.clock()))

    def _read(self, chance: random.Random) -> None:
        person = chance.choice(PEOPLE)
        with self.line.database.read() as connection:
            ids = list(connection.scalars(select(Notification.id).where(Notification.user_id == person)))
        items = Items(person, chance.sample(ids, min(len(ids), 2)))
        self._write(lambda tx: Marking(tx, self.clock()).read(items))

    def _take_back(self, chance: random.Random) -> None:
        with self.line.database.read() as connection:
            rows = connection.execute(select(Event.type, Event.actor, Event.object)).all()
        if rows:
            type_, actor, thing = chance.choice(rows)
            undone = type_.replace("created", "deleted")
            self._events.put([self.line.accept(undone, actor={"id": actor}, object={"id": thing})])

    def _operate(self, chance: random.Random) -> None:
        """An admin tries one that waits now, or cancels it."""
        with self.line.database.read() as connection:
            waits = list(connection.scalars(select(Delivery.id).where(Delivery.state == "waiting")))
        if waits:
            one, act = chance.choice(waits), chance.choice((Operate.hurry, Operate.cancel))
            self._write(lambda tx: act(Operate(tx), one, self.clock()))

    def _block(self, chance: random.Random) -> None:
        """Somebody of whom they heard, or will hear, is blocked for good."""
        with self.line.database.read() as connection:
            actors = list(connection.scalars(select(Event.actor)))
        if not actors:
            return
        pair = chance.choice(PEOPLE), chance.choice(actors)
        with self._lock:
            known = pair in self.blocked
            self.blocked.add(pair)
        if not known:
            self.line.relate(pair[0], "block", pair[1])

    def _write(self, work: Callable[[Connection], object]) -> None:
        self.line.database.transact(work)

    def _answer(self, letter: Letter) -> Outcome:
        with self._lock:
            if self._failing and self._chance.random() < 0.1:
                return Deferred("421", "later")
            self.letters.append(letter)
            notices = letter.notice.items or (letter.notice,)
            if "@" in letter.notice.address.value:
                self.told.update((event.id, letter.notice.person.id) for each in notices for event in each.events)
        return Delivered("250")

    # --- and afterwards

    def _settle(self) -> None:
        """Let the service work, and time go by, until nothing waits."""
        for _ in range(400):
            overdue = self.line.overdue()
            self.line.plan([*overdue.events, *self._events.take(10_000)])
            built = self.line.digests()
            ids = [one.id for one in (*built, *overdue.deliveries, *overdue.lost)]
            for channel in ("email", "push"):
                self._senders[channel].send(self._of(channel, ids))
            next_at = self._next_at()
            if next_at is None:
                return
            self.clock.now = max(self.clock() + timedelta(seconds=1), next_at)
        raise AssertionError(f"still unfinished: {self.unfinished()}")

    def _next_at(self) -> datetime | None:
        """When something is due next; raises where something waits and nothing ever will be."""
        with self.line.database.read() as connection:
            due = list(connection.scalars(select(Delivery.due_at).where(Delivery.state.in_(UNFINISHED))))
            due += connection.scalars(select(Digest.due_at).where(IS_UNBUILT))
            due += connection.scalars(select(Event.due_at).where(Event.planned_at.is_(None)))
        timed = [at for at in due if at is not None]
        assert timed or not due, f"nobody ever comes for these: {self.unfinished()}"
        return min(timed, default=None)

    def unfinished(self) -> list[Any]:
        """The deliveries and digests that have not come to an end."""
        with self.line.database.read() as connection:
            deliveries = connection.execute(select(Delivery).where(Delivery.state.in_(UNFINISHED))).all()
            return [*deliveries, *connection.execute(select(Digest).where(IS_UNBUILT)).all()]

    def built(self) -> list[Any]:
        """The digests that told something."""
        with self.line.database.read() as connection:
            return list(connection.execute(select(Digest).where(Digest.state == BUILT)))

    def actors(self) -> list[tuple[str, str]]:
        """Every event and who acted in it."""
        with self.line.database.read() as connection:
            return [(row.id, row.actor) for row in connection.execute(select(Event.id, Event.actor))]
