"""Kinds of schedules: what each is given, and what it does."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from notifier.pipeline import Clock

Arguments: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One run as its act is given it.

    `key` is the same whenever the act is done for the same moment: one that was cut off is done again. `wall` is what
    each person's own clock shows when it comes to them (naive), of a local schedule; else None. An act that takes long
    looks at `stopping` now and then, and may end early.
    """

    key: str
    arguments: Arguments
    moment: datetime
    wall: datetime | None
    clock: Clock
    stopping: threading.Event


def takes_nothing(arguments: Arguments) -> list[tuple[str, str]]:
    """The faults of arguments where there must be none: a JSON pointer, and what would be right."""
    return [(f"/{name}", "This kind takes no arguments; leave it out.") for name in arguments]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of schedule.

    `act` does it and says what it did, in a few words; it must bear being done twice with the same key. `faults` are
    those of its arguments. Of a `vital` one the fixed ticks take care: nobody can make, change or pause one. `local`
    says whether its schedules may go by each person's own clock.
    """

    name: str
    act: Callable[[Call], str]
    faults: Callable[[Arguments], list[tuple[str, str]]] = takes_nothing
    vital: bool = False
    local: bool = False


Kinds: TypeAlias = Mapping[str, Kind]
