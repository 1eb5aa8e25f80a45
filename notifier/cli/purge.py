"""The command that deletes what was kept for long enough, and gives the space back."""

import json
from dataclasses import asdict

import click

from notifier.cli.group import to_type, with_tools
from notifier.cli.progress import progress
from notifier.cli.tools import Tools
from notifier.policy.retention import Purged
from notifier.store.space import Space


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go. Looks at every row; changes nothing.")
@click.option(
    "--vacuum",
    is_flag=True,
    help="SQLite: give back all the room of what is gone. A file of before there was a purge is written anew for that, "
    "once: it takes as much room again while that lasts, and nobody can write meanwhile.",
)
@click.option("--json", "as_json", is_flag=True, help='{"dry_run": …, "rows": {…}, "freed_bytes": …, "seconds": …}')
@with_tools
def purge(tools: Tools, *, dry_run: bool, vacuum: bool, as_json: bool) -> None:
    """Delete what was kept for longer than the RETENTION_ settings say; their figures stay.

    The service does so by itself. It may run meanwhile, and this may be broken off: the next purge goes on.
    """
    if dry_run and vacuum:
        raise click.UsageError("Give --dry-run or --vacuum, not both: a dry run changes nothing.")
    if dry_run:
        _say(tools.purger.prospect(), as_json=as_json, dry_run=True)
        return
    with progress("Purging", None) as told:  # to count what goes would take as long as to delete it
        freed = tools.purger.purge(told)
    octets = freed.octets + (_vacuum(tools) if vacuum else 0)
    _say(freed.purged, as_json=as_json, freed_bytes=octets, seconds=round(freed.seconds, 3))
    if not as_json:
        click.echo(_space(tools.purger.space(), octets))


def _vacuum(tools: Tools) -> int:
    """Give back what the purge itself could not."""
    found = tools.purger.space()
    if found is None or (found.shrinks and not found.free):
        return 0
    click.echo(f"Writing the file of {_mb(found.octets)} anew; nobody can write to it meanwhile.", err=True)
    return tools.purger.rebuild()


def _say(purged: Purged, *, as_json: bool, dry_run: bool = False, **more: object) -> None:
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "rows": asdict(purged), **more}, indent=2))
        return
    for name, count in purged.named:
        click.echo(f"{count:>12,}  {name}")
    click.echo(f"{'would go' if dry_run else 'are gone'}: {purged.rows:,} in all.")


def _space(found: Space | None, octets: int) -> str:
    if found is None:
        return "PostgreSQL's autovacuum lets new rows take their place."
    if not found.shrinks:
        return f"The file keeps its {_mb(found.octets)}: it cannot shrink yet. Once: {to_type('purge', '--vacuum')}"
    return f"{_mb(octets)} came back; the file has {_mb(found.octets)}."


def _mb(octets: int) -> str:
    return f"{octets / 1e6:,.1f} MB"


COMMANDS = (purge,)
