"""The whole path of an event without processes and broker: a real database, a clock to set, and a channel to watch."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, text, update

from notifier.app.home import CATALOGUE
from notifier.channels import Address, Answer, Notice, Report
from notifier.pipeline.digests import DigestBuilder
from notifier.pipeline.plan import Planner, PlanSettings
from notifier.pipeline.record import Recorder
from notifier.pipeline.send import Sender, SendSettings
from notifier.pipeline.sweep import Overdue, Sweeper
from notifier.policy.catalogue import read_catalogue
from notifier.policy.choices import CAP, PAUSED_UNTIL, QUIET_HOURS, Author
from notifier.policy.outcomes import Delivered, Outcome
from notifier.policy.queues import QUEUES
from notifier.store.books import Books, count_books
from notifier.store.choices import Choices
from notifier.store.database import Database
from notifier.store.intake import Intake, NewEvent
from notifier.store.models import Attempt, Delivery, Notification, Relation, User
from notifier.store.people import People
from notifier.store.planning import Planned
from notifier.store.sql import AnyRow
from notifier.store.types import new_id

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
LEASE = timedelta(seconds=60)
APP = new_id("app")


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Letter:
    """What the post office takes."""

    delivery_id: str
    notice: Notice


class PostOffice:
    """A channel whose provider is this object: it notes each letter and answers what it is told to."""

    name = "email"
    perishable = False
    replaces = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.letters: list[Letter] = []
        self.answer: Callable[[Letter], Outcome] = lambda _: Delivered("250")
        self.between: Callable[[], object] = lambda: None  # called before each letter is taken

    def render(self, notice: Notice, now: datetime) -> Letter:  # noqa: ARG002 (the protocol's)
        return Letter(notice.delivery_id, notice)

    def send(self, messages: Iterable[Letter], report: Report) -> None:
        for letter in messages:
            self.between()
            self.letters.append(letter)
            report(Answer(letter.delivery_id, self.answer(letter), self._clock(), 1))

    def origin(self, address: Address) -> str:  # noqa: ARG002 (the protocol's)
        return "post-office"

    def masked(self, address: Address) -> str:  # noqa: ARG002 (the protocol's)
        return "•"

    def close(self) -> None:
        return


def _named(body: bytes) -> list[str]:
    try:
        data = json.loads(body)
    except ValueError:
        return ["", "", ""]
    return [(data.get(name) or {}).get("id", "") for name in ("actor", "object", "target")]


class Line:
    """All the steps over one database. `sender()` makes one more process's worth of sending."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.app = APP
        self.clock = Clock()
        self.post = PostOffice(self.clock)
        # Without caps: those who want many messages at once would wait for an hour.
        self.catalogue = replace(read_catalogue(CATALOGUE.read_text()), caps={})
        self.planner = self.planner_with(gather_scale=0)
        self.sweeper = Sweeper(database, self.catalogue, self.clock)
        self.builder = DigestBuilder(database, self.catalogue, ("email", "push"), ("push",), self.clock)
        self.sender = self.new_sender()

    def planner_with(self, gather_scale: float) -> Planner:
        return Planner(self.database, self.catalogue, PlanSettings(("feed",), ("push",), gather_scale), self.clock)

    def new_sender(
        self, *, lease: timedelta = LEASE, clock: Callable[[], datetime] | None = None, channel: str = "email"
    ) -> Sender:
        clock = clock or self.clock
        recorder = Recorder(self.database, worker="w", lease=lease, clock=clock)
        settings = SendSettings(lease=lease, retry_scale=0.5, public_url="http://x", link_secret=b"k" * 32)
        return Sender(self.database, {channel: self.post}, self.catalogue, recorder, settings, clock)

    def people(self, *ids: str) -> None:
        """People with a mailbox."""
        with self.database.write() as connection:
            for person in ids:
                People(connection).save(person, {"name": person}, self.clock())
                People(connection).set_mailbox(person, f"{person}@app.example", self.clock())

    def device(self, person: str) -> None:
        """A browser of theirs, which nobody decrypts for."""
        with self.database.write() as connection:
            value = json.dumps({"endpoint": f"https://push.example/{person}", "p256dh": "", "auth": ""})
            People(connection).add_device(person, value, fingerprint=person, key_id="", now=self.clock())

    def choose(self, person: str, type_: str, **cadences: str) -> None:
        """What a person wants to hear of a type, channel by channel."""
        wishes = {(f"{type_}.created", channel): cadence for channel, cadence in cadences.items()}
        with self.database.write() as connection:
            Choices(connection).change({person: wishes}, Author(APP, "api"), self.clock())

    def wish(self, person: str, **wishes: str | None) -> None:
        """When a person wants to hear (`quiet_hours`, `paused_until`), or how often they want mail (`cap_per_hour`)."""
        whats = {"quiet_hours": QUIET_HOURS, "cap_per_hour": (CAP, "email"), "paused_until": PAUSED_UNTIL}
        with self.database.write() as connection:
            chosen = {whats[name]: value for name, value in wishes.items()}
            Choices(connection).change({person: chosen}, Author(APP, "api"), self.clock())

    def accept(self, type_: str = "comment.created", *, at: datetime | None = None, **data: Any) -> str:
        """Take an event in, which occurred now or `at` some moment; its id."""
        whole = {"actor": {"id": "ana"}, "object": {"id": "o-1"}} | data
        kind = self.catalogue.find(type_)
        return self.accept_raw(json.dumps(whole).encode(), kind.name if kind else type_, at=at)

    def accept_raw(self, body: bytes, type_: str = "comment.created", *, at: datetime | None = None) -> str:
        event, now = new_id("evt"), self.clock()
        times = {"occurred_at": at or now, "accepted_at": now, "due_at": now + timedelta(seconds=2)}
        Intake(self.database).accept(NewEvent(event, self.app, event, b"h" * 32, type_, *_named(body), body, **times))
        return event

    def rhythm(self, person: str, **columns: object) -> None:
        """When a person wants to hear: `quiet_start="22:00"`, `quiet_end`, `timezone`, `digest_time`, `caps`."""
        with self.database.write() as connection:
            connection.execute(update(User).where(User.id == person).values(**columns))

    def relate(self, person: str, kind: str, other: str) -> None:
        """Let a person block or mute, as an app's call does."""
        with self.database.write() as connection:
            row = {"user_id": person, "kind": kind, "other": other, "created_at": self.clock()}
            connection.execute(insert(Relation).values(row))

    def read(self, delivery: str) -> None:
        """The person reads what this delivery is to tell, on some other channel, just before it goes out."""
        with self.database.write() as connection:
            its = select(Delivery.notification_id).where(Delivery.id == delivery).scalar_subquery()
            now = self.clock()
            connection.execute(update(Notification).where(Notification.id == its).values(read_at=now, ended_at=now))

    def comments(self, count: int, to: str = "bob") -> list[str]:
        return [self.accept(target={"id": "p", "owner": to}) for _ in range(count)]

    def plan(self, events: Sequence[str], planner: Planner | None = None) -> list[Planned]:
        return [one for ready in (planner or self.planner).plan(events) for one in ready]

    def planned(self, count: int, to: str = "bob") -> list[str]:
        """So many planned comments; the ids of the deliveries that can go out."""
        self.people(to)
        return [one.id for one in self.plan(self.comments(count, to))]

    def sweep(self) -> Overdue:
        """What a sweep over all queues takes. The question that comes before it must not miss any of it."""
        is_anything_due = self.sweeper.is_anything_due()
        overdue = self.overdue()
        assert is_anything_due or overdue == Overdue()
        return overdue

    def overdue(self) -> Overdue:
        """The same among others, who make things due at any moment."""
        found = [self.sweeper.deliveries(queue) for queue in QUEUES]
        return Overdue(
            tuple(event for queue in QUEUES for event in self.sweeper.events(queue).events),
            tuple(one for each in found for one in each.deliveries),
            tuple(one for each in found for one in each.lost),
        )

    def digests(self) -> list[Planned]:
        """The digests whose hour has come, built; their messages."""
        return self.builder.build(self.due_digests())

    def due_digests(self) -> list[str]:
        """What the tick rings for."""
        return [one for ids in self.builder.due() for one in ids]

    def deliver(self, channel: str = "email") -> list["Letter"]:
        """Build the digests and sweep, and send all that is due on the channel; the letters that went out."""
        before = len(self.post.letters)
        built = self.digests()
        overdue = self.sweep()
        due = [one.id for one in (*built, *overdue.deliveries, *overdue.lost) if one.channel == channel]
        self.new_sender(channel=channel).send(due)
        return self.post.letters[before:]

    def deliveries(self, channel: str = "email") -> list[AnyRow]:
        with self.database.read() as connection:
            return list(connection.execute(select(Delivery).where(Delivery.channel == channel).order_by(Delivery.id)))

    def delivery(self, id: str) -> AnyRow:
        return next(row for row in self.deliveries() if row.id == id)

    def outcomes(self, delivery: str) -> list[str]:
        """The outcomes of its attempts, oldest first."""
        with self.database.read() as connection:
            query = select(Attempt.outcome).where(Attempt.delivery_id == delivery).order_by(Attempt.id)
            return list(connection.scalars(query))

    def books(self) -> Books:
        with self.database.read() as connection:
            return count_books(connection)


def until_somebody_waits(database: Database) -> None:
    """Wait until a transaction waits for what another one has locked; on PostgreSQL alone."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    until = time.monotonic() + 10
    while True:
        with database.read() as connection:
            if connection.scalar(text(waits)):
                return
        assert time.monotonic() < until, "nobody waits for anybody"


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run them in threads that all start at the same moment; their results."""
    gate = threading.Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        gate.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(begin, works))
