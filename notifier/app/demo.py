"""What the page `/demo` is made with, out of the parts of the service."""

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import IO, Any

from notifier.app.home import Home
from notifier.catchers.demo.pages import Demo
from notifier.catchers.demo.story import Person, Sender
from notifier.channels import Address
from notifier.media.storage import workplace
from notifier.pipeline.again import Again
from notifier.pipeline.explain import Explainer
from notifier.pipeline.explained import as_json
from notifier.pipeline.uploading import Uploading
from notifier.policy.choices import CAP, CAPPED, MOST_PER_HOUR, Author
from notifier.policy.tokens import PersonToken, make_person_token
from notifier.policy.words import Cadence
from notifier.store.assets import AssetEntry, Assets
from notifier.store.choices import Choices
from notifier.store.database import Database
from notifier.store.people import People
from notifier.store.renditions import RenditionEntry, Renditions, standing

WHO = "demo"  # in the audit, and in the history of preferences
AN_HOUR = timedelta(hours=1)
# Whoever tries things out does a lot within an hour; all of it is to be seen at once.
WISHES: Mapping[tuple[str, str], str] = {(CAP, channel): str(MOST_PER_HOUR) for channel in CAPPED} | {
    ("post.created", channel): Cadence.INSTANT for channel in ("email", "push")
}


def make_demo(
    database: Database,
    home: Home,
    explainer: Explainer,
    again: Again,
    masked: Callable[[str, Address], str],
    link_secret: bytes,
    uploading: Uploading,
    media_url: Callable[[str], str],
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

    def upload(stream: IO[bytes], called: str) -> str:
        with workplace(uploading.storage, f"upload-{uuid.uuid4().hex}") as folder:
            path = folder / "sent"
            with path.open("wb") as file:
                shutil.copyfileobj(stream, file)
            return uploading.upload(_sender(home).app, path, called=called)

    def photo(asset: str) -> dict[str, Any] | None:
        with database.read() as connection:
            found = Assets(connection).find(asset)
            made = Renditions(connection).of([asset]).get(asset, [])
        return None if found is None else _photo(found, made, media_url)

    return Demo(
        sender=lambda: _sender(home),
        welcome=welcome,
        explain=explain,
        token=token,
        hurry=lambda delivery: again.one(delivery, who=WHO),
        upload=upload,
        photo=photo,
        clock=clock,
    )


def _photo(asset: AssetEntry, made: Sequence[RenditionEntry], url: Callable[[str], str]) -> dict[str, Any]:
    versions = [
        {
            "spec": one.spec,
            "state": one.state,
            "said": one.said,
            "url": url(one.file) if one.file else "",
            "width": one.width,
            "height": one.height,
            "octets": one.octets,
            "progress": one.progress,
        }
        for one in made
    ]
    return {"state": standing(asset.state, made), "versions": versions}


def _welcomed(held: People, choices: Choices, people: Sequence[Person], now: datetime) -> list[str]:
    """Make those of the people who are not known yet; gives which have no device."""
    for person in people:
        if held.profile(person.id) is None:
            held.save(person.id, {"name": person.name, "locale": "en", "timezone": "UTC"}, now)
            held.set_mailbox(person.id, person.email, now)
    # Also of those who came when the page could do less; what they chose since stays.
    for user, chosen in choices.of([person.id for person in people]).items():
        if wishes := {what: wish for what, wish in WISHES.items() if what not in chosen}:
            choices.change({user: wishes}, Author(WHO, "page"), now)
    return [person.id for person in people if not any(device.state == "active" for device in held.devices(person.id))]


def _sender(home: Home) -> Sender:
    kept = home.default_app
    if kept is None:  # the first `notifier up` makes one before anything is served
        raise LookupError("This data folder has no default app. Run `notifier up` once.")
    return Sender(kept.app, kept.secret)
