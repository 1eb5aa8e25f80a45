"""Signed links for people: bound to one purpose, one person and one type or digest, without naming any of them."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from notifier.policy.words import Cadence

PREFERENCES = "preferences"  # the purpose of links to the page where a person chooses
_ID = 16
_TYPE = 4
_SEAL = 12
_NO_TYPE = bytes(_TYPE)


@dataclass(frozen=True, slots=True)
class Link:
    """What a token speaks of: an address by the 16 octets of its id, and the four that stand for a type or a digest."""

    address: bytes
    type: bytes = _NO_TYPE


def type_mark(type_: str) -> bytes:
    """Four octets that stand for a type's long name."""
    return hashlib.sha256(type_.encode()).digest()[:_TYPE]


def digest_mark(cadence: Cadence) -> bytes:
    """Four octets that stand for a person's digests of this cadence. No type has a slash in its name."""
    return type_mark(f"digest/{cadence}")


def make_token(secret: bytes, purpose: str, link: Link) -> str:
    """A token of 43 URL-safe characters: short enough that no mail program folds the header it stands in."""
    body = link.address + link.type
    return base64.urlsafe_b64encode(body + _seal(secret, purpose, body)).rstrip(b"=").decode()


def read_token(secret: bytes, purpose: str, token: str) -> Link | None:
    """The link of a token made by `make_token` for this purpose, or None; compared in constant time."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    body, seal = raw[: _ID + _TYPE], raw[_ID + _TYPE :]
    if len(raw) != _ID + _TYPE + _SEAL or not hmac.compare_digest(seal, _seal(secret, purpose, body)):
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
