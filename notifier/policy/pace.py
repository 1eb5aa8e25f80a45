"""How fast messages were: spans of seconds that are counted, and what the counts say of the whole."""

from collections.abc import Mapping
from itertools import pairwise

# A message belongs to the first span that it is not longer than; the last one has no end.
SPANS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0, 1_800.0)
PROMPT = 10.0  # seconds; one of the spans' ends


def numbered() -> tuple[tuple[int, float], ...]:
    """Each span that has an end: its number, from 1 on, and that end in seconds."""
    return tuple(enumerate(SPANS, start=1))


LAST = len(SPANS) + 1


def within(counts: Mapping[int, int], seconds: float = PROMPT) -> float | None:
    """The share of messages, from 0 to 1, that took no longer than a span's end; None where there are none."""
    total = sum(counts.values())
    if not total:
        return None
    return sum(count for number, count in counts.items() if number < LAST and SPANS[number - 1] <= seconds) / total


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """How many seconds this share of the messages took at most, as near as the spans tell; None where there are none.

    What took longer than the last span's end is told as that end.
    """
    left = share * sum(counts.values())
    if not left:
        return None
    for number, (start, end) in enumerate(pairwise((0.0, *SPANS)), start=1):
        count = counts.get(number, 0)
        if count and left <= count:
            return start + (end - start) * left / count
        left -= count
    return SPANS[-1]
