"""Whether this process lives, and whether the service can work."""

from typing import Any

from flask import Blueprint

from notifier.pipeline.scheduled import heard
from notifier.policy.queues import QUEUES
from notifier.store.database import DatabaseAway
from notifier.store.schema import behind
from notifier.store.workers import Workers
from notifier.web.access import guarded_by
from notifier.web.parts import parts

bp = Blueprint("health", __name__)


@bp.get("/livez")
@guarded_by("public")
def livez() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@bp.get("/readyz")
@guarded_by("public")
def readyz() -> tuple[dict[str, Any], int]:
    """The database answers with the newest schema; events are taken in without broker, scheduler and workers."""
    checks = {"database": _database(), "broker": "ok" if parts().broker_answers() else "away"}
    ready = checks["database"] == "ok"
    if ready:
        checks |= {"scheduler": _scheduler(), "workers": _workers()}
    return {"status": "ok" if ready else "not ready", "checks": checks}, 200 if ready else 503


def _database() -> str:
    try:
        with parts().database.read() as connection:
            return "behind: run notifier migrate" if behind(connection) else "ok"
    except DatabaseAway:
        return "away"


def _scheduler() -> str:
    try:
        return heard(parts().scheduling.heartbeat(), parts().clock())
    except DatabaseAway:
        return "unknown"


def _workers() -> str:
    """`ok`, or for which queues none is heard of."""
    now = parts().clock()
    try:
        with parts().database.read() as connection:
            unserved = Workers(connection).crew(now).unserved(list(QUEUES))
    except DatabaseAway:
        return "unknown"
    return f"none heard of for {', '.join(unserved)}" if unserved else "ok"
