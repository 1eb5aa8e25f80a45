"""What a push service demands of a request, and what it would rather see (RFC 8030, 8188, 8291, 8292)."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from werkzeug.datastructures import Headers

LARGEST_BODY = 4096  # octets, RFC 8030 section 7.2
LONGEST_TOKEN = timedelta(hours=24)  # RFC 8292 section 2
DEEPEST = 200  # objects and lists in one JSON text
URGENCIES = ("very-low", "low", "normal", "high")
_VAPID = re.compile(r"vapid\s+(.*)", re.IGNORECASE | re.DOTALL)
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_RECORD_HEADER = 21  # octets before the key id: salt, record size, length of the key id
_PUBLIC_KEY = 65  # octets of an uncompressed point on P-256
_NOT_PUBLIC = ("localhost", ".localhost", ".local", ".invalid", ".test", ".example")


@dataclass(frozen=True, slots=True)
class Identity:
    """What the VAPID header says of the sender. `problem` is empty when a push service would believe it."""

    claims: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def request_problem(headers: Headers, body: bytes) -> str:
    """What is wrong with the headers and the shape of the body, as a sentence; empty when nothing is."""
    ttl, topic, urgency = headers.get("TTL"), headers.get("Topic"), headers.get("Urgency", "normal")
    encoding = headers.get("Content-Encoding", "")
    if ttl is None:
        return "The TTL header is missing; RFC 8030 section 5.2 demands it."
    if not re.fullmatch(r"[0-9]{1,10}", ttl):
        return f"TTL is {ttl!r}; it must be a number of seconds."
    if topic is not None and (not _TOPIC.fullmatch(topic) or len(topic) % 4 == 1):
        return f"Topic is {topic!r}; it must be up to 32 characters of base64url, as many as octets give."
    if urgency not in URGENCIES:
        return f"Urgency is {urgency!r}; it must be one of {', '.join(URGENCIES)}."
    if body and encoding.lower() != "aes128gcm":
        return f"Content-Encoding is {encoding!r}; it must be 'aes128gcm' (RFC 8291)."
    return _record_problem(body) if body else ""


def _record_problem(body: bytes) -> str:
    """RFC 8291 section 4: one record, and the sender's key as the key id."""
    if len(body) < _RECORD_HEADER + _PUBLIC_KEY + 17:
        return f"The body has {len(body)} octets, too few for a salt, a key and one record."
    if body[20] != _PUBLIC_KEY:
        return f"The key id has {body[20]} octets; it must be the sender's public key, {_PUBLIC_KEY} octets."
    record_size = int.from_bytes(body[16:20])
    if len(body) - _RECORD_HEADER - _PUBLIC_KEY > record_size:
        return f"The body holds more than one record of {record_size} octets; browsers read one."
    return ""


def identity(authorization: str, origin: str, now: datetime) -> Identity:
    """Who sends, checked as RFC 8292 asks: the signature, `aud` against `origin`, `exp` against `now`, `sub`."""
    scheme = _VAPID.fullmatch(authorization.strip())
    if not scheme:
        return Identity(problem="Authorization is missing or not of the form 'vapid t=…, k=…' (RFC 8292 section 3).")
    given = dict(part.strip().partition("=")[::2] for part in scheme[1].split(","))
    try:
        claims = _signed_claims(given.get("t", ""), given.get("k", ""))
    except _BadToken as error:
        return Identity(problem=str(error))
    return Identity(claims=claims, problem=_claims_problem(claims, origin, now=now))


class _BadToken(ValueError):
    """The token cannot be believed. The message says why."""


def _signed_claims(token: str, key: str) -> dict[str, Any]:
    signed, _, signature = token.rpartition(".")
    head, _, body = signed.partition(".")
    try:
        algorithm, claims = _claims(head), _claims(body)
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _octets(key))
        public_key.verify(_der(_octets(signature)), signed.encode(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise _BadToken("The VAPID signature does not fit the token and the key k.") from None
    except ValueError as error:
        raise _BadToken(f"The VAPID token or key cannot be read: {error}") from None
    if algorithm.get("alg") != "ES256":
        raise _BadToken(f"The VAPID token is signed with {algorithm.get('alg')!r}; it must be 'ES256'.")
    return claims


def _claims(part: str) -> dict[str, Any]:
    found = json_value(_octets(part).decode())
    if not isinstance(found, dict):
        raise ValueError("a part of the token is no JSON object")  # noqa: TRY004 (a fault of the token, not of our code)
    return found


def _claims_problem(claims: Mapping[str, Any], origin: str, *, now: datetime) -> str:
    audience, expires, subject = claims.get("aud"), claims.get("exp"), claims.get("sub")
    if audience != origin:
        return f"aud is {audience!r}; it must be the push service's origin, {origin!r}."
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        return f"exp is {expires!r}; it must be a number of seconds since 1970."
    seconds = expires - now.timestamp()
    if seconds <= 0:
        return f"exp passed {-seconds:.0f} seconds ago."
    if seconds > LONGEST_TOKEN.total_seconds():
        return f"exp is {seconds / 3600:.1f} hours ahead; at most 24 are allowed."
    if not isinstance(subject, str) or not subject.startswith(("mailto:", "https:")):
        return f"sub is {subject!r}; it must be a mailto: or https: address at which the sender is reached."
    return ""


def advice(headers: Headers, claims: Mapping[str, Any], payload: Any) -> tuple[str, ...]:
    """What this catcher lets pass, and a real service or browser may not; a sentence each."""
    found = []
    if _host_of(str(claims.get("sub", ""))).endswith(_NOT_PUBLIC):
        found.append(f"sub is {claims.get('sub')!r}; Apple refuses addresses that are not public.")
    if headers.get("TTL") == "0":
        found.append("TTL is 0: the push is lost when the browser is not online this moment.")
    if payload is None:
        found.append("The payload is empty or no JSON: the service worker has nothing to show.")
    if not (isinstance(payload, dict) and payload.get("web_push") == 8030):
        found.append("The payload is no Declarative Web Push (web_push: 8030), so Safari needs the service worker.")
    return tuple(found)


def json_value(text: str) -> Any:
    """The text read as JSON, or None: also for NaN, and for nesting that would not print again."""
    if text.count("[") + text.count("{") > DEEPEST:
        return None
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _host_of(subject: str) -> str:
    """The host of a mailto: or https: address, without trusting that it is one."""
    after = re.split(r"@|//", subject)[-1]
    return re.split(r"[/:?#>]", after)[0].strip(". ").lower()


def _octets(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(f"{text[:20]!r} is no base64url ({error})") from None


def _der(signature: bytes) -> bytes:
    if len(signature) != 64:
        raise ValueError(f"the signature has {len(signature)} octets, not 64")
    return encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
