"""How far a long command is: a bar on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

EVERY = 5.0  # seconds between two plain lines


class Told(Protocol):
    """Is told how much is done; `note` stands beside the bar, and `total` is the new total where it grew."""

    def __call__(self, done: int, note: str = "", total: int | None = None) -> None: ...


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Told]:
    """Show on stderr how much of `total` is done; None where nobody knows how much there is."""
    from rich.console import Console  # here: 2 MB that stay in every process of a service, which shows no bar

    console = Console(stderr=True)
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task(what, total=total, note="")
            yield lambda done, note="", total=None: bar.update(task, completed=done, note=note, total=total)
    else:
        yield _Lines(what, total)


def _bar(console: "Console") -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    return Progress(*columns, console=console, expand=True)


class _Lines:
    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._total = total
        self._said_at = time.monotonic()

    def __call__(self, done: int, note: str = "", total: int | None = None) -> None:
        self._total = total if total is not None else self._total
        now = time.monotonic()
        if done != self._total and now - self._said_at < EVERY:
            return
        self._said_at = now
        of = f" of {self._total}" if self._total is not None else ""
        click.echo(f"{self._what}: {done}{of}{f', {note}' if note else ''}", err=True)
