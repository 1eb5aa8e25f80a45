"""What the pages under `/dev` are made with, and how their forms are read."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from flask import current_app, request

from notifier.catchers.faults import LONGEST, MOST, Faults, Switch
from notifier.catchers.mailbox import Mailbox
from notifier.catchers.push import PushCatcher

PAGE = 50  # rows of a list
MOST_ROWS = 1_000  # of a list in JSON
EXTENSION = "notifier.catchers"


@dataclass(frozen=True, slots=True)
class Catchers:
    """The catchers, and how a synthetic subscription is given to its user.

    `subscribe_user` takes the user's id and what the browser's `PushSubscription.toJSON()` would be, and gives the
    id under which the subscription is held; it raises `ValueError` with a sentence when it is not taken.
    """

    mailbox: Mailbox
    push: PushCatcher
    faults: Faults
    subscribe_user: Callable[[str, dict[str, Any]], str]


def given() -> Catchers:
    """The catchers of the current app."""
    catchers: Catchers = current_app.extensions[EXTENSION]
    return catchers


def rows_asked() -> int:
    """The query's `limit`, held between 1 and what one answer can bear."""
    return min(max(request.args.get("limit", PAGE, type=int), 1), MOST_ROWS)


def switch_asked(known: Collection[str]) -> Switch:
    """The posted switch; what makes no sense is off or held within its bounds."""
    if "off" in request.form:
        return Switch()
    fault = request.form.get("fault", "")
    lasting = "lasting" in request.form
    left = min(max(request.form.get("left", 1, type=int), 0), MOST)
    return Switch(
        fault=fault if fault in known else "",
        left=None if lasting else left,
        delay=_seconds("delay"),
        retry_after=int(_seconds("retry_after", most=86_400)),
    )


def _seconds(name: str, most: float = LONGEST) -> float:
    seconds = request.form.get(name, 0.0, type=float)
    return min(seconds, most) if seconds > 0 else 0.0
