"""What a push service's answer means for the delivery and for the subscription (RFC 8030, and what services do)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from notifier.policy.events import one_line
from notifier.policy.outcomes import Deferred, Delivered, Gone, Outcome, Refused

LONGEST_WAIT = timedelta(hours=1)  # a Retry-After beyond is cut
ALARM_WAIT = timedelta(minutes=5)
TEXT = 500  # characters kept of an answer

_THROTTLED_WAIT = {429: timedelta(minutes=1), 406: timedelta(minutes=15)}  # where no Retry-After says
_KEY_FAULTS = (b"VapidPkHashMismatch", b"UnauthorizedRegistration")  # reported of Apple and FCM, with 400
_OLD_KEY = "the subscription needs renewal: it was made with an earlier VAPID key"


def classify(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime, key_is_current: bool, short: bool
) -> Outcome:
    """The outcome of one answer.

    Header names are lower case; `now` is aware UTC. `key_is_current`: the subscription was made with the key that
    signed. `short`: the message was already cut down to title and link.
    """
    code, text = str(status), _text(headers, body)
    if status in (200, 201, 202, 203, 204):
        return Delivered(code, _receipt(headers))
    if status < 400:
        return Refused(code, "redirects are never followed")
    if not key_is_current and (status in (404, 410) or blames_key(status, body)):
        return Refused(code, _OLD_KEY)
    if status in (404, 410):
        return Gone(code, text)
    if blames_key(status, body):
        return Deferred(code, text, patience=ALARM_WAIT, charged=False, pauses=True)
    if status == 413:
        return Refused(code, text) if short else Deferred(code, text)
    if _throttles(status, headers):
        asked = retry_after(headers, now)
        patience = timedelta(0) if asked else _THROTTLED_WAIT[status]
        return Deferred(code, text, after=asked, patience=patience, charged=False, pauses=True)
    if status >= 500 or status == 408:
        wait = retry_after(headers, now)
        return Deferred(code, text, after=wait, pauses=status == 503 and wait > timedelta(0))
    return Refused(code, text)


def blames_key(status: int, body: bytes) -> bool:
    """Whether the answer speaks of our key or its configuration, and not of the subscription or the message."""
    return status in (401, 403) or (status == 400 and any(fault in body for fault in _KEY_FAULTS))


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How long the service asks to wait (RFC 9110, 10.2.3): seconds or a date; zero where it asks nothing."""
    value = headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]+", value):
        return timedelta(seconds=int(value)) if len(value) < 5 and int(value) < 3600 else LONGEST_WAIT
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return timedelta(0)
    wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def _throttles(status: int, headers: Mapping[str, str]) -> bool:
    if status == 406:  # how WNS throttles
        return "retry-after" in headers or any(
            name.startswith("x-wns-") and "throttle" in value.lower() for name, value in headers.items()
        )
    return status == 429


def _receipt(headers: Mapping[str, str]) -> str:
    names = [name for name in ("location", "ttl") if name in headers]
    return one_line(" ".join(f"{name}={headers[name]}" for name in names))[:TEXT]


def _text(headers: Mapping[str, str], body: bytes) -> str:
    coding = headers.get("content-encoding", "identity").lower()
    return one_line(body[: 4 * TEXT].decode("utf-8", "replace"))[:TEXT] if coding == "identity" else ""
