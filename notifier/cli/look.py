"""Commands that look: what became of an event, and whether the books balance."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import click

from notifier.cli.group import to_type, with_tools
from notifier.cli.people import checked_id
from notifier.cli.tools import Tools
from notifier.pipeline import explained
from notifier.pipeline.explain import Explanation
from notifier.policy.explaining import Line, sentence
from notifier.store.books import Books, count_books
from notifier.store.log import AttemptEntry, Log
from notifier.store.types import moment_of

PAGE = 200  # people
MANY = 1_000  # people, unless one is asked for
_BONDS = {"follow": "follows", "block": "blocks", "mute_actor": "mutes", "mute_object": "mutes"}


@click.command()
@click.argument("event_id")
@click.option("--user", default="", help="Only this person; also why they are no recipient.")
@click.option("--json", "as_json", is_flag=True, help="As GET /v1/events/{id}/explain answers.")
@with_tools
def why(tools: Tools, event_id: str, user: str, *, as_json: bool) -> None:
    """Tell what became of an event, for whom, and why."""
    checked_id("evt", event_id)
    found = _explained(tools, event_id, user)
    if as_json:
        click.echo(json.dumps(explained.as_json(found, tools.masked), indent=2))
        return
    with tools.database.read() as connection:
        log = Log(connection)
        attempts = {line.delivery: log.attempts(line.delivery) for line in found.lines if line.delivery}
    click.echo(_headline(found))
    for line in found.lines:
        click.echo(_line(line, explained.masked_address(line, found, tools.masked), tools.clock()))
        for attempt in attempts.get(line.delivery or "", ()):
            click.echo(_attempt(attempt))
    for says in _besides(found):
        click.echo(f"  {says}")
    if found.next:
        click.echo(f"  The first {MANY:,} of more. For one person: {to_type('why', event_id, '--user', 'ID')}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As GET /v1/books answers.")
@with_tools
def books(tools: Tools, as_json: bool) -> None:
    """Accepted = delivered + skipped + failed + cancelled + waiting; exit 1 where anything is unaccounted for."""
    with tools.database.read() as connection:
        found = count_books(connection)
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else _table(found))
    sys.exit(0 if found.balanced else 1)


def _explained(tools: Tools, event_id: str, user: str) -> Explanation:
    """The whole explanation, or its first pages where it is long. Raises `click.ClickException`."""
    found = tools.explainer.stored(event_id, user=user, limit=PAGE)
    if found is None:
        gone = tools.retention.gone_event(moment_of(event_id), tools.clock())
        raise click.ClickException(f"There is no event {event_id} in {tools.data_dir}. {gone}".rstrip())
    for _ in range(PAGE, MANY, PAGE):
        more = tools.explainer.stored(event_id, mark=found.next, limit=PAGE) if found.next else None
        if more is None:
            break
        lines, addresses = [*found.lines, *more.lines], {**found.addresses, **more.addresses}
        found = replace(found, lines=lines, next=more.next, addresses=addresses)
    return found


def _headline(found: Explanation) -> str:
    event = found.known.event
    state = "planned" if found.known.planned_at else "accepted, not planned yet"
    return f"{event.id}  {event.type}  {event.accepted_at:%F %T} UTC  {state}"


def _line(line: Line, address: str | None, now: datetime) -> str:
    if line.channel is None:
        if line.rule == "retention":
            return f"  {sentence(line)}"
        who = f"{line.user}: not a recipient. " if line.user else f"{line.reason}: "
        return f"  {who}{sentence(line)}"
    because = f"{line.reason}: {sentence(line)}" if line.reason else ""
    parts = [
        because,
        f"{line.rule} = {line.value}" if line.rule else "",
        _due(line.due_at, now),
        address or "",
        line.delivery,
    ]
    return f"  {line.user:16} {line.channel:6} {line.state:10} " + "  ".join(part for part in parts if part)


def _due(at: datetime | None, now: datetime) -> str:
    """When it goes on, in the time zone of this machine."""
    if at is None:
        return ""
    here = at.astimezone()
    seconds = max((at - now).total_seconds(), 0)
    ahead = f"{seconds / 3600:.0f} h" if seconds > 5_400 else f"{seconds / 60:.0f} min"
    return f"due {here:%A %F %H:%M} {here.tzname()} (in {ahead})"


def _besides(found: Explanation) -> Iterator[str]:
    """What there is to say of the event itself."""
    bond = found.bond
    if found.known.undone_by:
        yield f"It was taken back by {found.known.undone_by}."
    if bond:
        yield f"From then on {bond.user} {_BONDS[bond.kind]} {bond.other}{' no more' if bond.ends else ''}."
    for id_, type_ in found.took_back:
        yield f"It took back {id_}  {type_}"
    if not found.lines and not found.known.planned_at:
        yield "Nobody is planned yet; a worker does it in a moment."
    elif not found.lines:
        yield "Nobody was to be told."


def _attempt(attempt: AttemptEntry) -> str:
    return (
        f"      {attempt.started_at:%T} {attempt.outcome} {attempt.code} {attempt.text}".rstrip()
        + f"  ({attempt.ms} ms)"
    )


def _table(found: Books) -> str:
    columns = ("accepted", "delivered", "skipped", "failed", "cancelled", "waiting")
    lines = [f"events   accepted {found.accepted}   planned {found.planned}   unplanned {found.unplanned}", ""]
    lines.append(f"{'channel':9}" + "".join(f"{column:>11}" for column in columns))
    for name, channel in found.channels.items():
        lines.append(f"{name:9}" + "".join(f"{getattr(channel, column):>11}" for column in columns))
    verdict = "balanced" if found.balanced else "NOT BALANCED"
    return "\n".join([*lines, "", f"unaccounted: {found.unaccounted}   {verdict}"])


COMMANDS = (why, books)
