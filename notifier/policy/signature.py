"""Standard Webhooks signatures: verify a request over its raw bytes, in constant time."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
PREFIX = "whsec_"
MOST = 16  # signatures in one header; a sender has one for each live secret


def verify(body: bytes, *, id: str, timestamp: str, signatures: str, secrets: Sequence[str], now: datetime) -> bool:
    """Whether one of the secrets made one of the `v1` signatures over `id.timestamp.body` within five minutes."""
    made_by = signed_with(body, id=id, timestamp=timestamp, signatures=signatures, secrets=secrets)
    return made_by is not None and is_recent(timestamp, now)


def signed_with(body: bytes, *, id: str, timestamp: str, signatures: str, secrets: Sequence[str]) -> int | None:
    """The place of the first of the secrets that made one of the `v1` signatures over `id.timestamp.body`, or None.

    Says nothing about the time. Every secret is tried whatever comes before, so that how long it takes tells nothing.
    Other versions are ignored.
    See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    given = [octets for octets in map(_signature, signatures.split()[:MOST]) if octets is not None]
    signed = b".".join((id.encode(), timestamp.encode(), body))
    right = [hmac.digest(_key(secret), signed, "sha256") for secret in secrets]
    matches = [sum(hmac.compare_digest(ours, theirs) for theirs in given) > 0 for ours in right]
    return matches.index(True) if True in matches else None


def sign(body: bytes, *, id: str, timestamp: int, secret: str) -> str:
    """The `webhook-signature` header for a body, as a sender makes it."""
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def is_recent(timestamp: str, now: datetime) -> bool:
    """Whether a `webhook-timestamp` lies within five minutes of now."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= TOLERANCE.total_seconds()


def _signature(text: str) -> bytes | None:
    version, _, encoded = text.partition(",")
    if version != "v1":
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
