"""Sample notices for a look at the templates: each made from its type's entry in the catalogue, or of a real event."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from notifier.channels import Address, Digest, Notice, Person
from notifier.policy.catalogue import FOLLOWERS, Kind
from notifier.policy.events import Actor, Event, Thing
from notifier.policy.naming import names_at
from notifier.policy.words import Cadence

APP = "https://app.example"
READER = "bob"
ACTORS = (Actor("ana", "Ana"), Actor("ben", "Ben Okafor"), Actor("cyd", "Cyd"), Actor("dora", "Dora Lindqvist"))
POST = Thing("post-7", "post", "Sunset over the bay", "What a sky tonight!", f"{APP}/p/7", f"{APP}/7.jpg", READER)
COMMENT = Thing("c-91", "comment", "", "Where was that taken? I would love to go there.", f"{APP}/p/7#c91")
NEWS = Thing("n-1", "", "An example of a title", "An example of the text that an app posts with it.", f"{APP}/n/1")
NO_ID = "0" * 32
IN_DIGEST = 6  # things


class Anything(dict[str, Any]):
    """Whatever an app may post with an event: every field is there."""

    def __missing__(self, key: str) -> "Anything":
        return self

    def __str__(self) -> str:
        return "…"


@dataclass(frozen=True, slots=True)
class Setting:
    """For whom a sample is made and when: the reader's language, where links lead, and the moment (aware UTC)."""

    locale: str
    public_url: str
    now: datetime


def sample(kind: Kind, setting: Setting, *, several: bool = False) -> Notice:
    """A notice of the kind, of one act or of `several`."""
    actors = ACTORS if several else ACTORS[:1]
    events = tuple(_event(kind, actor, setting.now) for actor in actors)
    return _notice(kind, events, READER, setting)


def sample_of(event: Event, kind: Kind, setting: Setting) -> Notice:
    """A notice of a real event, for one of those whom it names."""
    named = [name for path in kind.told if path != FOLLOWERS for name in names_at(event, path) if name]
    return _notice(kind, (event,), next(iter([*named, *event.to]), READER), setting)


def sample_digest(kinds: Iterable[Kind], setting: Setting) -> Notice:
    """A daily digest of what these kinds tell, the first of them first."""
    summary = sample_summary(kinds, setting)
    return replace(
        summary,
        digest=Digest(Cadence.DAILY, setting.now),
        unsubscribe_url=f"{setting.public_url}/u/sample",
    )


def sample_summary(kinds: Iterable[Kind], setting: Setting) -> Notice:
    """One message of what these kinds tell, as it comes after quiet hours."""
    items = [sample(kind, setting, several=bool(kind.gather)) for kind in kinds if not kind.mandatory][:IN_DIGEST]
    return replace(items[0], items=tuple(items), group="")


def _notice(kind: Kind, events: tuple[Event, ...], person: str, setting: Setting) -> Notice:
    return Notice(
        f"dlv_{NO_ID}",
        f"ntf_{NO_ID}",
        kind.name,
        "",
        events,
        Person(person, READER.title(), setting.locale),
        Address(f"sub_{NO_ID}", f"{READER}@app.example"),
        created_at=setting.now,
        urgent=kind.queue == "urgent",
        unsubscribe_url="" if kind.mandatory else f"{setting.public_url}/u/sample",
        preferences_url=f"{setting.public_url}/p/sample",
        why_url=f"{setting.public_url}/why/sample",
    )


def _event(kind: Kind, actor: Actor, now: datetime) -> Event:
    shown = replace(actor, avatar=f"{APP}/{actor.id}.jpg", url=f"{APP}/{actor.id}")
    object_, target = _things(kind, shown)
    return Event(
        id=f"evt_{NO_ID}",
        app=f"app_{NO_ID}",
        type=kind.name,
        occurred_at=now - timedelta(minutes=2),
        accepted_at=now - timedelta(minutes=2),
        actor=shown,
        object=object_,
        target=target,
        mentions=(READER,) if "mentions" in kind.told else (),
        to=() if kind.told else (READER,),
        data=Anything(),
    )


def _things(kind: Kind, actor: Actor) -> tuple[Thing, Thing | None]:
    """What the event is about, and what that belongs to: whatever makes the sample's reader one of those told."""
    if "object.id" in kind.told:
        return Thing(READER, "person", READER.title(), url=f"{APP}/{READER}"), None
    if "target.owner" in kind.told:
        return replace(COMMENT, owner=actor.id), POST
    if "object.owner" in kind.told:
        return POST, None
    if FOLLOWERS in kind.told:
        return replace(POST, owner=actor.id), None
    return (replace(COMMENT, owner=actor.id), POST) if kind.short == "mention" else (NEWS, None)
