"""What a deletion takes back: by what was done, by whom and to what, so that no sender need keep our ids."""

from datetime import timedelta

from notifier.policy.catalogue import Kind
from notifier.policy.events import Event, Thing

# Webhooks overtake one another. Without a time of its own, an act that arrives so soon after its deletion is taken
# for the one that was deleted.
OVERTAKEN = timedelta(minutes=10)


def concerns(deletion: Event, kind: Kind, event: Event, of: Kind) -> bool:
    """Whether the deletion (of `kind`) is of this event (of the kind `of`), or of a thing that it hangs on."""
    if deletion.app != event.app or deletion.id == event.id or of.takes_back:
        return False
    if of.name == kind.takes_back and _same(deletion.object, event.object):
        return kind.hangs or deletion.actor.id == event.actor.id
    return kind.hangs and not of.relation and any(_hangs(deletion, kind, it) for it in (event.object, event.target))


def is_later(deletion: Event, event: Event) -> bool:
    """Whether the deletion is the last word: what occurs at the same moment is taken back."""
    return event.occurred_at <= deletion.occurred_at


def may_be_overtaken(deletion: Event, event: Event) -> bool:
    """Whether the event came without a time of its own, so soon after the deletion that it may have happened before."""
    untimed = event.occurred_at == event.accepted_at
    return untimed and deletion.accepted_at <= event.accepted_at <= deletion.accepted_at + OVERTAKEN


def _same(one: Thing, other: Thing) -> bool:
    return one.id == other.id and (not one.type or not other.type or one.type == other.type)


def _hangs(deletion: Event, kind: Kind, thing: Thing | None) -> bool:
    # Ids are unique among things of one type only: a post "7" is not the person "7".
    if thing is None or thing.id != deletion.object.id:
        return False
    short = kind.takes_back.removesuffix(".created")
    return thing.type in ("", short, deletion.object.type)
