"""Taking in many events at once: each is checked by itself, all that are right are stored together."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g, request

from notifier.policy.catalogue import Catalogue
from notifier.store.apps import IN_BATCH, Access
from notifier.store.intake import Accepted, NewEvent
from notifier.web.access import needs, takes
from notifier.web.bodies import MOST_IN_BATCH, BatchBody, BatchItem
from notifier.web.fields import KEY
from notifier.web.gauge import refuse_when_full
from notifier.web.parts import parts
from notifier.web.posted import Posted, checked_key, key_reused, new_event
from notifier.web.problems import Fault, Problem, as_json, invalid
from notifier.web.reading import MOST, checked_value, read_json, read_octets, too_large
from notifier.web.refusals import note_items, refusals_noted

bp = Blueprint("batches", __name__, url_prefix="/v1")

MOST_TOGETHER = 4 * 1024 * 1024
LINES = ("application/x-ndjson", "application/jsonl")
LONGEST_KEY = KEY - len(f"/{MOST_IN_BATCH - 1}")
FAULTS = 10  # named of one item; an answer must not be many times larger than what it answers

New = tuple[NewEvent, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is the same for every item of a batch."""

    sender: Access
    catalogue: Catalogue
    key: str  # of the whole batch; empty where it has none
    now: datetime

    def read(self, index: int, item: Any) -> New | Problem:
        """What is to be stored of an item, or why it cannot be."""
        try:
            value = read_json(item) if isinstance(item, bytes) else item
            body = checked_value(BatchItem, value, FAULTS)
            key = body.id or (f"{self.key}/{index}" if self.key else "")
            rest = {name: value[name] for name in value if name != "id"}
            new = new_event(self.sender, Posted(body.type, body.timestamp, key, rest), self.catalogue, self.now)
        except Problem as problem:
            return problem
        return new if len(new[0].body) <= MOST else too_large(MOST)


@bp.post("/events/batch")
@refusals_noted(IN_BATCH)
@needs("events")
@takes(BatchBody)
def receive_batch() -> Response:
    """Take up to 1,000 events with an API key, as JSON or one on each line (NDJSON). 202: a result for each, in order.

    A bad item does not stop the others. An item's `id` is its idempotency key; an `Idempotency-Key` of the whole batch
    gives the items without an `id` the keys `<key>/0`, `<key>/1` and so on.
    """
    key = checked_key(request.headers.get("Idempotency-Key", ""), "Idempotency-Key", LONGEST_KEY)
    raw = read_octets(MOST_TOGETHER)
    refuse_when_full()
    reading = Reading(replace(g.access, door=IN_BATCH), parts().catalogue, key, parts().clock())
    made = [reading.read(index, item) for index, item in enumerate(_items(raw))]
    note_items([each for each in made if isinstance(each, Problem)])
    return _answer(made, _stored([each for each in made if not isinstance(each, Problem)]))


def _items(raw: bytes) -> list[Any]:
    """The items, not yet checked: JSON values, or of NDJSON the lines that are not empty."""
    if request.mimetype == "application/json":
        value = read_json(raw)
        items = value.get("events") if isinstance(value, dict) else None
        if not isinstance(items, list) or len(items) <= MOST_IN_BATCH:
            return checked_value(BatchBody, value).events
    elif request.mimetype in LINES:
        items = [line for line in raw.split(b"\n") if line.strip()]
        if 1 <= len(items) <= MOST_IN_BATCH:
            return items
        if not items:
            raise invalid([Fault("", "too_short", "Send at least one event, each on a line of its own.")])
    else:
        raise Problem(
            415, "unsupported-media-type", f"Send a batch as application/json or, one event a line, as {LINES[0]}."
        )
    raise Problem(413, "too-large", f"A batch holds at most {MOST_IN_BATCH} events.")


def _stored(made: list[New]) -> Iterator[Accepted]:
    """Store them all in one transaction and ask for their plans."""
    accepted = parts().intake.accept_all([event for event, _ in made]) if made else []
    fresh: dict[str, list[str]] = {}
    for (event, queue), result in zip(made, accepted, strict=True):
        if not result.duplicate:
            fresh.setdefault(queue, []).append(event.id)
    for queue, ids in fresh.items():
        parts().nudge(ids, queue)
    return iter(accepted)


def _answer(made: list[New | Problem], accepted: Iterator[Accepted]) -> Response:
    results = [_result(index, each if isinstance(each, Problem) else next(accepted)) for index, each in enumerate(made)]
    return Response(json.dumps({"results": results}), 202, content_type="application/json")


def _result(index: int, outcome: Accepted | Problem) -> dict[str, Any]:
    if isinstance(outcome, Problem):
        return {"index": index, "problem": as_json(outcome)}
    if outcome.reused:
        return _result(index, key_reused())
    return {"index": index, "id": outcome.id, "duplicate": outcome.duplicate}
