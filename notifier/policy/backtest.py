"""What a changed rule would have done: the same events under today's rules and under the changed ones, compared."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from notifier.policy.catalogue import CHANNELS, Catalogue, Kind
from notifier.policy.decide import Recipient, followed, recipients_of
from notifier.policy.events import Event
from notifier.policy.replay import Outcome, Past, Replay
from notifier.policy.words import Reason, State

SHOWN = 100  # of what would have been missed
DEAR = ("mention", "comment")  # what people are sorry to miss
_SOON = (None, Reason.GATHERING, Reason.QUIET_HOURS, Reason.CAPPED)

ASSUMED = (
    "People's preferences, blocks, mutes, addresses and followers are those of today.",
    "An event is decided about when it was accepted; what was taken back later is not sent after that.",
    "Nobody reads anything in between, and no provider refuses anything.",
    "A message counts once for a person and channel, however many devices show it.",
)


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel under both rules. `later` counts by reason what would wait longer than it did."""

    before: int
    after: int
    digests_before: int
    digests_after: int
    later: Mapping[str, int] = field(default_factory=dict)

    @property
    def difference(self) -> int:
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        """The difference in percent of what was; None where nothing was."""
        return round(100 * self.difference / self.before, 1) if self.before else None


@dataclass(frozen=True, slots=True)
class Missed:
    """A mention or comment that came at once, and what would have become of it instead; None: nothing at all."""

    event: str
    type: str
    user: str
    channel: str
    instead: Outcome | None


@dataclass(frozen=True, slots=True)
class Result:
    """All that came of the comparison. Of what was missed the first are named."""

    channels: Mapping[str, Channel]
    missed: Sequence[Missed]
    missed_count: int
    events: int
    pairs: int


class Comparison:
    """Replays events twice, under the catalogue as it is and as it would be."""

    def __init__(self, before: Catalogue, after: Catalogue, gather_scale: float, *, keeps_log: bool = False) -> None:
        self.before = Replay(before, gather_scale, keeps_log=keeps_log)
        self.after = Replay(after, gather_scale, keeps_log=keeps_log)
        self.pairs = 0
        self._events = 0
        self._later: dict[str, Counter[str]] = {}
        self._missed: list[Missed] = []
        self._missed_count = 0

    def kinds(self, event: Event) -> list[Kind]:
        """The event's kind under each of the two, where it has one."""
        found = (replay.catalogue.find(event.type) for replay in (self.before, self.after))
        return [kind for kind in found if kind]

    def followed(self, event: Event) -> str:
        """Whose followers hear of the event under either of the two; empty where nobody's do."""
        return next((whom for kind in self.kinds(event) if (whom := followed(event, kind))), "")

    def users(self, event: Event, followers: Sequence[str]) -> list[str]:
        """All who hear of the event under either of the two."""
        found = [user for kind in self.kinds(event) for user in _users(event, kind, followers)]
        return list(dict.fromkeys(found))

    def hear(self, past: Past, followers: Sequence[str], recipients: Mapping[str, Recipient]) -> None:
        """Let these people hear of the event. `recipients` holds all whom `users` named, with no caps but their own."""
        self._events += 1
        before, after = (self._outcomes(each, past, followers, recipients) for each in (self.before, self.after))
        for user in dict.fromkeys([*before, *after]):
            self.pairs += 1
            self._compare(past.event, user, before.get(user, {}), after.get(user, {}))

    def result(self) -> Result:
        """What came of it. Nothing can be heard after that."""
        self.before.finish()
        self.after.finish()
        channels = {channel: self._channel(channel) for channel in CHANNELS}
        return Result(channels, tuple(self._missed), self._missed_count, self._events, self.pairs)

    def _outcomes(
        self, replay: Replay, past: Past, followers: Sequence[str], recipients: Mapping[str, Recipient]
    ) -> dict[str, dict[str, Outcome]]:
        kind = replay.catalogue.find(past.event.type)
        if kind is None:
            return {}
        users = _users(past.event, kind, followers)
        return {user: replay.hear(past, kind, recipients[user]) for user in users}

    def _compare(self, event: Event, user: str, before: Mapping[str, Outcome], after: Mapping[str, Outcome]) -> None:
        kind = self.before.catalogue.find(event.type)
        for channel, was in before.items():
            now = after.get(channel)
            if was.at and now and now.at and now.at > was.at:
                self._later.setdefault(channel, Counter())[str(now.reason or now.state)] += 1
            if kind and kind.short in DEAR and _came(was) and not (now and _came(now)):
                self._missed_count += 1
                if len(self._missed) < SHOWN:
                    self._missed.append(Missed(event.id, event.type, user, channel, now))

    def _channel(self, channel: str) -> Channel:
        return Channel(
            self.before.sent[channel],
            self.after.sent[channel],
            self.before.digests[channel],
            self.after.digests[channel],
            dict(self._later.get(channel, {})),
        )


def _users(event: Event, kind: Kind, followers: Sequence[str]) -> list[str]:
    more = followers if followed(event, kind) else ()
    return list(dict.fromkeys([*recipients_of(event, kind), *(user for user in more if user != event.actor.id)]))


def _came(outcome: Outcome) -> bool:
    """Whether it came by itself and soon, rather than in a digest or not at all."""
    return outcome.state in (State.SENT, State.QUEUED, State.WAITING) and outcome.reason in _SOON
