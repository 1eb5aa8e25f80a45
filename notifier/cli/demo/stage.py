"""The stage on which a scene is played: its people, what they do, and what the service says became of it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from notifier.cli.demo.arrived import Arrived, mails, pushes
from notifier.cli.demo.people import DOMAIN, Person
from notifier.cli.demo.story import SITE, Post
from notifier.cli.tools import Tools
from notifier.cli.upstream import Answer, Upstream
from notifier.policy.words import Reason, State
from notifier.store.standing import Standing, standing_of, unplanned_of

PATIENCE = 60.0  # seconds in which a scene's messages must have gone out
LOOK = 0.1  # seconds between two looks
SOON = timedelta(seconds=5)  # what is due by then is under way
SHORT = timedelta(minutes=5)  # what gathers for longer waits for a milestone, and that is not to be hurried
PAGE = 200


class Stage:
    """One scene's people and events. What it does, it does over HTTP as an app would."""

    def __init__(self, tools: Tools, upstream: Upstream, scene: str, run: str) -> None:
        self._tools = tools
        self._upstream = upstream
        self._name = f"{scene}-{run}"
        self.people: list[Person] = []
        self.events: list[str] = []
        self._before: list[str] = []

    def person(self, name: str, zone: str = "Europe/Lisbon", **preferences: Any) -> Person:
        """Somebody with a mailbox and a browser, of whom the scene will tell."""
        nick = f"{name.lower()}-{self._name}"
        person = Person(nick, name, f"{nick}@{DOMAIN}", "en", zone)
        profile = {"id": nick, "name": name, "email": person.email, "locale": "en", "timezone": zone}
        chosen = {"digest": {"time": _far_hour(datetime.now(ZoneInfo(zone)))}} | preferences
        self._needed("PUT", "/v1/users/batch", {"users": [profile | {"preferences": chosen}]})
        self._needed("POST", f"/v1/users/{nick}/push-subscriptions", self._tools.catchers.browser(nick))
        self.people.append(person)
        return person

    def passer(self, name: str, number: int = 0) -> Person:
        """Somebody who only acts: nothing is told to them, and the service need not know them."""
        nick = f"{name.lower()}-{number}-{self._name}" if number else f"{name.lower()}-{self._name}"
        return Person(nick, name, "", "en", "UTC", has_device=False)

    def thing(self, owner: Person, title: str) -> Post:
        """A post of theirs."""
        return Post(f"{title.lower().replace(' ', '-')}-{self._name}", title, owner)

    def new_id(self, prefix: str) -> str:
        """An id for something that occurs in one event only."""
        return f"{prefix}{len(self._all)}-{self._name}"

    def act(self, type_: str, actor: Person, *, before: bool = False, ago: float = 0.0, **data: Any) -> None:
        """Somebody does something, `ago` seconds ago; where that was `before` the scene, it is not told of."""
        who = {"id": actor.id, "name": actor.name, "url": f"{SITE}/{actor.id}"}
        at = datetime.now(UTC) - timedelta(seconds=ago)
        event = {"type": type_, "timestamp": _rfc3339(at), "data": {"actor": who, **data}}
        answer = _ok(self._upstream.post(event, f"scene-{self._name}-{len(self._all)}"))
        (self._before if before else self.events).append(answer.body["id"])

    def choose(self, person: Person, **preferences: Any) -> None:
        """A person changes what and when they want to hear."""
        self._needed("PUT", f"/v1/users/{person.id}/preferences", preferences)

    def block(self, person: Person, other: Person) -> None:
        """A person blocks another."""
        self._needed("PUT", f"/v1/users/{person.id}/blocks/{other.id}")

    def mute(self, person: Person, post: Post) -> None:
        """A person mutes a post."""
        self._needed("PUT", f"/v1/users/{person.id}/mutes/object:{post.id}")

    def settle(self) -> None:
        """Wait until all is planned, and all that is due has gone out."""
        until = time.monotonic() + PATIENCE
        while self._under_way():
            if time.monotonic() > until:
                raise click.ClickException(f"After {PATIENCE:g} s there is still something under way. Do workers run?")
            time.sleep(LOOK)

    def hurry(self) -> int:
        """Let what gathers go out now, and wait until it has; gives how many deliveries that was."""
        self.settle()
        late = datetime.now(UTC) + SHORT
        gathering = [one for one in self.deliveries() if one["reason"] == Reason.GATHERING]
        hurried = [one for one in gathering if datetime.fromisoformat(one["due_at"]) < late]
        for one in hurried:
            self._needed("POST", f"/v1/deliveries/{one['id']}/retry")
        self.settle()
        return len(hurried)

    def explained(self) -> Iterator[Mapping[str, Any]]:
        """For each event, oldest first, what the service explains."""
        for event in self.events:
            yield self._needed("GET", f"/v1/events/{event}/explain").body

    def deliveries(self) -> list[Mapping[str, Any]]:
        """The deliveries of the scene's people and events, oldest first."""
        told = set(self.events)
        paths = [f"/v1/deliveries?limit={PAGE}&user={person.id}" for person in self.people]
        found = [one for path in paths for one in self._pages(path)]
        return sorted((one for one in found if told & set(one["events"])), key=lambda one: str(one["id"]))

    def arrived(self) -> list[Arrived]:
        """The messages that came to the scene's people, oldest first."""
        told = {str(one["id"]) for one in self.deliveries()}
        found = [one for person in self.people for one in self._of(person)]
        return [one for one in found if one.delivery in told]

    def feed(self, person: Person) -> list[str]:
        """What stands in the person's feed, newest first."""
        return [item["text"] for item in self._pages(f"/v1/users/{person.id}/feed?limit={PAGE}")]

    def books(self) -> Mapping[str, Any]:
        """The books of the whole service."""
        return self._needed("GET", "/v1/books").body

    def _of(self, person: Person) -> Iterator[Arrived]:
        listed = self._needed("GET", f"/dev/mail.json?limit={PAGE}&to={person.email}").body["data"]
        whole = [self._needed("GET", one["links"]["json"]).body for one in listed]
        yield from mails(person, reversed(whole))
        listed = self._needed("GET", f"/dev/push.json?limit={PAGE}&user={person.id}").body["data"]
        yield from pushes(person, reversed(listed))

    def _pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        """All that a list holds, page by page."""
        page = self._needed("GET", path).body
        yield from page["data"]
        while page["next_cursor"]:
            page = self._needed("GET", f"{path}&cursor={page['next_cursor']}").body
            yield from page["data"]

    @property
    def _all(self) -> Sequence[str]:
        return [*self._before, *self.events]

    def _under_way(self) -> bool:
        with self._tools.database.read() as connection:
            return bool(unplanned_of(connection, self._all)) or any(
                map(_is_under_way, standing_of(connection, self._all))
            )

    def _needed(self, method: str, path: str, body: Any = None) -> Answer:
        return _ok(self._upstream.call(method, path, body))


def _far_hour(local: datetime) -> str:
    """A full hour about half a day from now: no digest is to come in the middle of a scene."""
    return f"{local + timedelta(hours=12):%H}:00"


def _is_under_way(one: Standing) -> bool:
    is_due = one.first_due is not None and one.first_due < datetime.now(UTC) + SOON
    return one.state in (State.QUEUED, State.SENDING) or (one.state == State.WAITING and is_due)


def _rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ok(answer: Answer) -> Answer:
    """The answer. Raises `click.ClickException` where it is a refusal, also of one among many."""
    refused = [one["problem"] for one in answer.body.get("results", ()) if "problem" in one]
    if not answer.ok or refused:
        raise click.ClickException(f"The service refused: {answer.refusal if not answer.ok else refused[0]}")
    return answer
