"""Web Push by the link of the settings page: its browser subscribes, unsubscribes and says what was read.

The same calls as below `/v1/users/{id}`, under an address that is itself the permission, and no more than these.
"""

from typing import Any

from flask import Response

from notifier.policy.links import PREFERENCES
from notifier.web.access import guarded_by
from notifier.web.devices import drop, subscribe
from notifier.web.feed import marked_read
from notifier.web.link_pages import address_of, has_run_out, link_pages, owner_of, read_link
from notifier.web.problems import Problem

bp = link_pages("chosen_push", __name__)


@bp.post("/p/<string:token>/push-subscriptions")
@guarded_by("link")
def add_device(token: str) -> tuple[dict[str, Any], int]:
    """Store the browser's `PushSubscription` for the person to whom the link was mailed."""
    return subscribe(_person(token)), 201


@bp.delete("/p/<string:token>/push-subscriptions/<sub:device_id>")
@guarded_by("link")
def drop_device(token: str, device_id: str) -> Response:
    """Retire one of the person's devices."""
    return drop(_person(token), device_id)


@bp.post("/p/<string:token>/feed/read")
@guarded_by("link")
def read_items(token: str) -> dict[str, Any]:
    """What was clicked in a push was read: it need not come again. Nothing else is told of the feed."""
    return {"read": marked_read(_person(token))}


def _person(token: str) -> str:
    """Whose link it is. Raises `Problem`: 404 for one that is not ours, 410 for one that has run out."""
    link = read_link(PREFERENCES, token)
    owner = owner_of(address_of(link)) if link else None
    if link is None or owner is None:
        raise Problem(404, "not-found", "This link is not ours, or nobody has its address any more.")
    if has_run_out(link):
        raise Problem(410, "gone", "This link has run out; open the settings by the link of a newer mail.")
    return owner[0]
