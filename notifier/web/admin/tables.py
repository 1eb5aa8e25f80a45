"""Tables as CSV: a row at a time, and harmless in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO

# What begins so is a formula to a spreadsheet, and what a stranger wrote must not be one.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The table as RFC 4180 text, a line at a time."""
    yield _line(head)
    for row in rows:
        yield _line(row)


def cell(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _line(cells: Iterable[str]) -> str:
    made = StringIO()
    csv.writer(made).writerow([cell(one) for one in cells])
    return made.getvalue()
