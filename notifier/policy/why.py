"""Why a person was told of an event, and what a message waited for, each as a word of a closed vocabulary."""

from enum import StrEnum

from notifier.policy.catalogue import FOLLOWERS, Kind
from notifier.policy.events import Event
from notifier.policy.naming import followed, names_at


class Part(StrEnum):
    """What part a person has in an event that they are told of."""

    OWNER = "owner"  # of what it is about
    ANSWERED = "answered"
    SUBJECT = "subject"  # it is about the person
    MENTIONED = "mentioned"
    NAMED = "named"  # by the app, as somebody to tell
    FOLLOWER = "follower"
    EVERYONE = "everyone"


_PARTS = {
    "target.owner": Part.OWNER,
    "object.owner": Part.OWNER,
    "in_reply_to.owner": Part.ANSWERED,
    "object.id": Part.SUBJECT,
    "mentions": Part.MENTIONED,
}


class Waited(StrEnum):
    """What a message waited for before it went out, as `Plan.rule` names it."""

    GATHER = "gather"
    QUIET_HOURS = "quiet_hours"
    PAUSE = "paused_until"
    CAP = "cap"
    DIGEST = "digest"
    RENDITION = "rendition"


def part_of(user: str, event: Event, kind: Kind) -> Part:
    """The part that the person has in it: the first by which the catalogue tells them."""
    for path in kind.told:
        if path != FOLLOWERS and user in names_at(event, path):
            return _PARTS[path]
    if user in event.to:
        return Part.NAMED
    return Part.FOLLOWER if followed(event, kind) else Part.EVERYONE


def waited_for(rule: str) -> Waited | None:
    """What the rule of a plan held it for; None where it went out at once."""
    return Waited(rule) if rule in tuple(Waited) else None
