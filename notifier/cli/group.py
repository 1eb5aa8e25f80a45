"""The group that all commands belong to, and what each of them is given."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from notifier.cli.tools import CannotRun, MakeTools


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
        try:
            return run(make_tools(data_dir), **options)
        except CannotRun as error:
            raise click.ClickException(str(error)) from None

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Notifier tells people what happened in your app, and can prove that it lost nothing."""
