"""Commands about one person: all that is held about them, and their erasure."""

import sys

import click

from notifier.cli.group import who, with_tools
from notifier.cli.progress import progress
from notifier.cli.tools import Tools
from notifier.pipeline.erase import Eraser
from notifier.store.export import export_text

LONGEST = 255  # characters of an id


@click.group()
def users() -> None:
    """People: what is held about one, and its erasure."""


@users.command("export")
@click.argument("id")
@with_tools
def export(tools: Tools, id: str) -> None:
    """Print everything that is held about a person, as JSON."""
    for piece in export_text(tools.database, user_id(id), who=who(), now=tools.clock()):
        click.echo(piece, nl=False)


@users.command("erase")
@click.argument("id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_tools
def erase(tools: Tools, id: str, *, yes: bool) -> None:
    """Erase a person everywhere. What the books need stays, under a name that leads nowhere.

    Broken off, it goes on where it stopped when it is typed again.
    """
    person = user_id(id)
    if sys.stdin.isatty() and not yes:
        click.confirm(f"Erase everything about {person}? This cannot be undone.", abort=True)
    eraser = Eraser(tools.database, tools.catalogue, tools.clock)
    with progress("Erasing from events", None) as told:
        name = eraser.erase(person, who=who(), told=told)
    click.echo(f"Erased. In the records {name} stands for them.")


def user_id(text: str) -> str:
    """The id, checked. Raises `click.BadParameter`."""
    if not 1 <= len(text) <= LONGEST or "\0" in text:
        raise click.BadParameter(f"A person's id has 1 to {LONGEST} characters.")
    return text


COMMANDS = (users,)
