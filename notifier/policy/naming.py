"""Whom an event concerns: the people that it names, and those whose followers hear of it as well."""

from notifier.policy.catalogue import FOLLOWERS, Kind
from notifier.policy.events import Event, Thing


def recipients_of(event: Event, kind: Kind) -> list[str]:
    """The ids of everyone who is named: each once, in the order of the catalogue, never the actor.

    Followers are named by nobody: see `followed`.
    """
    if not kind.cadences:
        return []
    named = [person for path in kind.told if path != FOLLOWERS for person in names_at(event, path)]
    return [person for person in dict.fromkeys([*named, *event.to]) if person and person != event.actor.id]


def followed(event: Event, kind: Kind) -> str:
    """Whose followers hear of it as well; empty where nobody's do."""
    if not kind.cadences:
        return ""
    return event.followers_of or (event.actor.id if FOLLOWERS in kind.told else "")


def names_at(event: Event, path: str) -> tuple[str, ...]:
    """Whom the event names at this path of the catalogue's `told`; empty where a name is left out."""
    things: dict[str, Thing | None] = {
        "target.owner": event.target,
        "in_reply_to.owner": event.in_reply_to,
        "object.owner": event.object,
    }
    if path == "mentions":
        return event.mentions
    if path == "object.id":
        return (event.object.id,)
    thing = things[path]
    return (thing.owner,) if thing else ()
