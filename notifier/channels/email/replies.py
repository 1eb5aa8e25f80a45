"""What an SMTP reply means for the mail and its address (RFC 5321 section 4.2, RFC 3463, RFC 2034).

The class is the enhanced code's where there is one, else the first digit's:

- 2xx: delivered.
- soft (4): deferred. Greylisting waits 5 minutes, a full mailbox an hour.
- 530, 534, 535, 538: our settings are wrong. Not charged to the mail; the relay is left alone for a minute.
- 5.1.x and 5.2.1: the address is gone, except where the sender is meant (5.1.7, 5.1.8, and any answer to MAIL).
- 550, 551, 553 to RCPT without an enhanced code: the RFC lets them mean "no such mailbox" and "not from you" alike.
  Only a text that speaks of a missing mailbox retires the address; doubt refuses just this mail, because an address
  wrongly retired is silence that nobody notices.
- every other 5: refused. 5.7.x too: it judges us, so the address stays.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from notifier.channels.wording import shortened
from notifier.policy.events import one_line
from notifier.policy.outcomes import Deferred, Delivered, Gone, Outcome, Refused

MISCONFIGURED_PAUSE = timedelta(seconds=60)
UNREACHABLE_PAUSE = timedelta(seconds=5)
_GREYLISTED = timedelta(minutes=5)
_MAILBOX_FULL = timedelta(hours=1)
_TEXT = 500  # characters kept of a reply

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")
_SETTINGS_CODES = (530, 534, 535, 538)
_RATE_CODES = ("4.7.28", "4.7.32")  # Gmail: too much from us at once, or not aligned
_SENDER_CODES = ("5.1.7", "5.1.8")
_NOBODY = re.compile(
    r"(?=.*\b(user|mailbox|recipient|address|account)\b)"
    r"(?=.*\b(unknown|no such|not found|not exist|doesn't exist|no mailbox|unavailable|invalid|disabled|unrouteable)\b)"
    r"(?!.*\b(sender|relay|relaying|policy|spam|block|blocked|listed|denied|auth\w*|spf|dkim|dmarc)\b)",
    re.IGNORECASE | re.DOTALL,
)


class Stage(StrEnum):
    """Which command a reply answered."""

    SESSION = "session"  # greeting, EHLO, STARTTLS, AUTH
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"  # after the final dot


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its number, its enhanced code (empty without one) and its text on one line."""

    number: int
    enhanced: str
    text: str

    @property
    def code(self) -> str:
        """As outcomes keep it: "421 4.7.0"."""
        return f"{self.number} {self.enhanced}".rstrip()

    @property
    def is_good(self) -> bool:
        return self.number // 100 == 2

    @property
    def is_permanent(self) -> bool:
        return (self.enhanced or str(self.number)).startswith("5")


def read_reply(number: int, message: bytes) -> Reply:
    """The reply of a code and its lines without their codes, joined by LF, as smtplib gives them."""
    lines = message.decode("utf-8", "replace").split("\n")
    found = _ENHANCED.match(lines[0])
    enhanced = found[1] if found else ""
    if not enhanced:
        return Reply(number, "", shortened(one_line(" ".join(lines)), _TEXT))
    # Each line of a reply repeats the enhanced code (RFC 2034, section 3).
    text = " ".join(line.removeprefix(enhanced) for line in lines)
    contradicts = (enhanced[0] == "2") != (number // 100 == 2)
    return Reply(number, "" if contradicts else enhanced, shortened(one_line(text), _TEXT))


def classify(reply: Reply, stage: Stage) -> Outcome:
    """What the reply means for the mail in hand."""
    if reply.is_good:
        return Delivered(reply.code, reply.text)
    if stage == Stage.SESSION or reply.number in _SETTINGS_CODES or not reply.is_permanent:
        return deferred(reply, stage)
    if _address_is_gone(reply, stage):
        return Gone(reply.code, reply.text)
    return Refused(reply.code, reply.text)


def deferred(reply: Reply, stage: Stage) -> Deferred:
    """What a reply means that does not speak of the mail for good: a soft one, or one to our settings."""
    if reply.number in _SETTINGS_CODES or (stage == Stage.SESSION and reply.number // 100 == 5):
        return misconfigured(reply.code, reply.text)
    return Deferred(reply.code, reply.text, patience=_least_wait(reply, stage), pauses=stage == Stage.SESSION)


def misconfigured(code: str, text: str) -> Deferred:
    """No mail can go out until somebody changes a setting: not the mail's fault."""
    return Deferred(code, text, patience=MISCONFIGURED_PAUSE, charged=False, pauses=True)


def unreachable(code: str, text: str) -> Deferred:
    """The relay does not answer: what else waits for it waits a little longer."""
    return Deferred(code, text, patience=UNREACHABLE_PAUSE, pauses=True)


def unknown(cause: str) -> Deferred:
    """The answer to the final dot was lost: it may have been taken (RFC 1047). The next try has the same Message-ID."""
    return Deferred("unknown", f"The mail may have been taken: {cause}")


def _least_wait(reply: Reply, stage: Stage) -> timedelta:
    if reply.number in (450, 451) and (reply.enhanced == "4.7.1" or "greylist" in reply.text.lower()):
        return _GREYLISTED
    if reply.enhanced in _RATE_CODES:
        return _GREYLISTED
    if reply.enhanced in ("4.2.2", "4.5.3") or (reply.number == 452 and not reply.enhanced):
        return _MAILBOX_FULL
    return UNREACHABLE_PAUSE if stage == Stage.SESSION else timedelta(0)


def _address_is_gone(reply: Reply, stage: Stage) -> bool:
    if stage == Stage.MAIL or reply.enhanced in _SENDER_CODES:
        return False
    if reply.enhanced:
        return reply.enhanced.startswith("5.1.") or reply.enhanced == "5.2.1"
    return stage == Stage.RCPT and reply.number in (550, 551, 553) and bool(_NOBODY.match(reply.text))
