"""An explanation as JSON: the same from the API and from the command line."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from notifier.channels import Address
from notifier.pipeline.explain import FOLLOWERS, NAMED, TOLD, Explanation, Mark
from notifier.policy.calendar import rfc3339
from notifier.policy.explaining import Line, sentence

Masked = Callable[[str, Address], str]  # channel, address → as a log may show it
Say = Callable[[Line], str]  # the sentence of a line

_LONGEST = 2_000  # of a cursor: an id of 255 characters, however they are written
_LONGEST_ID = 255
_MOST_NAMED = 6  # digits


def as_json(found: Explanation, masked: Masked, say: Say = sentence) -> dict[str, Any]:
    """The contract's `explain`. A dry run has an event without an id, and says how many people it would reach."""
    shape = {
        "event": _event(found),
        "lines": [_line(line, found, masked, say) for line in found.lines],
        "next_cursor": cursor_of(found.next) if found.next else None,
    }
    return shape if found.recipients is None else shape | {"recipients_at_least": found.recipients}


def masked_address(line: Line, found: Explanation, masked: Masked) -> str | None:
    """The line's address as a log may show it; None where it has none."""
    value = found.addresses.get(line.address or "")
    if value is None or line.channel is None:
        return None
    return masked(line.channel, Address(line.address or "", value))


def cursor_of(mark: Mark) -> str:
    """An opaque mark: the page goes on after it."""
    return base64.urlsafe_b64encode(f"{mark.step} {mark.place}".encode()).rstrip(b"=").decode()


def mark_of(cursor: str) -> Mark | None:
    """The mark of a cursor; None where it is no cursor of ours."""
    try:
        octets = base64.b64decode(cursor[:_LONGEST] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        step, _, place = octets.decode().partition(" ")
    except (binascii.Error, ValueError):
        return None
    storable = place.isprintable() and len(place) <= _LONGEST_ID
    fits = {
        TOLD: storable and bool(place),
        NAMED: place.isascii() and place.isdigit() and len(place) <= _MOST_NAMED,
        FOLLOWERS: storable,
    }
    return Mark(step, place) if fits.get(step) else None


def _event(found: Explanation) -> dict[str, Any]:
    event, known, bond = found.known.event, found.known, found.bond
    dry = found.recipients is not None
    state = "planned" if known.planned_at else "accepted"
    return {
        "id": None if dry else event.id,
        "type": event.type,
        "app": event.app,
        "state": "dry_run" if dry else state,
        "occurred_at": rfc3339(event.occurred_at),
        "accepted_at": rfc3339(event.accepted_at),
        "undone_by": known.undone_by,
        "took_back": [{"id": id_, "type": type_} for id_, type_ in found.took_back],
        "changes": {"user": bond.user, "relation": bond.kind, "other": bond.other, "ends": bond.ends} if bond else None,
    }


def _line(line: Line, found: Explanation, masked: Masked, say: Say) -> dict[str, Any]:
    return {
        "user": line.user,
        "channel": line.channel,
        "address": masked_address(line, found, masked),
        "state": line.state,
        "reason": line.reason,
        "sentence": say(line),
        "rule": line.rule,
        "value": line.value,
        "due_at": rfc3339(line.due_at) if line.due_at else None,
        "delivery": line.delivery,
    }
