"""The command that tries a changed rule on the events of the last days."""

import json
import tomllib
from typing import Any

import click

from notifier.cli.group import with_tools
from notifier.cli.people import app_id
from notifier.cli.tools import Tools
from notifier.pipeline.backtest import Report
from notifier.policy.backtest import Missed
from notifier.policy.changing import Change, WrongChange

SHOWN = 20  # of what would have been missed; all with --json


@click.command()
@click.option("--days", default=7.0, show_default=True, type=click.FloatRange(0, 90, min_open=True))
@click.option(
    "--set", "fields", multiple=True, metavar="TYPE.FIELD=VALUE", help="As in the catalogue: like.push=daily."
)
@click.option("--cap", "caps", multiple=True, metavar="CHANNEL=N", help="Messages per person and hour: push=5.")
@click.option("--app", default="", help="Only events of this upstream app (app_…).")
@click.option("--json", "as_json", is_flag=True, help="As POST /v1/policy/backtest answers.")
@with_tools
def backtest(
    tools: Tools, *, days: float, fields: tuple[str, ...], caps: tuple[str, ...], app: str, as_json: bool
) -> None:
    """Tell what a changed rule would have done in the last days. Nothing is sent, nothing is changed.

    For example: notifier backtest --set like.push=daily --set like.gather=600 --cap push=5
    """
    change = Change(_types(fields), dict(_parted(cap, "--cap") for cap in caps))
    try:
        report = tools.backtest.run(change, days, app and app_id(app))
    except WrongChange as wrong:
        raise click.UsageError(str(wrong)) from None
    if as_json:
        click.echo(json.dumps({"days": days} | report.as_json(), indent=2))
    else:
        click.echo(_table(report))


def _types(fields: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    types: dict[str, dict[str, Any]] = {}
    for text in fields:
        name, value = _parted(text, "--set")
        type_, dot, field = name.rpartition(".")
        if not dot:
            raise click.BadParameter(f"{text!r} is not such as like.push=daily", param_hint="--set")
        types.setdefault(type_, {})[field] = value
    return types


def _parted(text: str, option: str) -> tuple[str, Any]:
    """The name and the value, which may be written as TOML or, where it is one word, without quotes."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=option)
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def _table(report: Report) -> str:
    result = report.result
    lines = [
        f"{report.begin:%F %H:%M} to {report.end:%F %H:%M} UTC: {result.events:,} events, {result.pairs:,} recipients"
    ]
    if report.truncated:
        lines.append("There was more before that; it was left out.")
    lines += ["", f"{'channel':9}{'before':>9}{'after':>9}{'difference':>12}{'':>9}{'digests':>18}   waits longer"]
    for name, one in result.channels.items():
        percent = f"{one.percent:+.1f} %" if one.percent is not None else ""
        digests = f"{one.digests_before:,} → {one.digests_after:,}"
        later = ", ".join(f"{count:,} {reason}" for reason, count in one.later.items()) or "–"
        row = f"{name:9}{one.before:>9,}{one.after:>9,}{one.difference:>+12,}{percent:>9}{digests:>18}   {later}"
        lines.append(row)
    lines += ["", _missed_words(result.missed_count)]
    lines += [f"  {_missed(one)}" for one in result.missed[:SHOWN]]
    if result.missed_count > SHOWN:
        lines.append("  …")
    return "\n".join(lines)


def _missed_words(count: int) -> str:
    if not count:
        return "No mention or comment would have been missed."
    return f"Mentions and comments that would not have come by themselves: {count:,}"


def _missed(one: Missed) -> str:
    instead = one.instead
    if instead is None:
        return f"{one.event}  {one.type}  {one.user}  {one.channel}  nothing: no recipient"
    decided = f"{instead.reason or instead.state}: {instead.rule} = {instead.value}"
    return f"{one.event}  {one.type}  {one.user}  {one.channel}  {decided}"


COMMANDS = (backtest,)
