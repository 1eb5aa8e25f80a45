"""The command that tells everyone something, at once or at a time of its own."""

import json
from typing import Any

import click

from notifier.cli.group import to_type, who, with_tools
from notifier.cli.schedules import OPTIONS, next_words, refusing
from notifier.cli.timing import timed, timed_fields
from notifier.cli.tools import Tools
from notifier.pipeline.drafting import named_after
from notifier.pipeline.scheduled import schedule_json
from notifier.policy.schedules import Draft, Timing

_TEXTS = {
    f"/arguments/{name}": f"--{name.replace('_', '-')}" for name in ("content", "url", "image", "from_name", "to")
}
_OPTIONS = OPTIONS | _TEXTS | {"/arguments/title": "TITLE", "/arguments/followers_of": "--to-followers-of"}


@click.command()
@click.argument("title")
@click.option("--content", default="", help="The text below the title.")
@click.option("--url", default="", help="Where it leads.")
@click.option("--image", default="", help="The address of a picture.")
@click.option("--from-name", default="", help="Who says it, as messages show it.")
@click.option("--to-followers-of", "followers_of", default="", metavar="ID", help="Only to this person's followers.")
@click.option("--to", multiple=True, metavar="ID", help="Only to this person; may be repeated.")
@timed
@click.option("--name", default="", help="The schedule's name; else the title and a number.")
@click.option("--json", "as_json", is_flag=True, help="As POST /v1/schedules answers.")
@with_tools
def announce(
    tools: Tools,
    *,
    title: str,
    followers_of: str,
    to: tuple[str, ...],
    cron: str | None,
    every: int | None,
    at: str | None,
    zone: str | None,
    local: bool | None,
    name: str,
    as_json: bool,
    **texts: str,
) -> None:
    """Tell everyone something; without --at, --cron or --every at once.

    \b
      announce "Maintenance tonight" --content "From 22:00 on." --at 2026-12-01T18:00 --zone Europe/Berlin
      announce "Merry Christmas" --at 2026-12-24T18:00 --local
    """
    when = timed_fields(cron, every, at, zone, local)
    timing = Timing(**(when if {"cron", "interval_seconds", "at"} & set(when) else {"at": "now"} | when))
    said = {"title": title, "followers_of": followers_of, "to": list(to), **texts}
    arguments: dict[str, Any] = {key: value for key, value in said.items() if value}
    if not (followers_of or to):
        arguments["everyone"] = True
    with refusing(_OPTIONS):
        draft = Draft(name or named_after(title), "announcement", timing, arguments)
        entry = tools.scheduling.add(draft, who())
    if as_json:
        click.echo(json.dumps(schedule_json(entry, tools.scheduling.kinds), indent=2, ensure_ascii=False))
        return
    click.echo(f"{entry.name}: {next_words(entry)}. See: {to_type('schedules', 'show', entry.name)}")


COMMANDS = (announce,)
