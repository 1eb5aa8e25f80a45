"""What is said, and the names in it: kept apart where their writing runs the other way (Unicode UAX #9)."""

from typing import Literal
from unicodedata import bidirectional

Direction = Literal["ltr", "rtl"]

FSI, PDI = "\u2068", "\u2069"  # first strong isolate, pop directional isolate
_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067"
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160), 8232, 8233), " ") | {ord(mark): "" for mark in _OVERRIDES}
_KEEPS_LINES = {code: mark for code, mark in _CONTROLS.items() if code not in (0x0A, 0x09)}
_UNMARKED = {ord(mark): "" for mark in (*_OVERRIDES, FSI, PDI)}
# Characters that would drag a sentence of this direction along, or be torn apart in it.
_FOREIGN: dict[Direction, frozenset[str]] = {"ltr": frozenset(("R", "AL", "AN")), "rtl": frozenset(("L", "EN"))}


class Spoken(str):
    """Words already said in the language: as part of another sentence they are no name and stand as they are."""

    __slots__ = ()


def message(text: str) -> str:
    """Mark an English text for the catalogues where it is said elsewhere; gives it as it is."""
    return text


def isolated(name: str, direction: Direction) -> str:
    """The name between isolates where its writing runs against the sentence; no name may bring its own."""
    if direction == "ltr" and name.isascii():
        return name
    name = name.translate(_UNMARKED)
    return f"{FSI}{name}{PDI}" if any(bidirectional(char) in _FOREIGN[direction] for char in name) else name


def direction_of(text: str) -> Direction | None:
    """Which way a text of people runs: as its first letter does. None where it has no letter."""
    if text[:1].isascii() and text[:1].isalpha():
        return "ltr"
    strong = next((found for found in map(bidirectional, text) if found in ("L", "R", "AL")), None)
    return None if strong is None else "ltr" if strong == "L" else "rtl"


def tidy_line(text: str) -> str:
    """The text on one line without control characters; our isolates stay where each is closed."""
    line = " ".join(text.split())
    # Most lines hold nothing to take out, and this tells so in a tenth of the time.
    return line if line.isprintable() else " ".join(_paired(line.translate(_CONTROLS)).split())


def tidy_block(text: str) -> str:
    """The text with its line breaks (LF), without other control characters."""
    text = text.strip()
    return text if text.isprintable() else _paired(text.replace("\r\n", "\n").translate(_KEEPS_LINES).strip())


def _paired(text: str) -> str:
    return text if text.count(FSI) == text.count(PDI) else text.translate(_UNMARKED)
