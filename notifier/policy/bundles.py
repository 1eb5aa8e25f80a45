"""What is held for one person comes out together: one message to each address, which tells of all of it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from notifier.policy.words import Reason


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery that was held and is due now."""

    id: str
    user: str
    channel: str
    address: str | None
    type: str
    queue: str
    reason: Reason
    digest: str = ""  # the built one that it belongs to
    carries: bool = False  # its message was to tell of others as well


@dataclass(frozen=True, slots=True)
class Bundle:
    """Deliveries that become one message: the oldest is its carrier, and tells of the `carried` as well."""

    carrier: Held
    carried: tuple[Held, ...]


def carriers(bundles: Iterable[Bundle]) -> dict[str, str]:
    """Of each delivery that is carried, which one carries it."""
    return {one.id: bundle.carrier.id for bundle in bundles for one in bundle.carried}


def bundled(due: Sequence[Held]) -> list[Bundle]:
    """Bundle what goes to the same address of the same person; each digest is a message of its own."""
    target = attrgetter("user", "channel", "address", "digest")
    # Without an address there is nobody to write to, and no key to compare with.
    ordered = sorted(due, key=lambda one: (one.user, one.channel, one.address or "", one.digest, one.id))
    groups = (tuple(group) for _, group in groupby(ordered, key=target))
    return [Bundle(group[0], group[1:]) for group in groups]


def only_capped(due: Sequence[Held]) -> dict[tuple[str, str], Held]:
    """The oldest of what is due on a channel for people for whom all of it is over their cap, by (person, channel).

    Where anything else goes out, what is over the cap goes along: the message is sent anyway.
    """
    oldest: dict[tuple[str, str], Held] = {}
    others: set[tuple[str, str]] = set()
    for one in sorted(due, key=attrgetter("id")):
        oldest.setdefault((one.user, one.channel), one)
        if one.reason != Reason.CAPPED:
            others.add((one.user, one.channel))
    return {whom: one for whom, one in oldest.items() if whom not in others}


def undecided(due: Sequence[Held]) -> list[Held]:
    """What left its digest because its person changed how often they want to hear of its type."""
    return [one for one in due if one.reason == Reason.DIGEST and not one.digest]


def without(due: Sequence[Held], put_off: Collection[str]) -> list[Held]:
    """What is left of it when those of these ids were put off."""
    return [one for one in due if one.id not in put_off]
