"""Taking events in, signed or with a key, and telling what became of them."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pydantic_core
from flask import Blueprint, Response, current_app, g, request
from werkzeug.datastructures import Headers

from notifier.policy.catalogue import FOLLOWERS, Kind
from notifier.policy.signature import verify
from notifier.store.intake import NewEvent
from notifier.store.log import EventEntry, Log
from notifier.store.types import new_id
from notifier.web.access import Doorkeeper, guarded_by, needs, takes
from notifier.web.bodies import EventBody
from notifier.web.gauge import Gauge
from notifier.web.parts import parts
from notifier.web.problems import Fault, Problem, invalid, not_found, pointer
from notifier.web.reading import check_media_type, checked, read_json, read_octets
from notifier.web.shapes import moment

bp = Blueprint("events", __name__, url_prefix="/v1")

KEY = 255
_KEY = re.compile(rf"[ -~]{{0,{KEY}}}")
_APP_ID = re.compile(r"app_[0-9a-f]{32}")
OVERDUE = timedelta(seconds=2)  # an event without a plan for that long is rung for again


@bp.post("/hooks/<string:app_id>")
@guarded_by("signature")
@takes(EventBody)
def receive_signed(app_id: str) -> Response:
    """Take one event signed as Standard Webhooks say. 202: it is stored, not that anybody was told."""
    body = read_octets()
    key = request.headers.get("webhook-id", "")
    if not _signed(app_id, key, body):
        raise Problem(
            401, "unauthorized", "Sign the raw body as Standard Webhooks say, with a live secret and the time of now."
        )
    return _accept(app_id, _key(key, "webhook-id"), body)


@bp.post("/events")
@needs("events")
@takes(EventBody)
def receive() -> Response:
    """Take one event with an API key. 202: it is stored, not that anybody was told."""
    return _accept(g.app_id, _key(request.headers.get("Idempotency-Key", ""), "Idempotency-Key"), read_octets())


@bp.get("/events/<evt:event_id>")
@needs("log")
def show(event_id: str) -> dict[str, Any]:
    """The event, and how its deliveries stand."""
    with parts().database.read() as connection:
        entry = Log(connection).event(event_id)
    if entry is None:
        raise not_found("event", event_id)
    return _shape(entry)


def _shape(entry: EventEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "type": entry.type,
        "app": entry.app,
        "state": "planned" if entry.planned_at else "accepted",
        "occurred_at": moment(entry.occurred_at),
        "accepted_at": moment(entry.accepted_at),
        "deliveries": dict(entry.deliveries),
        "links": _links(entry.id),
    }


def _links(event_id: str) -> dict[str, str]:
    return {
        "self": f"/v1/events/{event_id}",
        "explain": f"/v1/events/{event_id}/explain",
        "deliveries": f"/v1/deliveries?event={event_id}",
    }


def _signed(app_id: str, key: str, body: bytes) -> bool:
    doorkeeper: Doorkeeper = current_app.extensions["doorkeeper"]
    known = _is_app_id(app_id)
    for secrets in (doorkeeper.secrets.get, doorkeeper.secrets.fresh):
        if verify(
            body,
            id=key,
            timestamp=request.headers.get("webhook-timestamp", ""),
            signatures=request.headers.get("webhook-signature", ""),
            secrets=secrets(app_id) if known else [],
            now=parts().clock(),
        ):
            return bool(key)
    return False


def _is_app_id(text: str) -> bool:
    return _APP_ID.fullmatch(text) is not None


def _key(text: str, header: str) -> str:
    if not _KEY.fullmatch(text):
        raise Problem(400, "malformed", f"{header} must be 1 to {KEY} printable ASCII characters.")
    return text


def _accept(app_id: str, key: str, raw: bytes) -> Response:
    _refuse_when_full()
    event, queue = new_event(app_id, key, raw)
    accepted = parts().intake.accept(event)
    if accepted.reused:
        raise Problem(
            422, "idempotency-key-reused", "This key already came with another body. Give each event its own key."
        )
    if not accepted.duplicate:
        parts().nudge(event.id, queue)
    return _accepted(accepted.id, duplicate=accepted.duplicate)


def _refuse_when_full() -> None:
    gauge: Gauge = current_app.extensions["gauge"]
    if gauge.full:
        raise Problem(
            429, "too-many", "More events wait for their plan than can be taken in; try again.", retry_after=5
        )


def new_event(app_id: str, key: str, raw: bytes) -> tuple[NewEvent, str]:
    """The event of a body, and the queue of its type."""
    check_media_type()
    value, body = read_json(raw), checked(EventBody, raw)
    kind = _kind(body, value)
    now, event_id = parts().clock(), new_id("evt")
    event = NewEvent(
        id=event_id,
        app=app_id,
        key=key or event_id,
        body_hash=sha256(_canonical(value)).digest(),
        type=kind.name,
        actor=body.data.actor.id,
        object=body.data.object.id,
        target=body.data.target.id if body.data.target else "",
        body=pydantic_core.to_json(value["data"]),
        occurred_at=body.timestamp or now,
        accepted_at=now,
        due_at=now + OVERDUE,
    )
    return event, kind.queue


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


def _kind(body: EventBody, value: Mapping[str, Any]) -> Kind:
    """The event's entry in the catalogue. Refused: an unknown type, or one that names nobody to tell."""
    catalogue = parts().catalogue
    kind = catalogue.find(body.type)
    if kind is None:
        known = ", ".join(catalogue.short_names)
        raise invalid([Fault("/type", "unknown_type", f"This type is not in the catalogue; we know {known}.")])
    if not kind.cadences or FOLLOWERS in kind.told:
        return kind
    paths = [tuple(path.split(".")) for path in (*kind.told, "to", "followers_of")]
    if not any(_at(value["data"], path) for path in paths):
        named = " or ".join(".".join(("data", *path)) for path in paths)
        raise invalid([Fault(pointer(("data", *paths[0])), "missing", f"Nobody is named to be told; give {named}.")])
    return kind


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _canonical(value: Any) -> bytes:
    """One spelling for one JSON value: key order, white space, escapes and 1.0 for 1 make no difference."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
