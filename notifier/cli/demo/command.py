"""The demo command: its options, and the order of what it does."""

import re
import sys
import uuid
from typing import Any

import click

from notifier.cli.demo.closing import after_scenes, closing
from notifier.cli.demo.playing import play as play_scene
from notifier.cli.demo.run import Plan, Run, play
from notifier.cli.demo.scenes import SCENES
from notifier.cli.demo.stage import Stage
from notifier.cli.group import with_tools
from notifier.cli.tools import Tools
from notifier.cli.upstream import Upstream

ALL = "all"


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
@click.option(
    "--scene",
    "wanted",
    multiple=True,
    type=click.Choice([ALL, *(scene.name for scene in SCENES)]),
    help="Play only this scene; may be repeated.",
)
@click.option("--no-scenes", is_flag=True, help="Play only the small app.")
@with_tools
def demo(tools: Tools, wanted: tuple[str, ...], no_scenes: bool, seed: int | None, **asked: Any) -> None:
    """Play a small social app: real people's acts, signed and posted to the running service.

    Then six scenes show what is sent, what is not, and why: a viral post, night time, a block, an unlike, a flood, a
    deleted post. For development only: the mails and pushes go to the local catchers, under /dev.
    """
    if wanted and no_scenes:
        raise click.UsageError("Give --scene or --no-scenes, not both.")
    scenes = [] if no_scenes else [one for one in SCENES if not wanted or {one.name, ALL} & set(wanted)]
    name = uuid.uuid4().hex[:8]
    with Upstream(tools) as upstream:
        if upstream.call("GET", "/dev").status != 200:
            raise click.UsageError("The service runs in production, where this would write to people. Nothing is sent.")
        if not wanted:
            _play_app(tools, upstream, name, seed if seed is not None else uuid.uuid4().int % 10_000, **asked)
        stages = [(Stage(tools, upstream, scene.name, name), scene) for scene in scenes]
        balanced = [play_scene(stage, scene) for stage, scene in stages]
        for stage, scene in stages[-1:]:
            click.echo("\n" + after_scenes(upstream.url, stage.events[0], scene.name))
    sys.exit(0 if all(balanced) else 1)


def _play_app(
    tools: Tools, upstream: Upstream, name: str, seed: int, *, users: int, rate: float, minutes: float, fail: float
) -> None:
    plan = Plan(users, max(1, round(rate * minutes * 60)), rate, fail / 100, seed)
    click.echo(f"{users} people act at {upstream.url}: {plan.count:,} events, {rate:g} in a second (--seed {seed})")
    run = Run(name)
    standing = play(tools, upstream, plan, run)
    click.echo("\n" + closing(run, standing, upstream.url))
