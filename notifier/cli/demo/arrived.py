"""What came to people: the words of caught mails and pushes, as their readers see them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from notifier.cli.demo.people import Person

_OWN = re.compile(r"dlv_[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message: its first line, and those below it where it tells of several things."""

    person: Person
    channel: str
    delivery: str
    text: str
    below: tuple[str, ...] = ()


def mails(person: Person, caught: Iterable[Mapping[str, Any]]) -> Iterator[Arrived]:
    """The mails of a person, as the catcher shows each one whole."""
    for one in caught:
        lines = [line.rstrip() for line in one["text"].splitlines()]
        below = tuple(line.removeprefix("* ") for line in lines if line.startswith("* "))
        yield Arrived(person, "email", _delivery(one["message_id"]), lines[0] if lines else one["subject"], below)


def pushes(person: Person, caught: Iterable[Mapping[str, Any]]) -> Iterator[Arrived]:
    """The pushes of a person that their browser took."""
    for one in caught:
        if one["status"] != 201 or not one["payload"]:
            continue
        shown = one["payload"]["notification"]
        is_summary = len(shown.get("body", "").splitlines()) > 1
        below = tuple(shown["body"].splitlines()) if is_summary else ()
        yield Arrived(person, "push", shown["data"]["delivery"], shown["title"], below)


def _delivery(text: str) -> str:
    found = _OWN.search(text)
    return found[0] if found else ""
