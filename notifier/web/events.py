"""Taking events in, signed or with a key, and telling what became of them."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from werkzeug.datastructures import Headers

from notifier.policy.signature import is_recent, signed_with
from notifier.store.apps import BY_KEY, BY_SIGNATURE, Access, Signer
from notifier.store.assets import Assets
from notifier.store.log import EventEntry, Log
from notifier.web.access import Doorkeeper, guarded_by, needs, takes
from notifier.web.bodies import EventBody
from notifier.web.cloudevents import is_cloudevent, read_cloudevent
from notifier.web.gauge import refuse_when_full
from notifier.web.kept import no_event
from notifier.web.parts import parts
from notifier.web.posted import Posted, checked_key, key_reused, new_event
from notifier.web.problems import Problem
from notifier.web.reading import check_media_type, checked, read_json, read_octets
from notifier.web.refusals import refusals_noted
from notifier.web.shapes import moment

bp = Blueprint("events", __name__, url_prefix="/v1")

_APP_ID = re.compile(r"app_[0-9a-f]{32}")
_NOBODY = Signer()


@bp.post("/hooks/<string:app_id>")
@refusals_noted(BY_SIGNATURE)
@guarded_by("signature")
@takes(EventBody)
def receive_signed(app_id: str) -> Response:
    """Take one event signed as Standard Webhooks say. 202: it is stored, not that anybody was told."""
    body = read_octets()
    key = request.headers.get("webhook-id", "")
    g.access = sender = _signed_by(app_id, key, body)
    key = checked_key(key, "webhook-id")
    refuse_when_full()
    return accept(sender, plain(key, body))


@bp.post("/events")
@refusals_noted(BY_KEY)
@needs("events")
@takes(EventBody)
def receive() -> Response:
    """Take one event with an API key. 202: it is stored, not that anybody was told."""
    key, raw = checked_key(request.headers.get("Idempotency-Key", ""), "Idempotency-Key"), read_octets()
    refuse_when_full()
    return accept(g.access, read_cloudevent(raw) if is_cloudevent() else plain(key, raw))


@bp.get("/events/<evt:event_id>")
@needs("log")
def show(event_id: str) -> dict[str, Any]:
    """The event, how its deliveries stand, and the assets that it shows."""
    with parts().database.read() as connection:
        entry = Log(connection).event(event_id)
        media = Assets(connection).shown_by(event_id)
    if entry is None:
        raise no_event(event_id)
    return _shape(entry, media)


def _shape(entry: EventEntry, media: Sequence[str]) -> dict[str, Any]:
    return {
        "id": entry.id,
        "type": entry.type,
        "app": entry.app,
        "state": "planned" if entry.planned_at else "accepted",
        "occurred_at": moment(entry.occurred_at),
        "accepted_at": moment(entry.accepted_at),
        "deliveries": dict(entry.deliveries),
        "media": list(media),
        "links": _links(entry.id),
    }


def _links(event_id: str) -> dict[str, str]:
    return {
        "self": f"/v1/events/{event_id}",
        "explain": f"/v1/events/{event_id}/explain",
        "deliveries": f"/v1/deliveries?event={event_id}",
    }


def _signed_by(app_id: str, key: str, body: bytes) -> Access:
    """The app that signed this body just now. Raises one problem, whatever is wrong with the signature."""
    doorkeeper: Doorkeeper = current_app.extensions["doorkeeper"]
    known, cause = _APP_ID.fullmatch(app_id) is not None, ""
    stamp, signatures = (request.headers.get(f"webhook-{name}", "") for name in ("timestamp", "signature"))
    for ask in (doorkeeper.signers.get, doorkeeper.signers.fresh):
        signer = ask(app_id) if known else _NOBODY
        place = signed_with(body, id=key, timestamp=stamp, signatures=signatures, secrets=signer.secrets)
        # By the clock that the sender shares, wherever CLOCK_SHIFT has put ours.
        if place is not None and key and is_recent(stamp, datetime.now(UTC)):
            doorkeeper.used(signer.accesses[place])
            return signer.accesses[place]
        cause = _why_not(signer, place, signed=bool(key and signatures))
    raise Problem(
        401,
        "unauthorized",
        "Sign the raw body as Standard Webhooks say, with a live secret and the time of now.",
        cause=cause,
    )


def _why_not(signer: Signer, place: int | None, *, signed: bool) -> str:
    """What is wrong with a signature, for our own record."""
    if not signer.secrets:
        return "unknown_app"
    if not signed:
        return "unsigned"
    return "bad_signature" if place is None else "clock_skew"


def accept(sender: Access, posted: Posted) -> Response:
    """Store one checked event and say so."""
    event, queue = new_event(sender, posted, parts().catalogue, parts().clock())
    accepted = parts().intake.accept(event)
    if accepted.reused:
        raise key_reused()
    if not accepted.duplicate:
        parts().nudge([event.id], queue)
    return _accepted(accepted.id, duplicate=accepted.duplicate)


def plain(key: str, raw: bytes) -> Posted:
    """The event of a JSON body."""
    check_media_type()
    value, body = read_json(raw), checked(EventBody, raw)
    return Posted(body.type, body.timestamp, key, value)


class _Accepted(Response):
    """An answer whose headers are as they go out: Werkzeug looks for nothing to correct in them."""

    def get_wsgi_headers(self, environ: Any) -> Headers:  # noqa: ARG002 (Werkzeug's signature)
        return self.headers


def _accepted(event_id: str, *, duplicate: bool) -> Response:
    answer = json.dumps({"id": event_id, "duplicate": duplicate, "links": _links(event_id)}).encode()
    headers = {"Location": f"/v1/events/{event_id}", "Content-Length": str(len(answer))}
    if duplicate:
        headers["Idempotency-Replayed"] = "true"
    return _Accepted(answer, 202, headers, content_type="application/json")
