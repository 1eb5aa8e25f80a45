"""Tickets: which step is to be run for which ids, on which queue. All that ever travels through the broker."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter

from notifier.policy.queues import QUEUES
from notifier.store.building import DIGEST
from notifier.store.planning import Planned

PLAN, BUILD, SEND, LINK, JOB, RENDER = "plan", "build", "send", "link", "job", "render"
MEDIA = "media"  # the queue
PLANS = 4  # events to plan in the place of one delivery to send
# Digests in one transaction. While it runs no other process records on SQLite what it has sent, and sends it again,
# should it die then.
BUILDS = 20


@dataclass(frozen=True, slots=True)
class Ticket:
    """One task: a step and the ids it is for."""

    step: str
    queue: str
    ids: tuple[str, ...]


def send_tickets(deliveries: Iterable[Planned], *, alone: bool = False) -> Iterator[Ticket]:
    """Deliveries of one channel and queue in chunks of that queue's size, or each `alone`."""
    together = attrgetter("queue", "channel")
    for (queue, _channel), group in groupby(sorted(deliveries, key=together), key=together):
        for chunk in chunks((delivery.id for delivery in group), 1 if alone else QUEUES[queue].chunk):
            yield Ticket(SEND, queue, chunk)


def plan_tickets(events: Iterable[str], queue: str) -> Iterator[Ticket]:
    """Events to plan, some times as many as deliveries to send: nobody outside is asked, one transaction plans many."""
    for chunk in chunks(events, PLANS * QUEUES[queue].chunk):
        yield Ticket(PLAN, queue, chunk)


def build_tickets(digests: Iterable[str]) -> Iterator[Ticket]:
    """Digests to build, as many as one short transaction takes."""
    for chunk in chunks(digests, BUILDS):
        yield Ticket(BUILD, DIGEST, chunk)


def link_ticket(asked: str) -> Ticket:
    """A sign-in link to mail: somebody stands at the door."""
    return Ticket(LINK, "urgent", (asked,))


def job_tickets(jobs: Iterable[str]) -> Iterator[Ticket]:
    """Jobs of operators, each by itself."""
    for job in jobs:
        yield Ticket(JOB, "default", (job,))


def render_ticket(assets: Iterable[str]) -> Ticket:
    """Assets of which something is to be made: whoever takes it goes on with all others that are due."""
    return Ticket(RENDER, MEDIA, tuple(assets))


def chunks(ids: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """The ids in tuples of at most `size`."""
    rest = iter(ids)
    while chunk := tuple(islice(rest, size)):
        yield chunk
