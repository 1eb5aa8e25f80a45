"""What an act makes of two people: who follows, blocks or mutes whom from then on."""

from dataclasses import dataclass

from notifier.policy.catalogue import Kind
from notifier.policy.events import Event

FOLLOW, BLOCK = "follow", "block"
MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE = "mute_actor", "mute_object", "mute_type"
PEOPLE = ("", "person", "user", "actor")  # types of an object that is a person


@dataclass(frozen=True, slots=True)
class Bond:
    """That `user` follows, blocks or mutes `other`; or, with `ends`, does so no more."""

    user: str
    kind: str
    other: str
    ends: bool = False

    @property
    def named(self) -> str:
        """How a history names whom or what: "ana" of a block or follow, "actor:ana" or "object:post-7" of a mute."""
        return {MUTE_ACTOR: "actor:", MUTE_OBJECT: "object:"}.get(self.kind, "") + self.other


def bond_of(event: Event, kind: Kind) -> Bond | None:
    """What the event changes between its actor and its object; None for most."""
    if not kind.relation:
        return None
    return Bond(event.actor.id, _relation(event, kind.relation), event.object.id, ends=bool(kind.takes_back))


def _relation(event: Event, relation: str) -> str:
    if relation == "mute":
        return MUTE_ACTOR if event.object.type in PEOPLE else MUTE_OBJECT
    return {"follow": FOLLOW, "block": BLOCK}[relation]
