"""Commands that run the service or a part of it."""

from contextlib import suppress
from pathlib import Path

import click

from notifier.cli.group import with_tools
from notifier.cli.tools import Tools
from notifier.policy.queues import QUEUES


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve on.")
@click.option("--port", default=8000, show_default=True, help="The port; where it is taken, the next free one.")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written when all is ready: JSON with addresses, process ids and the default app.",
)
@with_tools
def up(tools: Tools, host: str, port: int, ready_file: Path | None) -> None:
    """Run everything on this machine until Ctrl-C."""
    tools.up(host, port, ready_file, _say)


def _say(text: str) -> None:
    # Whoever read our output may be gone; the service goes on.
    with suppress(BrokenPipeError):
        click.echo(text)


@click.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, help="host:port to serve on.")
@with_tools
def web(tools: Tools, bind: str) -> None:
    """Run the web role alone."""
    if not bind.rpartition(":")[2].isdigit():
        raise click.BadParameter("it must be host:port, such as 127.0.0.1:8000", param_hint="--bind")
    tools.web(bind)


@click.command()
@click.option("--queues", default=",".join(QUEUES), show_default=True, help="Which queues, in order of preference.")
@with_tools
def worker(tools: Tools, queues: str) -> None:
    """Run one worker."""
    names = [name.strip() for name in queues.split(",") if name.strip()]
    unknown = [name for name in names if name not in QUEUES]
    if unknown or not names:
        raise click.BadParameter(f"the queues are {', '.join(QUEUES)}", param_hint="--queues")
    tools.worker(names)


@click.command()
@with_tools
def scheduler(tools: Tools) -> None:
    """Run the scheduler alone."""
    tools.scheduler()


@click.command()
@with_tools
def migrate(tools: Tools) -> None:
    """Bring the database to the newest schema; safe to run twice."""
    tools.migrate()
    click.echo("The database has the newest schema.")


COMMANDS = (up, web, worker, scheduler, migrate)
