"""The scheduler: a few fixed ticks in a process of its own. Every act is an atomic claim, so two do no harm."""

import logging
import signal
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.blocking import BlockingScheduler

from notifier.store.database import DatabaseAway

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1
DIGEST_SECONDS = 60


def run(sweep: Callable[[], object], take_digests: Callable[[], object]) -> None:
    """Tick until SIGTERM or SIGINT."""
    scheduler = BlockingScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    scheduler.add_job(lambda: _tick(sweep), "interval", seconds=SWEEP_SECONDS, id="sweep")
    scheduler.add_job(
        lambda: _tick(take_digests), "interval", seconds=DIGEST_SECONDS, id="digests", next_run_time=datetime.now(UTC)
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: scheduler.shutdown(wait=True))
    scheduler.start()


def _tick(act: Callable[[], object]) -> None:
    try:
        act()
    except DatabaseAway as error:
        log.warning("the database is away; the next tick tries again: %s", error)
