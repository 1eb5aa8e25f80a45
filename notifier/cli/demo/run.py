"""One run of the demo: its people are made, their acts are posted, and their deliveries are waited for."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from random import Random
from urllib.parse import urlsplit

import click

from notifier.cli.demo.people import Person, people
from notifier.cli.demo.story import Act, Story
from notifier.cli.progress import Told, progress
from notifier.cli.tools import Catchers, Tools
from notifier.cli.upstream import Answer, Upstream
from notifier.policy.words import State
from notifier.store.standing import Standing, standing_of, unplanned_of

SETTLE = 8.0  # seconds to wait for the deliveries at most
LOOK = 0.25  # seconds between two looks
UNREACHABLE = 0.5  # of the share that fails, so many people's addresses do not exist
AT_ONCE = ("comment", "mention")  # types that are mailed and pushed without gathering


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for. `rate` is events per second, `fail` the share (0 to 1) of messages that fail at first."""

    users: int
    count: int
    rate: float
    fail: float
    seed: int

    def random(self, what: str) -> Random:
        """Chance for one purpose, the same in every run of this seed."""
        return Random(f"{self.seed} {what}")  # noqa: S311 (a story, not a secret)


@dataclass
class Run:
    """What was posted so far."""

    name: str
    admin: str = "owner@localhost"
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    events: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    twice: int = 0
    own: int = 0
    unplanned: int = 0

    def note(self, act: Act, answer: Answer) -> None:
        """Remember what was answered."""
        if not answer.ok:
            self.refused.append(answer.refusal)
        elif answer.body["duplicate"]:
            self.twice += 1
        else:
            self.events.append(answer.body["id"])
            self.own += act.is_own


def play(tools: Tools, upstream: Upstream, plan: Plan, run: Run) -> list[Standing]:
    """Play the whole run; gives how its deliveries stand in the end."""
    catchers = tools.catchers
    crowd = people(plan.users, unreachable=round(plan.users * plan.fail * UNREACHABLE), run=run.name)
    settle_people(upstream, catchers, crowd)
    try:
        post(upstream, Story(crowd, plan.random("story")).acts(), plan, run, catchers)
        return wait(tools, run)
    finally:
        catchers.calm()


def settle_people(upstream: Upstream, catchers: Catchers, crowd: list[Person]) -> None:
    """Tell the service of the people, and give a browser of the push catcher to those who shall have one."""
    with progress("People", len(crowd)) as told:
        for number, person in enumerate(crowd, 1):
            path = f"/v1/users/{person.id}"
            profile = {"name": person.name, "email": person.email, "locale": person.locale, "timezone": person.timezone}
            _needed(upstream.call("PUT", path, profile))
            if person.has_device:
                _give_browser(upstream, catchers, person)
            told(number, person.name)


def _give_browser(upstream: Upstream, catchers: Catchers, person: Person) -> None:
    """Give them a browser of this push catcher, unless they have one; an earlier one may be at another port."""
    path, here = f"/v1/users/{person.id}/push-subscriptions", urlsplit(upstream.url).netloc
    held = [one for one in _needed(upstream.call("GET", path)).body["data"] if one["state"] == "active"]
    elsewhere = [one for one in held if one["endpoint_host"] != here]
    for one in elsewhere:
        _needed(upstream.call("DELETE", f"{path}/{one['id']}"))
    if len(elsewhere) == len(held):
        _needed(upstream.call("POST", path, catchers.browser(person.id)))


def post(upstream: Upstream, acts: Iterator[Act], plan: Plan, run: Run, catchers: Catchers) -> None:
    """Post the acts at the asked rate; Ctrl-C ends it early."""
    chance = plan.random("fail")
    with progress("Events", plan.count) as told:
        try:
            for number, act in enumerate(_paced(acts, plan), 1):
                if act.event["type"] in AT_ONCE and not act.is_again and chance.random() < plan.fail:
                    catchers.trip()
                run.note(act, upstream.post(act.event, f"demo-{run.name}-{act.number}"))
                told(number, act.says)
        except KeyboardInterrupt:
            click.echo("Stopped early.", err=True)


def wait(tools: Tools, run: Run) -> list[Standing]:
    """Wait until nothing of this run is under way, but not for what waits on purpose; gives how it stands."""
    until = time.monotonic() + SETTLE
    with progress("Deliveries", None) as told:
        while _under_way(tools, run, told) and time.monotonic() < until:
            time.sleep(LOOK)
    with tools.database.read() as connection:
        return standing_of(connection, run.events)


def _under_way(tools: Tools, run: Run, told: Told) -> int:
    with tools.database.read() as connection:
        run.unplanned = unplanned_of(connection, run.events)
        standing = standing_of(connection, run.events)
    under_way = sum(one.count for one in standing if one.state in (State.QUEUED, State.SENDING))
    total = sum(one.count for one in standing)
    told(total - under_way, f"{under_way} under way", total)
    return under_way + run.unplanned


def _paced(acts: Iterator[Act], plan: Plan) -> Iterator[Act]:
    began = time.monotonic()
    for number, act in enumerate(islice(acts, plan.count)):
        time.sleep(max(0.0, began + number / plan.rate - time.monotonic()))
        yield act


def _needed(answer: Answer) -> Answer:
    if not answer.ok:
        raise click.ClickException(answer.refusal)
    return answer
