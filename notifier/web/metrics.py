"""Figures for Prometheus, read from the roll-ups and by bounded counts at each scrape: they outlive restarts."""

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import datetime
from secrets import compare_digest

from flask import Blueprint, Response, abort, request
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from notifier.pipeline.scheduling import LEASE
from notifier.store.gauges import Gauges, gauges
from notifier.store.queues import QueueStands
from notifier.web.access import guarded_by
from notifier.web.parts import parts

bp = Blueprint("metrics", __name__)

# Who asks through a proxy on this machine seems to come from here.
PROXIED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")


@bp.get("/metrics")
@guarded_by("metrics")
def metrics() -> Response:
    """The figures, for this machine itself, or for whoever bears METRICS_TOKEN."""
    _admit()
    registry = CollectorRegistry()
    registry.register(_Figures())
    answer = Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _admit() -> None:
    """Let in who bears the token; where none is set, this machine alone. Others learn nothing, not even of the page."""
    token, given = parts().metrics_token, request.headers.get("Authorization", "")
    if token:
        if not compare_digest(given.encode(), f"Bearer {token}".encode()):
            abort(401, "Send the METRICS_TOKEN: Authorization: Bearer …")
    elif not _is_local():
        abort(404)


def _is_local() -> bool:
    if any(name in request.headers for name in PROXIED):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


class _Figures(Collector):
    """One scrape. Raises `DatabaseAway`: a scrape that fails is what alerts are made for."""

    def collect(self) -> Iterator[Metric]:
        """All figures, as of one moment."""
        now, depths = parts().clock(), parts().broker_depths()
        yield GaugeMetricFamily("notifier_broker_up", "Whether the broker answers.", value=depths is not None)
        yield _by_queue("notifier_broker_tickets", "Tickets in the broker.", depths or {})
        with parts().database.read() as connection:
            found = gauges(connection, LEASE, now)
        yield _ended(found)
        yield from _queues(found, now)
        yield from _pulse(found, now)


def _ended(found: Gauges) -> Metric:
    says = "Deliveries that came to their end, by channel, state and reason, as of the last roll-up."
    family = CounterMetricFamily("notifier_deliveries", says, labels=["channel", "state", "reason"])
    for one in found.ended:
        family.add_metric([one.channel, one.state, one.reason], one.count)
    return family


def _queues(found: Gauges, now: datetime) -> Iterator[Metric]:
    queues = found.standing.queues
    yield _by_queue("notifier_queue_ready", "Deliveries that wait for a worker.", {q.name: q.queued for q in queues})
    yield _by_queue("notifier_queue_sending", "Deliveries on their way.", {q.name: q.sending for q in queues})
    yield _by_queue("notifier_queue_held", "Deliveries held by a pause.", {q.name: q.held for q in queues})
    yield _by_queue("notifier_queue_later", "Deliveries whose time comes later.", {q.name: q.later for q in queues})
    ages = {q.name: _age(q, now) for q in queues}
    yield _by_queue("notifier_queue_oldest_seconds", "For how long the oldest has been waiting.", ages)
    yield _by_queue("notifier_queue_paused", "Whether an admin paused it.", {q.name: bool(q.pause) for q in queues})


def _age(queue: QueueStands, now: datetime) -> float:
    return max((now - queue.oldest_at).total_seconds(), 0.0) if queue.oldest_at else 0.0


def _pulse(found: Gauges, now: datetime) -> Iterator[Metric]:
    crew = GaugeMetricFamily("notifier_workers", "Workers, by whether they are heard of.", labels=["state"])
    crew.add_metric(["alive"], len(found.standing.crew.alive))
    crew.add_metric(["silent"], len(found.standing.crew.silent))
    yield crew
    yield GaugeMetricFamily("notifier_events_unplanned", "Events without a plan.", value=found.unplanned)
    waits = (now - found.oldest_unplanned_at).total_seconds() if found.oldest_unplanned_at else 0.0
    yield GaugeMetricFamily("notifier_events_unplanned_oldest_seconds", "Since when the oldest is.", value=waits)
    if found.scheduler_beat_at:
        silence = (now - found.scheduler_beat_at).total_seconds()
        yield GaugeMetricFamily("notifier_scheduler_silence_seconds", "Since the scheduler's last beat.", value=silence)
    if (lost := parts().unaccounted()) is not None:
        says = "Deliveries that the books, as last counted, do not account for; anything but 0 is a bug."
        yield GaugeMetricFamily("notifier_unaccounted", says, value=lost)


def _by_queue(name: str, says: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=["queue"])
    for queue, value in values.items():
        family.add_metric([queue], float(value))
    return family
