"""Kinds of option that several commands take."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGO = re.compile(r"(\d{1,6})([smhd])")


class Moment(click.ParamType[datetime]):
    """A time: RFC 3339 (without a zone: UTC), a date, or how long ago it was (`90s`, `15m`, `2h`, `7d`)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, aware UTC."""
        if isinstance(value, datetime):
            return value
        if ago := _AGO.fullmatch(value):
            return _now(ctx) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        try:
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time such as 2026-11-21T10:00:00Z, 2026-11-21 or 2h (ago)", param, ctx)


def _now(ctx: click.Context | None) -> datetime:
    """The moment by the service's clock, which settings can move."""
    return ctx.obj(None).clock() if ctx and ctx.obj else datetime.now(UTC)
