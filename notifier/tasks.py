"""The steps as Celery tasks: queues, names and options. Only ids travel; the rows are the truth.

The broker is a bell: a task that is lost, doubled or late changes nothing but the moment, because each step
asks the database what is really to be done, and the sweep rings again.
"""

import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import celeryd_after_setup, celeryd_init, worker_shutdown, worker_shutting_down
from kombu import Queue
from kombu.exceptions import OperationalError

from notifier.pipeline.digests import DigestBuilder
from notifier.pipeline.heartbeat import Heartbeat
from notifier.pipeline.jobs import Working
from notifier.pipeline.links import Links
from notifier.pipeline.plan import Planner
from notifier.pipeline.rendering import Renderer
from notifier.pipeline.send import Sender
from notifier.pipeline.sweep import Sweeper
from notifier.pipeline.tickets import (
    BUILD,
    JOB,
    LINK,
    MEDIA,
    PLAN,
    RENDER,
    SEND,
    Ticket,
    build_tickets,
    job_tickets,
    plan_tickets,
    render_ticket,
    send_tickets,
)
from notifier.policy.queues import QUEUES
from notifier.store.building import DIGEST
from notifier.store.database import DatabaseAway

log = logging.getLogger(__name__)

NUDGE = 0.02  # seconds; at most one nudge per queue and process in this time
FULL = 1_000  # tickets; a queue with so many is rung for no more until the workers caught up
ANSWER = 1.0  # seconds that workers have to answer
QUIET = 5.0  # seconds without ringing after the broker did not answer


@dataclass(frozen=True, slots=True)
class Steps:
    """The pipeline's steps, as this process runs them."""

    planner: Planner
    sender: Sender
    sweeper: Sweeper
    builder: DigestBuilder
    links: Links
    working: Working
    renderer: Renderer
    bell: "Bell"
    heartbeat: Heartbeat


def make_celery(broker_url: str, transport_options: Mapping[str, Any] | None = None) -> Celery:
    """The Celery app: real queues in strict order, late acknowledgement, nothing stored by Celery itself."""
    celery = Celery("notifier", broker=broker_url, set_as_current=False)
    quorum = {"x-queue-type": "quorum"} if broker_url.startswith("amqp") else None
    celery.conf.update(
        task_queues=[Queue(name, queue_arguments=quorum) for name in QUEUES],
        task_default_queue="default",
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        worker_pool="threads",
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=25,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=True,  # answers `inspect`; costs nothing while nobody asks
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_options(broker_url) | dict(transport_options or {}),
    )
    return celery


def register(celery: Celery, steps: Callable[[], Steps]) -> None:
    """Give the Celery app its tasks. `steps` is asked in the process that runs them."""

    @celery.task(name=PLAN)  # type: ignore[untyped-decorator]  # Celery ships no types
    def plan(event_ids: list[str]) -> None:
        _run(steps(), PLAN, event_ids, lambda: plan_and_ring(steps(), event_ids))

    @celery.task(name=BUILD)  # type: ignore[untyped-decorator]  # Celery ships no types
    def build(digest_ids: list[str]) -> None:
        _run(steps(), BUILD, digest_ids, lambda: build_and_ring(steps(), digest_ids))

    @celery.task(name=SEND)  # type: ignore[untyped-decorator]  # Celery ships no types
    def send(delivery_ids: list[str]) -> None:
        _run(steps(), SEND, delivery_ids, lambda: steps().sender.send(delivery_ids))

    @celery.task(name=LINK)  # type: ignore[untyped-decorator]  # Celery ships no types
    def link(try_ids: list[str]) -> None:
        _run(steps(), LINK, try_ids, lambda: steps().links.send(try_ids))

    @celery.task(name=JOB)  # type: ignore[untyped-decorator]  # Celery ships no types
    def job(job_ids: list[str]) -> None:
        _run(steps(), JOB, job_ids, lambda: steps().working.take_turns(job_ids))

    @celery.task(name=RENDER)  # type: ignore[untyped-decorator]  # Celery ships no types
    def render(asset_ids: list[str]) -> None:
        _run(steps(), RENDER, asset_ids, lambda: steps().renderer.render(asset_ids))

    _follow(steps)


def _follow(steps: Callable[[], Steps]) -> None:
    """Follow the worker's life: be ready before its first task, be heard of, and let go of sends when it is to end."""

    @celeryd_init.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery ships no types
    def get_ready(**_: object) -> None:
        # Made before there are threads that would each make their own.
        steps()
        # It warns root of messages that run code; ours are JSON, and nothing else is accepted.
        warnings.simplefilter("ignore", SecurityWarning)

    @celeryd_after_setup.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery ships no types
    def be_heard_of(instance: Any, **_: object) -> None:
        steps().heartbeat.start(list(instance.app.amqp.queues.consume_from), instance.concurrency)

    @worker_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery ships no types
    def be_forgotten(**_: object) -> None:
        steps().heartbeat.stop()

    @worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery ships no types
    def stop_sending(**_: object) -> None:
        steps().sender.stopping.set()
        steps().renderer.stopping.set()


def plan_and_ring(steps: Steps, event_ids: list[str]) -> None:
    """Plan these events, and ring for each part of a large plan as soon as it is stored."""
    for ready in steps.planner.plan(event_ids):
        ring_or_hasten(steps, send_tickets(ready))


def build_and_ring(steps: Steps, digest_ids: list[str]) -> None:
    """Build these digests, and ring for their messages."""
    ring_or_hasten(steps, send_tickets(steps.builder.build(digest_ids)))


def ring_for_digests(steps: Steps) -> int:
    """Ring for the digests whose hour has come, while their queue has room; gives for how many.

    What is left, because the workers are behind or the broker does not answer, the next tick finds again.
    """
    rung = 0
    for ids in steps.builder.due():
        if DIGEST not in steps.bell.roomy() or steps.bell.ring(build_tickets(ids)):
            break
        rung += len(ids)
    return rung


def sweep(steps: Steps) -> int:
    """Ring for whatever is overdue; gives how much that was."""
    queues = steps.bell.roomy() if steps.sweeper.is_anything_due() else ()
    found = sum(_sweep_queue(steps, queue) for queue in queues if QUEUES[queue].sends)
    if (due := steps.renderer.due()) and MEDIA in steps.bell.roomy():
        steps.bell.ring([render_ticket(due)])
        found += len(due)
    left = steps.working.take_due()
    steps.bell.ring(job_tickets(left))
    return found + len(left)


def _sweep_queue(steps: Steps, queue: str) -> int:
    overdue = [steps.sweeper.deliveries(queue), steps.sweeper.events(queue)]
    for each in overdue:
        ring_or_hasten(steps, plan_tickets(each.events, queue))
        ring_or_hasten(steps, send_tickets(each.deliveries))
        # One of these may have killed its worker: it must not take the others with it again.
        ring_or_hasten(steps, send_tickets(each.lost, alone=True))
    return sum(len(each.events) + len(each.deliveries) + len(each.lost) for each in overdue)


def ring_or_hasten(steps: Steps, tickets: Iterable[Ticket]) -> None:
    """Ring; where the broker does not answer, leave it to the next sweep rather than to the one much later."""
    unrung = steps.bell.ring(tickets)
    if unrung:
        steps.sweeper.hasten(
            deliveries=[delivery for ticket in unrung if ticket.step == SEND for delivery in ticket.ids],
            events=[event for ticket in unrung if ticket.step == PLAN for event in ticket.ids],
        )


class Bell:
    """Tells the workers that there is something to do, best effort: it never raises and never waits long."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery
        self._quiet_until = 0.0
        self._nudges: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def quiet(self) -> bool:
        """Whether the broker just failed, so that ringing is left off for a while."""
        return time.monotonic() < self._quiet_until

    def ring(self, tickets: Iterable[Ticket]) -> list[Ticket]:
        """Publish the tickets; gives those that the broker did not take."""
        waiting = list(tickets)
        while waiting and not self.quiet:
            if not self._publish(waiting[0]):
                break
            waiting.pop(0)
        return waiting

    def roomy(self) -> list[str]:
        """The queues that can take more tickets; none while the broker does not answer."""
        return [name for name, depth in (self.depths() or {}).items() if depth < FULL]

    def depths(self) -> Mapping[str, int] | None:
        """How many tickets wait in each queue of the broker; None while it does not answer."""
        if self.quiet:
            return None
        with self._celery.pool.acquire(block=True) as connection:
            try:
                return {name: self._depth(connection, name) for name in QUEUES}
            except (OperationalError, *connection.connection_errors, *connection.channel_errors) as error:
                self._fall_quiet(error)
                return None

    def nudge(self, event_ids: Iterable[str], queue: str) -> None:
        """Ask for a plan of these events soon. Returns at once; many nudges become one task."""
        with self._lock:
            self._nudges.setdefault(queue, []).extend(event_ids)
            # After a fork the thread is the parent's and not alive here.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._nudge_for_ever, name="bell", daemon=True)
                self._thread.start()
        self._wake.set()

    def _nudge_for_ever(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                nudges, self._nudges = self._nudges, {}
            # What is not rung here is overdue in two seconds, and the sweep rings for it.
            self.ring(ticket for queue in QUEUES for ticket in plan_tickets(nudges.get(queue, ()), queue))
            time.sleep(NUDGE)

    def _publish(self, ticket: Ticket) -> bool:
        try:
            self._celery.send_task(ticket.step, args=[list(ticket.ids)], queue=ticket.queue, retry=False)
        except (OperationalError, OSError) as error:
            self._fall_quiet(error)
            return False
        return True

    def _depth(self, connection: Any, queue: str) -> int:
        # Declaring is the one question about a queue's length that every broker answers.
        return int(self._celery.amqp.queues[queue](connection.default_channel).queue_declare().message_count)

    def _fall_quiet(self, error: Exception) -> None:
        self._quiet_until = time.monotonic() + QUIET
        log.warning("the broker does not answer; events are kept and go out when it is back: %s", error)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a worker itself answers: the queues that it listens to, what it does, and what it took ahead."""

    queues: tuple[str, ...]
    active: tuple[str, ...]
    reserved: tuple[str, ...]


def ask_workers(celery: Celery) -> Mapping[str, Asked]:
    """Ask all workers through the broker, for a second in all; those that did not answer by then are missing."""
    asking = celery.control.inspect(timeout=ANSWER / 3)
    try:
        queues, active, reserved = (ask() or {} for ask in (asking.active_queues, asking.active, asking.reserved))
    except (OperationalError, OSError) as error:
        log.warning("the workers could not be asked, the broker does not answer: %s", error)
        return {}
    return {
        worker: Asked(
            tuple(queue["name"] for queue in queues[worker]),
            tuple(task["name"] for task in active.get(worker, ())),
            tuple(task["name"] for task in reserved.get(worker, ())),
        )
        for worker in sorted(queues)
    }


def _run(steps: Steps, name: str, ids: Sequence[str], step: Callable[[], object]) -> None:
    try:
        with steps.heartbeat.doing(f"{name} {len(ids)}"):
            step()
    except DatabaseAway as error:
        log.warning("the database is away; the sweep will ring again: %s", error)


def _options(broker_url: str) -> dict[str, Any]:
    # Whoever publishes does not wait for a broker that is down (6 s by default): the sweep rings again.
    patience = {"max_retries": 0}
    if not broker_url.startswith("redis"):
        return patience
    return patience | {
        "visibility_timeout": 300,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "queue_order_strategy": "priority",
        "priority_steps": [0],
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "health_check_interval": 25,
    }
