"""When a delivery is tried again after a failed try, and when it is given up: a table and one function."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from notifier.policy.outcomes import Deferred, Delivered, Gone, Outcome, Refused
from notifier.policy.words import Reason, State

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try. `jitter` spreads each delay, so that an outage does not return as a wave."""

    delays: tuple[timedelta, ...]
    tries: int
    lifetime: timedelta
    jitter: float = 0.2

    def delay(self, tries: int, *, scale: float, chance: float) -> timedelta:
        """The wait after that many charged tries; `chance` in [0, 1) spreads it."""
        base = self.delays[min(max(tries, 1), len(self.delays)) - 1]
        return base * scale * (1 + self.jitter * (2 * chance - 1))


STANDARD = RetryPolicy(
    delays=(30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR),
    tries=10,
    lifetime=24 * HOUR,
)

# One line per type and channel that wants another rhythm; all others take the standard.
POLICIES: Mapping[tuple[str, str], RetryPolicy] = MappingProxyType({})


def policy_for(type_: str, channel: str) -> RetryPolicy:
    """The retry policy of a type on a channel."""
    return POLICIES.get((type_, channel), STANDARD)


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a delivery after one try, or without one. `due_at` is set where it waits, aware UTC.

    `rule` and `value` say what decided, where it was more than the provider's answer; with `wanted_at` it is to go out
    then rather than when it was first due.
    """

    state: State
    reason: Reason | None = None
    due_at: datetime | None = None
    charged: bool = True
    rule: str = ""
    value: str = ""
    wanted_at: datetime | None = None


def after(
    outcome: Outcome,
    policy: RetryPolicy,
    *,
    tries: int,
    wanted_at: datetime,
    expires_at: datetime | None,
    now: datetime,
    scale: float,
    chance: float,
) -> Next:
    """Decide what follows an outcome.

    `tries` counts the charged tries before this one, `wanted_at` is when the delivery was first due. The
    provider's own Retry-After is never shortened, whatever the scale. All times are aware UTC.
    """
    match outcome:
        case Delivered():
            return Next(State.SENT)
        case Refused():
            return Next(State.FAILED, Reason.REFUSED)
        case Gone():
            return Next(State.FAILED, Reason.ADDRESS_GONE)
        case Deferred():
            made = tries + outcome.charged
            # A try that is not charged is no step of the backoff: it waits as the provider asks, or as we think fit.
            backoff = policy.delay(made, scale=scale, chance=chance) if outcome.charged else timedelta(0)
            due_at = now + max(backoff, outcome.patience * scale, outcome.after)
            if expires_at is not None and due_at >= expires_at:
                return Next(State.FAILED, Reason.EXPIRED)
            if made >= policy.tries or due_at > wanted_at + policy.lifetime:
                return Next(State.FAILED, Reason.GAVE_UP)
            reason = Reason.RETRY if outcome.charged else Reason.PAUSED
            return Next(State.WAITING, reason, due_at, charged=outcome.charged)
