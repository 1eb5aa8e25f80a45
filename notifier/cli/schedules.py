"""Commands about schedules: what runs by itself, when, and how it went."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import click

from notifier.cli.group import to_type, who, with_tools
from notifier.cli.timing import timed, timed_fields
from notifier.cli.tools import Tools
from notifier.pipeline.drafting import CannotChange, Change
from notifier.pipeline.scheduled import run_json, schedule_json
from notifier.policy.schedules import Draft, Timing, WrongSchedule, fault_of_name
from notifier.policy.timetable_words import in_words
from notifier.store.schedules import RunEntry, ScheduleEntry
from notifier.store.types import PREFIX

T = TypeVar("T")
MANY = 1_000
SHOWN = 20  # runs
OPTIONS = {"/interval_seconds": "--every", "/timezone": "--zone", "/arguments": "--arguments"}

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="As the API answers.")
_ARGUMENTS = click.option("--arguments", metavar="JSON", help="What its kind is to do, a JSON object.")


@click.group()
def schedules() -> None:
    """Schedules: what runs by itself, and when. SCHEDULE is a name or an id (sch_…)."""


@schedules.command("list")
@_AS_JSON
@with_tools
def list_all(tools: Tools, *, as_json: bool) -> None:
    """All schedules, the oldest first."""
    found = tools.scheduling.page("", MANY)
    if as_json:
        _print([schedule_json(entry, tools.scheduling.kinds) for entry in found])
        return
    for entry in found:
        click.echo(_line(entry))


@schedules.command("show")
@click.argument("schedule")
@_AS_JSON
@with_tools
def show(tools: Tools, *, schedule: str, as_json: bool) -> None:
    """One schedule and its newest runs."""
    entry = _known(tools, schedule)
    runs = tools.scheduling.runs(entry.id, "", SHOWN)
    if as_json:
        _print(schedule_json(entry, tools.scheduling.kinds) | {"runs": [run_json(run) for run in runs]})
        return
    click.echo(_line(entry))
    click.echo(f"  {entry.id}  {entry.kind} {json.dumps(entry.arguments, ensure_ascii=False)}")
    click.echo(f"  changed {entry.changed_at:%F %T} UTC by {entry.changed_by}")
    for run in runs:
        click.echo(_run_line(run))


@schedules.command("add")
@click.argument("name")
@click.option("--kind", required=True, help="What it does: digests, purge, roll-up, announcement.")
@_ARGUMENTS
@timed
@click.option("--paused", is_flag=True, help="Do not run it before it is resumed.")
@_AS_JSON
@with_tools
def add(tools: Tools, *, name: str, kind: str, arguments: str | None, paused: bool, as_json: bool, **when: Any) -> None:
    """Make a schedule: one of --cron, --every and --at says when.

    \b
      schedules add "early digests" --kind digests --cron "0 6 * * mon-fri" --zone Europe/Berlin
    """
    timing = Timing(**timed_fields(**when))
    draft = Draft(name, kind, timing, _object(arguments) or {}, enabled=not paused)
    with refusing(OPTIONS | {"/name": "NAME"}):
        entry = tools.scheduling.add(draft, who())
    _say(tools, entry, as_json=as_json)


@schedules.command("edit")
@click.argument("schedule")
@click.option("--name", help="Another name.")
@_ARGUMENTS
@timed
@_AS_JSON
@with_tools
def edit(tools: Tools, *, schedule: str, name: str | None, arguments: str | None, as_json: bool, **when: Any) -> None:
    """Change a schedule; what is left out stays."""
    change = Change(name, timed_fields(**when), _object(arguments))
    if change == Change():
        raise click.UsageError("Say what is to be different; see --help.")
    _say(tools, _done(tools, schedule, lambda id_: tools.scheduling.change(id_, change, who())), as_json=as_json)


@schedules.command("pause")
@click.argument("schedule")
@_AS_JSON
@with_tools
def pause(tools: Tools, *, schedule: str, as_json: bool) -> None:
    """Let it run no more until it is resumed."""
    _say(tools, _done(tools, schedule, lambda id_: tools.scheduling.pause(id_, who())), as_json=as_json)


@schedules.command("resume")
@click.argument("schedule")
@_AS_JSON
@with_tools
def resume(tools: Tools, *, schedule: str, as_json: bool) -> None:
    """Let it run again; what it missed is not made up for."""
    _say(tools, _done(tools, schedule, lambda id_: tools.scheduling.resume(id_, who())), as_json=as_json)


@schedules.command("run")
@click.argument("schedule")
@_AS_JSON
@with_tools
def run(tools: Tools, *, schedule: str, as_json: bool) -> None:
    """Run it now, also while it is paused; the scheduler takes it up in a second or two."""
    asked = _done(tools, schedule, lambda id_: tools.scheduling.run_now(id_, who()))
    if as_json:
        _print(run_json(asked))
    else:
        click.echo(f"Asked for: {asked.id}. See: {to_type('schedules', 'show', schedule)}")


@schedules.command("remove")
@click.argument("schedule")
@_AS_JSON
@with_tools
def remove(tools: Tools, *, schedule: str, as_json: bool) -> None:
    """Remove it with its history; built-in ones can be paused only."""
    gone = _done(tools, schedule, lambda id_: tools.scheduling.remove(id_, who()))
    if as_json:
        _print(schedule_json(gone, tools.scheduling.kinds))
    else:
        click.echo(f"{gone.name} is removed.")


@contextmanager
def refusing(options: Mapping[str, str] = OPTIONS) -> Iterator[None]:
    """Say what is wrong as a command says it, with the option that it concerns; `options` has those by JSON pointer."""
    try:
        yield
    except WrongSchedule as wrong:
        said = [f"{options.get(pointer, pointer.replace('/', '--', 1))}: {detail}" for pointer, detail in wrong.faults]
        raise click.UsageError("\n".join(said)) from None
    except CannotChange as refused:
        raise click.ClickException(str(refused)) from None


def _done(tools: Tools, schedule: str, act: Callable[[str], T | None]) -> T:
    entry = _known(tools, schedule)
    with refusing():
        done = act(entry.id)
    if done is None:
        raise _unknown(schedule)
    return done


def _known(tools: Tools, schedule: str) -> ScheduleEntry:
    digits = schedule.removeprefix("sch_")
    is_id = len(schedule) == PREFIX + 32 and digits != schedule and set(digits) <= set("0123456789abcdef")
    entry = tools.scheduling.find(schedule) if is_id else None
    if not is_id and not fault_of_name(schedule):
        entry = tools.scheduling.named(schedule)
    if entry is None:
        raise _unknown(schedule)
    return entry


def _unknown(schedule: str) -> click.ClickException:
    return click.ClickException(f"There is no schedule {schedule!r}. See: {to_type('schedules', 'list')}")


def _object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise click.BadParameter(f"{text!r} is not a JSON object", param_hint="--arguments")
    return found


def _say(tools: Tools, entry: ScheduleEntry, *, as_json: bool) -> None:
    if as_json:
        _print(schedule_json(entry, tools.scheduling.kinds))
    else:
        click.echo(_line(entry))


def _line(entry: ScheduleEntry) -> str:
    last = f"last {entry.last.at:%F %T} {entry.last.outcome} {entry.last.text}".rstrip() if entry.last else "never run"
    return f"{entry.name:20} {in_words(entry.timetable):40} {next_words(entry):28} {last}"


def next_words(entry: ScheduleEntry) -> str:
    """When it runs next, such as "next 2026-11-21 18:00:00 UTC", or why it does not."""
    if not entry.enabled:
        return "paused"
    if entry.next_run_at:
        return f"next {entry.next_run_at:%F %T} UTC"
    return "on" if entry.timetable.interval else "done"


def _run_line(run: RunEntry) -> str:
    took = f" ({run.ms} ms)" if run.ms is not None else ""
    return f"  {_at(run.moment)} {run.outcome:8} by {run.triggered_by}  {run.text}{took}"


def _at(moment: datetime) -> str:
    return f"{moment:%F %T}"


def _print(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


COMMANDS = (schedules,)
