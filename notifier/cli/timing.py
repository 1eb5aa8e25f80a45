"""The options that say when something runs."""

import re
from collections.abc import Callable
from typing import Any

import click

from notifier.cli.options import UNITS
from notifier.policy.schedules import zones

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(rf"(\d{{1,9}})([{''.join(UNITS)}]?)")


class Span(click.ParamType[int]):
    """A length of time in seconds: `90s`, `15m`, `2h`, `1d`, or a number of seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The seconds."""
        if isinstance(value, int):
            return value
        found = _SPAN.fullmatch(value)
        if not found:
            self.fail(f"{value!r} is not a length of time such as 15m, 2h or 1d", param, ctx)
        return int(found[1]) * SECONDS[found[2] or "s"]


class Zone(click.ParamType[str]):
    """A name of the tz database."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it was given."""
        if value and value not in zones():
            self.fail(f"{value!r} is not a name of the tz database such as Europe/Berlin", param, ctx)
        return str(value)


_AT = click.option(
    "--at", metavar="TIME", help="Once: 2026-12-24T18:00 on the zone's clock, one with an offset, or now."
)
_ZONE = click.option("--zone", type=Zone(), help="Whose clock: Europe/Berlin; else UTC.")
_LOCAL = click.option("--local/--not-local", default=None, help="At that time on each person's own clock.")
_CRON = click.option("--cron", metavar="LINE", help='Five fields: "30 9 * * mon-fri".')
_EVERY = click.option("--every", type=Span(), help="15m, 2h, 1d.")


def timed(run: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options `cron`, `every`, `at`, `zone` and `local`."""
    for option in (_LOCAL, _ZONE, _AT, _EVERY, _CRON):
        run = option(run)
    return run


def timed_fields(
    cron: str | None, every: int | None, at: str | None, zone: str | None, local: bool | None
) -> dict[str, Any]:
    """The fields of a `Timing` that the options gave."""
    given = {"cron": cron, "interval_seconds": every, "at": at, "timezone": zone, "local": local}
    return {name: value for name, value in given.items() if value is not None}
