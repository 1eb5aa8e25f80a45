"""One event as it was posted, made the row that is stored: its kind, its key, its times, and the hash of its body."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any

import pydantic_core

from notifier.policy.catalogue import CREATED, FOLLOWERS, Catalogue, Kind
from notifier.policy.fields import id_fault
from notifier.store.apps import Access
from notifier.store.intake import NewEvent
from notifier.store.types import new_id
from notifier.web.fields import KEY, TYPE
from notifier.web.problems import Fault, Problem, invalid, pointer
from notifier.web.reading import canonical, malformed

OVERDUE = timedelta(seconds=2)  # an event without a plan for that long is rung for again

_NOTHING: Mapping[str, str] = {}
_PRINTABLE = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class Posted:
    """One checked event. `value` is what is compared where its key comes again: the body as JSON, without the key.

    An empty `key` is none: the event is never the same as another.
    """

    type: str
    at: datetime | None
    key: str
    value: Mapping[str, Any]


def new_event(sender: Access, posted: Posted, catalogue: Catalogue, now: datetime) -> tuple[NewEvent, str]:
    """What is to be stored, and the queue of its type. Raises a problem where its type or its values cannot be."""
    data = posted.value["data"]
    kind, event_id = kind_of(posted.type, data, catalogue, lenient=sender.lenient), new_id("evt")
    event = NewEvent(
        id=event_id,
        app=sender.app,
        key=posted.key or event_id,
        body_hash=sha256(canonical(posted.value)).digest(),
        type=kind.name,
        actor=data["actor"]["id"],
        object=data["object"]["id"],
        target=(data.get("target") or _NOTHING).get("id", ""),
        body=_octets(data),
        occurred_at=posted.at or now,
        accepted_at=now,
        due_at=now + OVERDUE,
        door=sender.door,
    )
    return event, kind.queue


def checked_key(text: str, header: str, most: int = KEY) -> str:
    """The key that stands in a header, or nothing. Raises the problem that it is none."""
    if len(text) > most or not _PRINTABLE.fullmatch(text):
        raise Problem(400, "malformed", f"{header} must be 1 to {most} printable ASCII characters.")
    return text


def key_reused() -> Problem:
    """That the key of an event already came with another body."""
    return Problem(
        422, "idempotency-key-reused", "This key already came with another body. Give each event its own key."
    )


def kind_of(type_: str, data: Mapping[str, Any], catalogue: Catalogue, *, lenient: bool) -> Kind:
    """The event's entry in the catalogue. Refused: an unknown type, or one that names nobody to tell.

    Of a `lenient` app an unknown type is a kind of its own, told to nobody.
    """
    kind = catalogue.find(type_)
    if kind is None and lenient:
        return Kind(_long_name(type_), told=(), queue="default", cadences={})
    if kind is None:
        known = ", ".join(catalogue.short_names)
        raise invalid([Fault("/type", "unknown_type", f"This type is not in the catalogue; we know {known}.")])
    if kind.service:
        raise invalid([Fault("/type", "invalid", "No app can send this type: it is the service's own.")])
    if not kind.cadences or FOLLOWERS in kind.told:
        return kind
    paths = _paths(kind.told)
    if not any(_at(data, path) for path in paths):
        named = " or ".join(".".join(("data", *path)) for path in paths)
        raise invalid([Fault(pointer(("data", *paths[0])), "missing", f"Nobody is named to be told; give {named}.")])
    return kind


def _long_name(type_: str) -> str:
    """The type as it would stand in a catalogue that knows it."""
    if fault := id_fault(type_):
        raise invalid([Fault("/type", "invalid", f"This {fault}.")])
    return type_ if "." in type_ or len(type_ + CREATED) > TYPE else type_ + CREATED


@lru_cache
def _paths(told: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Where an event of a type can name whom to tell."""
    return [tuple(path.split(".")) for path in (*told, "to", "followers_of")]


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _octets(data: Any) -> bytes:
    try:
        return pydantic_core.to_json(data)
    except ValueError:  # half a surrogate pair, or deeper than anybody reads
        raise malformed() from None
