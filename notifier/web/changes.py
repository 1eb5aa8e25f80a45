"""What became of an app's events, in the order in which it happened: for senders who want to know what got lost."""

import base64
import binascii
import struct
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, jsonify, request
from pydantic import BaseModel, ConfigDict, Field

from notifier.policy.retention import said
from notifier.store.changes import BEGINNING, Changes, Ended, Planned, Position, Subject
from notifier.store.types import id_octets
from notifier.web.access import needs, takes
from notifier.web.parts import parts
from notifier.web.problems import Fault, Problem, invalid
from notifier.web.reading import checked_value
from notifier.web.shapes import moment, moment_or_null

bp = Blueprint("changes", __name__, url_prefix="/v1")

PREFIXES = {Subject.EVENT: "evt", Subject.DELIVERY: "dlv"}
_MARK = struct.Struct(">qB16s")


class ChangesQuery(BaseModel):
    """Where to go on, as it stands in an address."""

    model_config = ConfigDict(extra="forbid")

    after: str = ""
    limit: int = Field(100, ge=1, le=200)


@bp.get("/changes")
@needs("log")
@takes(query=ChangesQuery)
def page() -> Response:
    """Outcomes of the app's own events, the oldest first: events planned, deliveries that came to their end.

    `next_cursor` is always given. Ask again with it as `after`: nothing is skipped, and when `data` is empty, nothing
    has happened since. An outcome is there as long as its event or delivery is kept. Where some after the cursor may be
    purged, the answer is `410`: ask without `after` to begin with the oldest that is left.
    """
    query = checked_value(ChangesQuery, request.args.to_dict())
    after = _position(query.after) if query.after else BEGINNING
    with parts().database.read() as connection:
        changes = Changes(connection, g.app_id)
        if query.after and max(after.number, 0) < changes.purged_to():
            raise Problem(410, "gone", _gone())
        found = changes.after(after, query.limit)
    cursor = _cursor(found[-1].position if found else after)
    response = jsonify({"data": [_shape(change) for change in found], "next_cursor": cursor})
    response.headers["Link"] = f'</v1/changes?{urlencode({"after": cursor, "limit": query.limit})}>; rel="next"'
    return response


def _gone() -> str:
    days = said(parts().retention.least_deliveries)
    return (
        f"Some outcomes after this cursor may have been purged: they are kept for {days} at least. Ask without `after` "
        "to begin with the oldest that is left, and ask GET /v1/events/{id} about an event that you miss."
    )


def _shape(change: Planned | Ended) -> dict[str, Any]:
    common = {"change": change.position.number, "id": change.position.id, "type": change.type}
    if isinstance(change, Planned):
        return common | {"kind": "event", "key": change.key or None, "state": "planned", "at": moment(change.at)}
    return common | {
        "kind": "delivery",
        "notification": change.notification,
        "events": list(change.events),
        "user": change.user,
        "channel": change.channel,
        "state": change.state,
        "reason": change.reason,
        "sent_at": moment_or_null(change.sent_at),
    }


def _cursor(position: Position) -> str:
    octets = _MARK.pack(position.number, position.subject, id_octets(position.id))
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _position(cursor: str) -> Position:
    try:
        octets = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        number, subject, id_ = _MARK.unpack(octets)
        return Position(number, Subject(subject), f"{PREFIXES[Subject(subject)]}_{id_.hex()}")
    except (binascii.Error, struct.error, ValueError):
        raise invalid([Fault("/after", "invalid", "This must be the next_cursor of an answer.")]) from None
