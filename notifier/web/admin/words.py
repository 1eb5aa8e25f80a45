"""How pages say times and numbers in short."""

from datetime import datetime

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def age(at: datetime | None, now: datetime) -> str:
    """How long ago, or in how long, in the largest unit that fits: `12 s`, `4 min`; empty for what never was."""
    if at is None:
        return ""
    seconds = int(abs((now - at).total_seconds()))
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= size), (1, "s"))
    return f"{seconds // size} {unit}"


def span(seconds: float | None) -> str:
    """A span of time: `0.8 s`, `12 s`, `3.5 min`; a dash where it is not known."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for size, unit in reversed(UNITS):
        if seconds < size * 60 or unit == "d":
            return f"{seconds / size:.1f} {unit}"
    return ""


def share(part: float | None) -> str:
    """A share as percent; never 100 % where something is missing."""
    if part is None:
        return "–"
    return "100 %" if part >= 1 else f"{min(part * 100, 99.9):.1f} %"
