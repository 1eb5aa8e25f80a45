"""What a changed rule would have done: the same events under today's rules and under the changed ones, compared."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from notifier.policy.catalogue import CHANNELS, Catalogue, Kind
from notifier.policy.decide import Recipient
from notifier.policy.naming import followed, recipients_of
from notifier.policy.replay import Replay
from notifier.policy.waiting import Outcome, Past
from notifier.policy.words import Reason, State

SHOWN = 100  # of what would have been missed
DEAR = ("mention", "comment")  # what people are sorry to miss
_SOON = (None, Reason.GATHERING, Reason.QUIET_HOURS, Reason.SNOOZED, Reason.CAPPED)

ASSUMED = (
    "People's preferences, blocks, mutes, addresses and followers are those of today.",
    "An event is decided about when it was accepted; what was taken back later is not sent after that.",
    "What was announced for a time on everybody's own clock comes to all of them when it was accepted.",
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
    """All that came of the comparison. Of what was missed the newest are named."""

    channels: Mapping[str, Channel]
    missed: Sequence[Missed]
    missed_count: int
    events: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Concerned:
    """An event, its kind under both rules, and who hears of it under the one, the other, and either."""

    past: Past
    kind_before: Kind | None
    kind_after: Kind | None
    before: Sequence[str]
    after: Sequence[str]
    everybody: Sequence[str]


class Comparison:
    """Replays events twice, under the catalogue as it is and as it would be."""

    def __init__(self, before: Catalogue, after: Catalogue, gather_scale: float, *, keeps_log: bool = False) -> None:
        self.before = Replay(before, gather_scale, keeps_log=keeps_log)
        self.after = Replay(after, gather_scale, keeps_log=keeps_log)
        self.pairs = 0
        self._events = 0
        self._later: dict[str, Counter[str]] = {}
        self._missed: deque[Missed] = deque(maxlen=SHOWN)
        self._missed_count = 0

    def concerned(self, past: Past, crowd: Callable[[str], Sequence[str]]) -> Concerned:
        """Whom the event concerns; `crowd` gives the followers of a person or, of "", everyone. It is asked once."""
        event = past.event
        kinds = [replay.catalogue.find(event.type) for replay in (self.before, self.after)]
        followers_of = [followed(event, kind) if kind else "" for kind in kinds]
        whom = [bool(kind and kind.cadences) for kind in kinds] if past.everyone else [*map(bool, followers_of)]
        asked = "" if past.everyone else followers_of[0] or followers_of[1]
        more = [user for user in crowd(asked) if user != event.actor.id] if any(whom) else []
        named = [recipients_of(event, kind) if kind else [] for kind in kinds]
        before, after = (
            list(dict.fromkeys([*some, *more])) if theirs else some for some, theirs in zip(named, whom, strict=True)
        )
        everybody = before if before == after else list(dict.fromkeys([*before, *after]))
        return Concerned(past, kinds[0], kinds[1], before, after, everybody)

    def hear(self, concerned: Concerned, recipients: Mapping[str, Recipient]) -> None:
        """Let them hear of the event. `recipients` are all of them, with no caps but their own."""
        self._events += 1
        self.pairs += len(concerned.everybody)
        past = concerned.past
        before = _outcomes(self.before, past, concerned.kind_before, concerned.before, recipients)
        after = _outcomes(self.after, past, concerned.kind_after, concerned.after, recipients)
        for user in concerned.before:
            self._compare(concerned, user, before[user], after.get(user, {}))

    def result(self) -> Result:
        """What came of it. Nothing can be heard after that."""
        self.before.finish()
        self.after.finish()
        channels = {channel: self._channel(channel) for channel in CHANNELS}
        return Result(channels, tuple(reversed(self._missed)), self._missed_count, self._events, self.pairs)

    def _compare(
        self, concerned: Concerned, user: str, before: Mapping[str, Outcome], after: Mapping[str, Outcome]
    ) -> None:
        event, kind = concerned.past.event, concerned.kind_before
        for channel, was in before.items():
            now = after.get(channel)
            if was.at and now and now.at and now.at > was.at:
                self._later.setdefault(channel, Counter())[str(now.reason or now.state)] += 1
            if kind and kind.short in DEAR and _came(was) and not (now and _came(now)):
                self._missed_count += 1
                self._missed.append(Missed(event.id, event.type, user, channel, now))

    def _channel(self, channel: str) -> Channel:
        return Channel(
            self.before.sent[channel],
            self.after.sent[channel],
            self.before.digests[channel],
            self.after.digests[channel],
            dict(self._later.get(channel, {})),
        )


def _outcomes(
    replay: Replay, past: Past, kind: Kind | None, users: Sequence[str], recipients: Mapping[str, Recipient]
) -> dict[str, dict[str, Outcome]]:
    return {user: replay.hear(past, kind, recipients[user]) for user in users} if kind else {}


def _came(outcome: Outcome) -> bool:
    """Whether it came by itself and soon, rather than in a digest or not at all."""
    return outcome.state in (State.SENT, State.QUEUED, State.WAITING) and outcome.reason in _SOON
