"""The words that are stored and shown: states, reasons and cadences, each one closed vocabulary."""

from enum import StrEnum


class State(StrEnum):
    """Where a delivery stands. Every state but the first three is final."""

    WAITING = "waiting"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    BOUNCED = "bounced"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


UNFINISHED = (State.WAITING, State.QUEUED, State.SENDING)
FINAL = (State.SENT, State.BOUNCED, State.FAILED, State.SKIPPED, State.CANCELLED)


class Reason(StrEnum):
    """Why a delivery is in its state. Queued, sending, sent and bounced need none."""

    # skipped
    OWN_ACTION = "own_action"
    BLOCKED = "blocked"
    MUTED_ACTOR = "muted_actor"
    MUTED_OBJECT = "muted_object"
    MUTED_TYPE = "muted_type"
    PREFERENCE_OFF = "preference_off"
    NO_ADDRESS = "no_address"
    SUPPRESSED = "suppressed"
    ALREADY_TOLD = "already_told"
    UNKNOWN_TYPE = "unknown_type"
    # waiting
    UNPLANNED = "unplanned"
    GATHERING = "gathering"
    QUIET_HOURS = "quiet_hours"
    SNOOZED = "snoozed"
    DIGEST = "digest"
    CAPPED = "capped"
    RETRY = "retry"
    PAUSED = "paused"
    RENDITION = "rendition"
    # cancelled
    TAKEN_BACK = "taken_back"
    READ = "read"
    DIGEST_SKIPPED = "digest_skipped"
    ERASED = "erased"
    BY_ADMIN = "by_admin"
    # failed
    REFUSED = "refused"
    ADDRESS_GONE = "address_gone"
    GAVE_UP = "gave_up"
    EXPIRED = "expired"
    TEMPLATE_ERROR = "template_error"
    UNCONFIRMED = "unconfirmed"


# Why a delivery is held; what is held for one person comes out together.
HELD = (Reason.QUIET_HOURS, Reason.SNOOZED, Reason.CAPPED, Reason.DIGEST)

# Why a delivery failed for good.
DEAD = (
    Reason.REFUSED,
    Reason.ADDRESS_GONE,
    Reason.GAVE_UP,
    Reason.EXPIRED,
    Reason.TEMPLATE_ERROR,
    Reason.UNCONFIRMED,
)


class Cadence(StrEnum):
    """How often a person wants to hear of a type on a channel. The feed knows only on and off."""

    OFF = "off"
    ON = "on"
    INSTANT = "instant"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


# The cadences of what waits for a digest.
DIGESTS = frozenset((Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY))

# Of a delivery that is `paused` without a time when it goes on: not the provider asked for it.
QUEUE_PAUSED = "An admin paused its queue; it goes out when the queue goes on."

SENTENCES: dict[Reason, str] = {
    Reason.OWN_ACTION: "People are not told of their own acts.",
    Reason.BLOCKED: "The person has blocked the one who acted.",
    Reason.MUTED_ACTOR: "The person has muted the one who acted.",
    Reason.MUTED_OBJECT: "The person has muted this thing.",
    Reason.MUTED_TYPE: "The person has muted this type.",
    Reason.PREFERENCE_OFF: "The person's preferences turn this type off on this channel.",
    Reason.NO_ADDRESS: "There is no address to reach the person on this channel.",
    Reason.SUPPRESSED: "The address refused earlier mail for good, so nothing more is sent to it.",
    Reason.ALREADY_TOLD: "The person already knows from another message.",
    Reason.UNKNOWN_TYPE: "This type is not in the catalogue, so nobody is told.",
    Reason.UNPLANNED: "The event is stored; who is told has not been decided yet.",
    Reason.GATHERING: "Waiting a little, so that several events become one message.",
    Reason.QUIET_HOURS: "Held until the person's quiet hours end.",
    Reason.SNOOZED: "The person has paused everything for a while.",
    Reason.DIGEST: "Waiting for the person's digest hour.",
    Reason.CAPPED: "Over the person's cap for this hour.",
    Reason.RETRY: "The last try did not get through; it will be tried again.",
    Reason.PAUSED: "The provider asked us to slow down.",
    Reason.RENDITION: "Waiting for the post's picture.",
    Reason.TAKEN_BACK: "What happened was taken back before anything was sent.",
    Reason.READ: "The person has read it elsewhere.",
    Reason.DIGEST_SKIPPED: "The person skipped this digest.",
    Reason.ERASED: "The person's data was erased.",
    Reason.BY_ADMIN: "An admin cancelled it.",
    Reason.REFUSED: "The provider refused this message for good.",
    Reason.ADDRESS_GONE: "The provider says that the address no longer exists.",
    Reason.GAVE_UP: "All tries of the retry policy were used up.",
    Reason.EXPIRED: "It was not delivered while it was still worth delivering.",
    Reason.TEMPLATE_ERROR: "The message could not be made from its template.",
    Reason.UNCONFIRMED: "The worker died before the provider's answer was recorded; it is held, not sent twice.",
}


def sentence_of(reason: Reason, *, timed: bool) -> str:
    """Why a delivery is in its state, in one sentence; `timed` where it is known when it goes on."""
    return QUEUE_PAUSED if reason == Reason.PAUSED and not timed else SENTENCES[reason]
