"""Commands that look: what became of an event, and whether the books balance."""

import json
import sys

import click

from notifier.cli.group import to_type, with_tools
from notifier.cli.people import checked_id
from notifier.cli.tools import Tools
from notifier.policy.words import SENTENCES, State
from notifier.store.log import AttemptEntry, Books, Entry, EventEntry, Filter, Log

MANY = 1_000


@click.command()
@click.argument("event_id")
@click.option("--user", default="", help="Only what concerns this person.")
@with_tools
def why(tools: Tools, event_id: str, user: str) -> None:
    """Tell what became of an event, for whom, and why."""
    checked_id("evt", event_id)
    with tools.database.read() as connection:
        log = Log(connection)
        event = log.event(event_id)
        if event is None:
            raise click.ClickException(f"There is no event {event_id} in {tools.data_dir}.")
        entries = log.page(Filter(event=event_id, user=user), MANY + 1)
        more, entries = len(entries) > MANY, entries[:MANY]
        attempts = {entry.id: log.attempts(entry.id) for entry in entries}
    click.echo(_headline(event))
    for entry in sorted(entries, key=lambda entry: (entry.user, entry.channel, entry.id)):
        click.echo(_line(entry))
        for attempt in attempts[entry.id]:
            click.echo(_attempt(attempt))
    if more:
        click.echo(f"  The newest {MANY:,} of more. For one person: {to_type('why', event_id, '--user', 'ID')}")
    if not entries:
        click.echo(_nobody(event, user))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As GET /v1/books answers.")
@with_tools
def books(tools: Tools, as_json: bool) -> None:
    """Accepted = delivered + skipped + failed + cancelled + waiting; exit 1 where anything is unaccounted for."""
    with tools.database.read() as connection:
        found = Log(connection).books()
    click.echo(json.dumps(found.as_json(), indent=2) if as_json else _table(found))
    sys.exit(0 if found.balanced else 1)


def _headline(event: EventEntry) -> str:
    state = "planned" if event.planned_at else "accepted, not planned yet"
    return f"{event.id}  {event.type}  {event.accepted_at:%F %T} UTC  {state}"


def _line(entry: Entry) -> str:
    reason = f"{entry.reason}: {SENTENCES[entry.reason]}" if entry.reason else ""
    due = f" Next {entry.due_at:%F %T} UTC." if entry.state == State.WAITING and entry.due_at else ""
    return f"  {entry.user:16} {entry.channel:6} {entry.state:10} {reason}{due}  {entry.id}".rstrip()


def _attempt(attempt: AttemptEntry) -> str:
    return (
        f"      {attempt.started_at:%T} {attempt.outcome} {attempt.code} {attempt.text}".rstrip()
        + f"  ({attempt.ms} ms)"
    )


def _nobody(event: EventEntry, user: str) -> str:
    if event.planned_at is None:
        return "  Nobody is planned yet; a worker does it in a moment."
    return f"  Nothing for {user}: they were not a recipient." if user else "  Nobody was to be told."


def _table(found: Books) -> str:
    columns = ("accepted", "delivered", "skipped", "failed", "cancelled", "waiting")
    lines = [f"events   accepted {found.accepted}   planned {found.planned}   unplanned {found.unplanned}", ""]
    lines.append(f"{'channel':9}" + "".join(f"{column:>11}" for column in columns))
    for name, channel in found.channels.items():
        lines.append(f"{name:9}" + "".join(f"{getattr(channel, column):>11}" for column in columns))
    verdict = "balanced" if found.balanced else "NOT BALANCED"
    return "\n".join([*lines, "", f"unaccounted: {found.unaccounted}   {verdict}"])


COMMANDS = (why, books)
