"""Playing scenes: step by step, each followed by what was sent, what was not and why, and by the books."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click

from notifier.cli.demo import telling
from notifier.cli.demo.arrived import Arrived
from notifier.cli.demo.scenes import Scene
from notifier.cli.demo.stage import Stage
from notifier.cli.demo.telling import Decided, Row


@dataclass
class Audience:
    """Those who watch a scene: what they were told of it already is not told again."""

    decided: set[Decided] = field(default_factory=set)
    arrived: set[Arrived] = field(default_factory=set)
    feeds: dict[str, list[str]] = field(default_factory=dict)


def play(stage: Stage, scene: Scene) -> bool:
    """Play a scene and print it; gives whether the books balanced after it."""
    audience = Audience()
    click.echo(telling.headline(scene.name, scene.title))
    for said in scene.play(stage):
        stage.settle()
        click.echo(telling.caption(said))
        for line in telling.printed(news(stage, audience)):
            click.echo(line)
    books = stage.books()
    click.echo(telling.books_line(books))
    return bool(books["balanced"])


def news(stage: Stage, audience: Audience) -> dict[str, list[Row]]:
    """What became of things since the audience was told the last time, by the name of each person."""
    decided = telling.fresh(telling.decided_in(stage.explained()), audience.decided)
    arrived = [one for one in stage.arrived() if one not in audience.arrived]
    audience.decided.update(decided)
    audience.arrived.update(arrived)
    return dict(_rows(stage, decided, arrived, audience))


def _rows(
    stage: Stage, decided: list[Decided], arrived: list[Arrived], audience: Audience
) -> Iterator[tuple[str, list[Row]]]:
    now = datetime.now(UTC)
    for person in stage.people:
        came = [one for one in arrived if one.person == person]
        rows = telling.told(person, came, [one for one in decided if one.user == person.id], now)
        items = stage.feed(person)
        if items != audience.feeds.get(person.id):
            rows += telling.feed_rows(items)
        audience.feeds[person.id] = items
        yield person.name, rows
