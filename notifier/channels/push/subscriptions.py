"""A browser's push subscription: checked once when it is posted, read back for every push."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from notifier.channels import BadAddress
from notifier.channels.push.endpoints import read_endpoint
from notifier.channels.push.settings import PushSettings

POINT, SECRET = 65, 16  # octets (RFC 8291, 3.1 and 3.2)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A checked subscription. The keys are base64url text without padding; `value` is what is stored."""

    endpoint: str
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    host: str

    @property
    def value(self) -> str:
        """The JSON text of `Address.value`."""
        return json.dumps({"endpoint": self.endpoint, "p256dh": self.p256dh, "auth": self.auth}, separators=(",", ":"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the endpoint in hex: names the subscription without giving it away."""
        return fingerprint(self.endpoint)


@dataclass(frozen=True, slots=True)
class Stored:
    """A subscription as a push needs it: the keys decoded."""

    endpoint: str
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)


def parse_subscription(raw: Mapping[str, object], settings: PushSettings) -> Subscription:
    """Check what a browser's `PushSubscription.toJSON()` gave.

    Raises `BadAddress` with a pointer to the fault. The DNS is not asked here: names change, so the addresses
    are checked at each connection.
    """
    endpoint = raw.get("endpoint")
    if not isinstance(endpoint, str):
        raise BadAddress("The endpoint must be a text.", "/endpoint")
    host = read_endpoint(endpoint, settings).host
    keys = raw.get("keys")
    if not isinstance(keys, Mapping):
        raise BadAddress("The keys must be an object with p256dh and auth.", "/keys")
    point = _octets(keys.get("p256dh"), POINT, pointer="/keys/p256dh")
    secret = _octets(keys.get("auth"), SECRET, pointer="/keys/auth")
    _check_on_curve(point)
    return Subscription(endpoint, base64url(point), base64url(secret), host)


def read_stored(value: str) -> Stored:
    """The subscription of an `Address.value`. Raises `ValueError` where it is none."""
    fields = json.loads(value)
    try:
        return Stored(fields["endpoint"], from_base64url(fields["p256dh"]), from_base64url(fields["auth"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a stored push subscription") from error


def masked_endpoint(endpoint: str) -> str:
    """The endpoint as logs may show it: `fcm.googleapis.com/…a1b2c3d4`. Who knows the whole URL may use it."""
    return f"{urlsplit(endpoint).netloc}/…{fingerprint(endpoint)[:8]}"


def fingerprint(endpoint: str) -> str:
    """SHA-256 of the endpoint in hex."""
    return hashlib.sha256(endpoint.encode()).hexdigest()


def base64url(octets: bytes) -> str:
    """Base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """The octets of base64url text, padded or not. Raises `ValueError`."""
    unpadded = text.rstrip("=")
    return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), altchars=b"-_", validate=True)


def _octets(text: object, length: int, *, pointer: str) -> bytes:
    message = f"The key must be {length} octets as base64url text."
    if not isinstance(text, str) or len(text) > 2 * length:
        raise BadAddress(message, pointer)
    try:
        # Pages that encode by btoa() post the standard alphabet.
        octets = from_base64url(text.replace("+", "-").replace("/", "_"))
    except (binascii.Error, ValueError) as error:
        raise BadAddress(message, pointer) from error
    if len(octets) != length:
        raise BadAddress(message, pointer)
    return octets


def _check_on_curve(point: bytes) -> None:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise BadAddress("The key must be an uncompressed point of the curve P-256.", "/keys/p256dh") from error
