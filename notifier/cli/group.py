"""The group that all commands belong to, what each of them is given, and how it says what went wrong."""

import functools
import getpass
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from notifier.cli.tools import CannotRun, MakeTools
from notifier.store.database import DatabaseAway


def with_tools(run: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--data-dir`, and the tools found there as its first argument."""

    @click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where the data is; else DATA_DIR, else instance/.",
    )
    @click.pass_obj  # type: ignore[arg-type]  # wraps() keeps the inner signature; click passes the options
    @functools.wraps(run)
    def wrapped(make_tools: MakeTools, data_dir: Path | None, **options: Any) -> Any:
        tools = make_tools(data_dir)
        try:
            return run(tools, **options)
        except CannotRun as error:
            raise click.ClickException(str(error)) from None
        except DatabaseAway as error:
            raise click.ClickException(f"The database does not answer: {error}. Ask: {to_type('doctor')}") from None

    return wrapped


def to_type(*words: str) -> str:
    """A command that can be copied as it is: called as this one was, with the same data folder."""
    data_dir = click.get_current_context().params.get("data_dir")
    folder = ["--data-dir", str(data_dir)] if data_dir else []
    return f"{_our_name()} {shlex.join([*words, *folder])}"


def who() -> str:
    """Who is on record as the one who asked."""
    return f"{getpass.getuser()} (command line)"


def _our_name() -> str:
    called = sys.argv[0]
    if Path(called).name != "notifier":
        return "python -m notifier"
    found = shutil.which("notifier")
    return "notifier" if found and Path(found).resolve() == Path(called).resolve() else called


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Notifier tells people what happened in your app, and can prove that it lost nothing."""
