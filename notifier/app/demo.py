"""What the page `/demo` is made with, out of the parts of the service."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from notifier.app.home import Home
from notifier.catchers.demo.pages import Demo
from notifier.catchers.demo.story import Person, Sender
from notifier.channels import Address
from notifier.pipeline.again import Again
from notifier.pipeline.explain import Explainer
from notifier.pipeline.explained import as_json
from notifier.policy.choices import CAP, CAPPED, MOST_PER_HOUR, Author
from notifier.policy.tokens import PersonToken, make_person_token
from notifier.store.choices import Choices
from notifier.store.database import Database
from notifier.store.people import People

WHO = "demo"  # in the audit, and in the history of preferences
AN_HOUR = timedelta(hours=1)
# Whoever tries things out does a lot within an hour; all of it is to be seen at once.
WISHES: Mapping[tuple[str, str], str] = {(CAP, channel): str(MOST_PER_HOUR) for channel in CAPPED}


def make_demo(
    database: Database,
    home: Home,
    explainer: Explainer,
    again: Again,
    masked: Callable[[str, Address], str],
    link_secret: bytes,
    clock: Callable[[], datetime],
) -> Demo:
    """The page's parts; nothing is opened before it is asked for."""

    def welcome(people: Sequence[Person]) -> list[str]:
        with database.write() as connection:
            return _welcomed(People(connection), Choices(connection), people, clock())

    def explain(event: str) -> dict[str, Any] | None:
        found = explainer.stored(event)
        return None if found is None else as_json(found, masked)

    def token(user: str) -> str:
        until = (clock() + AN_HOUR).replace(microsecond=0)
        return make_person_token(link_secret, PersonToken(user, until))

    return Demo(
        sender=lambda: _sender(home),
        welcome=welcome,
        explain=explain,
        token=token,
        hurry=lambda delivery: again.one(delivery, who=WHO),
        clock=clock,
    )


def _welcomed(held: People, choices: Choices, people: Sequence[Person], now: datetime) -> list[str]:
    """Make those of the people who are not known yet; gives which have no device."""
    for person in people:
        if held.profile(person.id) is None:
            held.save(person.id, {"name": person.name, "locale": "en", "timezone": "UTC"}, now)
            held.set_mailbox(person.id, person.email, now)
            choices.change({person.id: WISHES}, Author(WHO, "page"), now)
    return [person.id for person in people if not any(device.state == "active" for device in held.devices(person.id))]


def _sender(home: Home) -> Sender:
    kept = home.default_app
    if kept is None:  # the first `notifier up` makes one before anything is served
        raise LookupError("This data folder has no default app. Run `notifier up` once.")
    return Sender(kept.app, kept.secret)
