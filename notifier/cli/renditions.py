"""The commands about renditions: what is missing is asked for after the table of them was changed."""

import time

import click

from notifier.cli.group import with_tools
from notifier.cli.progress import progress
from notifier.cli.tools import Tools

LOOK = 1.0  # seconds between two looks at what is left


@click.group()
def renditions() -> None:
    """Versions of pictures and videos."""


@renditions.command()
@click.option("--wait", is_flag=True, help="Stay until the workers have made everything.")
@with_tools
def rebuild(tools: Tools, *, wait: bool) -> None:
    """Make every version that the table of renditions has and a stored picture or video has not.

    The running workers make them, after whatever else is due. May be broken off and begun again.
    """
    rebuilder = tools.rebuilder
    total, versions = rebuilder.count(), 0
    with progress("Looking at assets", total) as told:
        for asked in rebuilder.rebuild():
            versions = asked.versions
            told(asked.assets, f"{versions:,} renditions asked for", max(total, asked.assets))
    click.echo(f"{versions:,} rendition{'' if versions == 1 else 's'} asked for, of {total:,} assets.")
    if wait:
        _wait(tools)


def _wait(tools: Tools) -> None:
    total = tools.rebuilder.left()
    with progress("Making renditions", total) as told:
        while left := tools.rebuilder.left():
            total = max(total, left)
            told(total - left, total=total)
            time.sleep(LOOK)
        told(total, total=total)
    click.echo("Nothing is left to be made.")


COMMANDS = (renditions,)
