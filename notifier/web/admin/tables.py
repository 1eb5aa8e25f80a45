"""Tables as CSV: some rows at a time, and harmless in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice

# What begins so is a formula to a spreadsheet, and what a stranger wrote must not be one.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
TOGETHER = 200  # rows in one piece of an answer


def csv_rows(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The table as RFC 4180 text, piece by piece, however long it is."""
    rest = iter(rows)
    yield _text([head])
    while some := list(islice(rest, TOGETHER)):
        yield _text(some)


def cell(value: object) -> str:
    """The value as text, with an apostrophe before what a spreadsheet would take for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _text(rows: Iterable[Sequence[object]]) -> str:
    made = StringIO()
    csv.writer(made).writerows([cell(one) for one in row] for row in rows)
    return made.getvalue()
