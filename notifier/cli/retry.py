"""The command that tries dead deliveries again, found by the same filters as the log."""

from datetime import datetime

import click

from notifier.cli.group import to_type, who, with_tools
from notifier.cli.options import Moment
from notifier.cli.people import checked_id
from notifier.cli.progress import progress
from notifier.cli.tools import Tools
from notifier.policy.catalogue import CHANNELS, Catalogue
from notifier.policy.words import DEAD, State
from notifier.store.log import Entry, Filter, Log

ASKS = 100  # more than this many are sent only after a question
MOST = 1_000_000  # counted no further than this


@click.command()
@click.argument("delivery_id", required=False)
@click.option(
    "--state", type=click.Choice([str(State.FAILED)]), default=str(State.FAILED), show_default=True, help="Only these."
)
@click.option("--channel", "channels", multiple=True, type=click.Choice(CHANNELS), help="Only these; may be repeated.")
@click.option("--type", "types", multiple=True, help="Only these types, long or short; may be repeated.")
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice([str(reason) for reason in DEAD]),
    help="Only these; may be repeated.",
)
@click.option("--user", default="", help="Only to this person.")
@click.option("--app", default="", help="Only of this upstream app (app_…).")
@click.option("--event", default="", help="Only of this event (evt_…).")
@click.option("--since", type=Moment(), help="Only made since: 2026-11-21T10:00:00Z, 2026-11-21, 2h (ago).")
@click.option("--until", type=Moment(), help="Only made before that time.")
@click.option("--yes", is_flag=True, help=f"Do not ask, also above {ASKS}.")
@with_tools
def retry(
    tools: Tools,
    *,
    delivery_id: str | None,
    state: str,
    channels: tuple[str, ...],
    types: tuple[str, ...],
    reasons: tuple[str, ...],
    user: str,
    app: str,
    event: str,
    since: datetime | None,
    until: datetime | None,
    yes: bool,
) -> None:
    """Try failed deliveries again: all of a filter that were not retried yet, or one.

    A delivery that failed keeps its record; a new one is sent in its place. One DELIVERY_ID may also be waiting: it
    becomes due now.
    """
    wanted = Filter(
        states=(state,),
        channels=channels,
        types=_long(types, tools.catalogue),
        reasons=reasons,
        user=user,
        app=app and checked_id("app", app),
        event=event and checked_id("evt", event),
        since=since,
        until=until,
    )
    if delivery_id is None:
        _all(tools, wanted, yes=yes)
    elif wanted != Filter(states=(state,)):
        raise click.UsageError("Give either a DELIVERY_ID or filters, not both.")
    else:
        _one(tools, checked_id("dlv", delivery_id))


def _one(tools: Tools, delivery: str) -> None:
    entry = _entry(tools, delivery)
    stands = tools.again.one(delivery, who=who())
    if stands is None:
        raise click.ClickException(_why_not(tools, entry))
    said = "It waits no longer" if stands == delivery else f"It is sent again as {stands}"
    click.echo(f"{said}; it goes out in a moment. {_see(entry)}".rstrip() + _not_running(tools))


def _all(tools: Tools, wanted: Filter, *, yes: bool) -> None:
    count = tools.again.count(wanted, MOST)
    if not count:
        click.echo("Nothing to retry: no failed delivery matches that was not retried already.")
        return
    if count > ASKS and not yes:
        click.confirm(f"{_deliveries(count)} failed and match. Send them again?", abort=True)
    with progress("Retrying", count) as told:
        total = tools.again.all(wanted, who=who(), told=told)
    click.echo(f"{_deliveries(total)} to be sent again, within seconds." + _not_running(tools))


def _entry(tools: Tools, delivery: str) -> Entry:
    with tools.database.read() as connection:
        entry = Log(connection).delivery(delivery)
    if entry is None:
        raise click.ClickException(f"There is no delivery {delivery} in {tools.data_dir}.")
    return entry


def _why_not(tools: Tools, entry: Entry) -> str:
    with tools.database.read() as connection:
        retried_as = Log(connection).retried_as(entry.id)
    if retried_as:
        return f"It was retried already, as {retried_as}."
    return f"It is {entry.state}; only what waits or failed can be tried again."


def _see(entry: Entry) -> str:
    return f"See: {to_type('why', entry.events[0])}" if entry.events else ""


def _not_running(tools: Tools) -> str:
    return "" if tools.service().url else "\nNothing runs here now; they go out when the service does: make run"


def _deliveries(count: int) -> str:
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"


def _long(types: tuple[str, ...], catalogue: Catalogue) -> tuple[str, ...]:
    kinds = [(name, catalogue.find(name)) for name in types]
    for name, kind in kinds:
        if kind is None:
            known = ", ".join(catalogue.short_names)
            raise click.BadParameter(f"{name!r} is not in the catalogue; we know {known}", param_hint="--type")
    return tuple(kind.name for _, kind in kinds if kind)


COMMANDS = (retry,)
