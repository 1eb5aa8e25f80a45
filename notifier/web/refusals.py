"""What is refused at the door is kept for the admin pages: why and from whom, and so little that a flood costs nothing.

Nothing of a body is kept but its hash, and nothing of what it was signed with.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from hashlib import sha256
from typing import Any, TypeVar

from flask import current_app, g, request

from notifier.store.apps import IN_BATCH
from notifier.store.database import Database, DatabaseAway
from notifier.store.rejected import Rejected, Rejection
from notifier.web.paths import is_id
from notifier.web.problems import Fault, Problem

log = logging.getLogger(__name__)

V = TypeVar("V", bound=Callable[..., Any])

PER_MINUTE = 30  # kept by one process, of strangers and of apps each
OF_A_BATCH = 5  # items
STATUSES = (400, 401, 403, 413, 415, 422)  # an app can do something about these
FAULTS, LONGEST = 3, 512

# Why a request was refused that proved nothing. The answer does not tell: it must give no hint.
SAID = {
    "unknown_app": "No live app has this id, or it has no live secret.",
    "unsigned": "The request has no webhook-signature or no webhook-id.",
    "bad_signature": "No live secret of this app made the signature over the id, the timestamp and the raw body.",
    "clock_skew": "The signature is right, but its time is more than five minutes away from our clock.",
    "no_key": "The request has no API key.",
    "unknown_key": "The API key is unknown, revoked or has ended.",
}


class Allowance:
    """So many in each minute; what is over is counted."""

    def __init__(self, per_minute: int = PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._until = 0.0
        self._left = 0
        self._passed_over = 0

    def take(self, wanted: int) -> tuple[int, int]:
        """How many of so many may be kept now, and how many were passed over before."""
        now = time.monotonic()
        with self._lock:
            if now >= self._until:
                self._until, self._left = now + 60, self._per_minute
            granted = min(wanted, self._left)
            before = self._passed_over
            self._left -= granted
            self._passed_over = (0 if granted else before) + wanted - granted
        return granted, before


class Refusals:
    """Keeps what was refused."""

    def __init__(self, database: Database, clock: Callable[[], datetime], per_minute: int = PER_MINUTE) -> None:
        self._database = database
        self._clock = clock
        self._allowances = {proven: Allowance(per_minute) for proven in (True, False)}

    def note(self, problems: Sequence[Problem], door: str, app: str | None, *, proven: bool) -> None:
        """Keep as many of these as there is room for. Where the database is away, nothing is kept."""
        granted, passed_over = self._allowances[proven].take(len(problems)) if problems else (0, 0)
        if not granted:
            return
        now, octets = self._clock(), g.get("octets")
        found = [
            Rejection(
                at=now,
                door=door,
                app=app,
                proven=proven,
                status=problem.status,
                reason=problem.cause or problem.slug,
                detail=_said(problem)[:LONGEST],
                body_hash=sha256(octets).digest() if octets is not None else None,
                octets=len(octets) if octets is not None else None,
                passed_over=passed_over if first else 0,
            )
            for first, problem in zip([True] + [False] * granted, problems[:granted], strict=False)
        ]
        try:
            self._database.transact(lambda connection: Rejected(connection).keep(found))
        except DatabaseAway as error:
            # The sender is answered all the same, and this answer is not about the database.
            log.warning("a refused request is not kept: %s", error)


def refusals_noted(door: str) -> Callable[[V], V]:
    """Keep what the view, or its guard, refuses. `door` is how events come in by it."""

    def wrap(view: V) -> V:
        @wraps(view)
        def noting(*args: Any, **kwargs: Any) -> Any:
            try:
                return view(*args, **kwargs)
            except Problem as problem:
                if problem.status in STATUSES:
                    _note([problem], door, kwargs.get("app_id", ""))
                raise

        return noting  # type: ignore[return-value]  # the same view, noted

    return wrap


def note_items(problems: Sequence[Problem]) -> None:
    """Keep a few of the items of a batch that were refused, while the others were taken."""
    _note(problems[:OF_A_BATCH], IN_BATCH, "")


def _note(problems: Sequence[Problem], door: str, claimed: str) -> None:
    refusals: Refusals = current_app.extensions["refusals"]
    access = g.get("access")
    app = access.app if access else claimed if is_id(claimed, "app") else None
    refusals.note(problems, door, app, proven=access is not None)


def _said(problem: Problem) -> str:
    if problem.cause == "clock_skew":
        return f"{SAID['clock_skew']} {_skew()}".strip()
    if problem.cause in SAID:
        return SAID[problem.cause]
    faults = [f"{_place(fault)}: {fault.detail}" for fault in problem.faults[:FAULTS]]
    more = f" and {len(problem.faults) - FAULTS} more" if len(problem.faults) > FAULTS else ""
    return " · ".join(faults) + more if faults else problem.detail


def _skew() -> str:
    stamp = request.headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        return ""
    seconds = int(stamp) - int(time.time())
    return f"The sender is {abs(seconds):,} s {'ahead' if seconds > 0 else 'behind'}."


def _place(fault: Fault) -> str:
    """Where it is. The name of a field that is unknown is the sender's own word, and not kept."""
    pointer = fault.pointer.rpartition("/")[0] + "/…" if fault.code == "unknown_field" else fault.pointer
    return (pointer or "the body")[:120]
