"""Signed links for people: bound to one purpose and one person, without naming anybody; most of them run out."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from notifier.policy.words import Cadence

# The purposes of links: to the page where a person chooses, to what says why a mail came, and to stop mail.
PREFERENCES, WHY, UNSUBSCRIBE = "preferences", "why", "unsubscribe"
LASTS = timedelta(days=90)  # links of the first two; whoever wants no more mail is never turned away
_ID = 16
_MARK = 4
_SEAL = 12
_NO_MARK = bytes(_MARK)


@dataclass(frozen=True, slots=True)
class Link:
    """What a token speaks of: an address, or of `WHY` a delivery, by the 16 octets of its id.

    The four of its `mark` stand for a type or a digest; in links that run out, for their end.
    """

    id: bytes
    mark: bytes = _NO_MARK


def type_mark(type_: str) -> bytes:
    """Four octets that stand for a type's long name."""
    return hashlib.sha256(type_.encode()).digest()[:_MARK]


def digest_mark(cadence: Cadence) -> bytes:
    """Four octets that stand for a person's digests of this cadence. No type has a slash in its name."""
    return type_mark(f"digest/{cadence}")


def end_mark(at: datetime) -> bytes:
    """Four octets that stand for the moment (aware) at which a link runs out, to the second."""
    return int(at.timestamp()).to_bytes(_MARK, "big")


def end_of(link: Link) -> datetime | None:
    """When the link runs out (aware UTC); None for one that was made before links did."""
    seconds = int.from_bytes(link.mark, "big")
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def make_token(secret: bytes, purpose: str, link: Link) -> str:
    """A token of 43 URL-safe characters: short enough that no mail program folds the header it stands in."""
    body = link.id + link.mark
    return base64.urlsafe_b64encode(body + _seal(secret, purpose, body)).rstrip(b"=").decode()


def read_token(secret: bytes, purpose: str, token: str) -> Link | None:
    """The link of a token made by `make_token` for this purpose, or None; compared in constant time."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    body, seal = raw[: _ID + _MARK], raw[_ID + _MARK :]
    if len(raw) != _ID + _MARK + _SEAL or not hmac.compare_digest(seal, _seal(secret, purpose, body)):
        return None
    return Link(body[:_ID], body[_ID:])


def sealed(secret: bytes, purpose: str, text: str) -> str:
    """The text as it may be handed out and taken back: readable, and not to be changed."""
    return f"{_seal(secret, purpose, text.encode()).hex()}.{text}"


def unsealed(secret: bytes, purpose: str, handed_back: str) -> str | None:
    """The text of `sealed` for this purpose, or None; compared in constant time."""
    seal, _, text = handed_back.partition(".")
    right = _seal(secret, purpose, text.encode("utf-8", "replace")).hex()
    return text if hmac.compare_digest(seal.encode("utf-8", "replace"), right.encode()) else None


def _seal(secret: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.digest(secret, purpose.encode() + b"\0" + body, "sha256")[:_SEAL]
