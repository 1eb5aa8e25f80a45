"""The demo command: its options, and the order of what it does."""

import re
import uuid
from typing import Any

import click

from notifier.cli.demo.closing import closing
from notifier.cli.demo.run import Plan, Run, play
from notifier.cli.group import with_tools
from notifier.cli.tools import Tools
from notifier.cli.upstream import Upstream


class Rate(click.ParamType[float]):
    """Events per second: `10` or `10/s`."""

    name = "r/s"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)(?:/s)?", str(value))
        if not match or not float(match[1]):
            self.fail(f"{value!r} is not a rate such as 10/s", param, ctx)
        return float(match[1])


@click.command()
@click.option("--users", default=24, show_default=True, type=click.IntRange(2, 10_000), help="How many people act.")
@click.option("--rate", default="10/s", show_default=True, type=Rate(), help="Events in a second.")
@click.option(
    "--minutes", default=0.3, show_default=True, type=click.FloatRange(0, min_open=True), help="How long they act."
)
@click.option(
    "--fail",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0, 100),
    help="Per cent of the mails and pushes that fail at first.",
)
@click.option("--seed", type=int, help="The same number makes the same things happen.")
@with_tools
def demo(tools: Tools, users: int, rate: float, minutes: float, fail: float, seed: int | None) -> None:
    """Play a small social app: real people's acts, signed and posted to the running service.

    For development only: the mails and pushes go to the local catchers, under /dev.
    """
    seed = seed if seed is not None else uuid.uuid4().int % 10_000
    plan = Plan(users, max(1, round(rate * minutes * 60)), rate, fail / 100, seed)
    with Upstream(tools) as upstream:
        if upstream.call("GET", "/dev").status != 200:
            raise click.UsageError("The service runs in production, where this would write to people. Nothing is sent.")
        click.echo(f"{users} people act at {upstream.url}: {plan.count:,} events, {rate:g} in a second (--seed {seed})")
        run = Run(uuid.uuid4().hex[:8])
        standing = play(tools, upstream, plan, run)
        click.echo("\n" + closing(run, standing, upstream.url))
