"""Our identity towards push services (VAPID, RFC 8292): one P-256 key, and the signed header made with it."""

import hashlib
import re
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from notifier.channels.push.subscriptions import base64url

LIFETIME = timedelta(hours=12)  # RFC 8292 allows 24; clocks differ
_MOST_ORIGINS = 1000  # headers kept; where any host is allowed, users choose the origins

_SUBJECT = re.compile(
    r"mailto:[^\s@<>\"(),:;]+@([a-z0-9.-]+)|https://([a-z0-9.-]+)(?::[0-9]+)?(?:[/?][!-~]*)?", re.IGNORECASE
)
_PRIVATE_NAMES = ("localhost", "local", "invalid", "test")  # Apple is reported to answer 403 BadJwtToken to such


def new_private_key() -> str:
    """A new private key, as PEM text (PKCS #8)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_key(private_pem: str) -> str:
    """What a page gives as `applicationServerKey`: 65 octets as base64url."""
    return base64url(_point(_load(private_pem)))


def key_id(private_pem: str) -> str:
    """A short name of the key, to be kept with each subscription made with it."""
    return hashlib.sha256(_point(_load(private_pem))).hexdigest()[:12]


def check_vapid(private_pem: str, subject: str, *, production: bool = False) -> None:
    """Raise `ValueError`, saying what would be right, where push services would not accept us."""
    _load(private_pem)
    match = _SUBJECT.fullmatch(subject)
    if not match:
        raise ValueError(
            f"VAPID_SUBJECT is {subject!r}; it must be mailto: and a bare address (mailto:ops@example.com), "
            "or an https: URL"
        )
    host = (match[1] or match[2]).lower().rstrip(".")
    if production and ("." not in host or host.rsplit(".", 1)[-1] in _PRIVATE_NAMES):
        raise ValueError(f"VAPID_SUBJECT is {subject!r}; in production its domain must be a public one")


class Signer:
    """Makes the Authorization header for an origin, and keeps it for half its life."""

    def __init__(self, private_pem: str, subject: str) -> None:
        self._key = _load(private_pem)
        self._public = public_key(private_pem)
        self._subject = subject
        self._headers: dict[str, tuple[datetime, str]] = {}

    def authorization(self, origin: str, now: datetime) -> str:
        """The header's value for pushes to this origin at this moment (aware UTC)."""
        signed_at, header = self._headers.get(origin, (datetime.min.replace(tzinfo=now.tzinfo), ""))
        if header and timedelta(0) <= now - signed_at < LIFETIME / 2:
            return header
        if len(self._headers) >= _MOST_ORIGINS:
            self._headers.clear()
        header = self._sign(origin, now)
        self._headers[origin] = now, header
        return header

    def _sign(self, origin: str, now: datetime) -> str:
        # Late: 10 MB that only a process which sends needs. The signing function itself, because the class around
        # it refuses origins on IPv6 addresses.
        from py_vapid.jwt import sign

        claims = {"aud": origin, "exp": int((now + LIFETIME).timestamp()), "sub": self._subject}
        return f"vapid t={sign(claims, self._key)},k={self._public}"


def _load(private_pem: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(private_pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "VAPID_PRIVATE_KEY cannot be read; it must be a P-256 private key as PEM text without a pass phrase"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError(  # noqa: TRY004 (a wrong setting, whatever its type)
            "VAPID_PRIVATE_KEY is a key of another kind; it must be one on the curve P-256 (prime256v1)"
        )
    return key


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
