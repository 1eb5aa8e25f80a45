"""The push catcher: a push service for subscriptions whose private keys it holds, so that it can read what it is sent.

A browser gets its subscription from its vendor's service; a machine on its own has none. Here a subscription
is made for any user, the push to it is checked as a strict service would, decrypted as a browser would, and kept.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from werkzeug.datastructures import Headers

from notifier.catchers.checks import LARGEST_BODY, Identity, advice, identity, json_value, request_problem
from notifier.catchers.faults import PushFault
from notifier.catchers.shelf import Kept, NotKept, Shelf

SUBSCRIPTIONS = 100_000
_SHOWN_HEADERS = ("TTL", "Topic", "Urgency", "Content-Encoding", "Content-Type", "Content-Length", "User-Agent")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One pretended browser of a user. `endpoint` and `keys` are what a page would post."""

    id: str
    user: str
    made_at: datetime  # aware UTC
    endpoint: str
    private_key: ec.EllipticCurvePrivateKey
    auth: bytes  # 16 octets

    def as_json(self) -> dict[str, Any]:
        """The shape of the browser's `PushSubscription.toJSON()`."""
        point = self.private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _base64url(point), "auth": _base64url(self.auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}


@dataclass(frozen=True, slots=True)
class CaughtPush:
    """One push as it came, and what was found of it."""

    id: str
    received_at: datetime  # aware UTC
    subscription: str
    user: str
    status: int  # what was answered; 201 is the only good one
    headers: Mapping[str, str]
    size: int  # octets of the body
    claims: Mapping[str, Any] = field(default_factory=dict)
    plaintext: str = ""
    problems: tuple[str, ...] = ()  # why it was turned away
    advice: tuple[str, ...] = ()

    @property
    def payload(self) -> Any:
        """The plaintext as JSON, or None."""
        return json_value(self.plaintext)


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What was posted to an endpoint. `headers` are found in any case."""

    headers: Headers
    body: bytes
    received_at: datetime  # aware UTC


@dataclass(frozen=True, slots=True)
class Reply:
    """What the push service answers. `location` names the message where it was taken."""

    status: int
    text: str = ""
    location: str = ""


class PushCatcher:
    """The subscriptions and pushes in `folder`; endpoints are `public_prefix` + "/" + id."""

    def __init__(self, folder: Path, public_prefix: str) -> None:
        self._subscriptions = Shelf(folder / "subscriptions", keep=SUBSCRIPTIONS)
        self._pushes = Shelf(folder / "push")
        self._prefix = public_prefix.rstrip("/")
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(public_prefix))

    def subscribe(self, user: str) -> dict[str, Any]:
        """Make a subscription for a user; gives what the browser's `PushSubscription.toJSON()` would."""
        private_key = ec.generate_private_key(ec.SECP256R1())
        label = {
            "user": user,
            "made_at": datetime.now(UTC).isoformat(),
            "private_key": f"{private_key.private_numbers().private_value:064x}",
            "auth": secrets.token_hex(16),
        }
        made = self._subscriptions.put(label)
        return self._subscription(self._subscriptions.open(made)).as_json()

    def subscriptions(self, limit: int) -> list[Subscription]:
        """The newest subscriptions that still live."""
        return [self._subscription(kept) for kept in self._subscriptions.recent(limit)]

    def end(self, subscription: str) -> None:
        """End a subscription, as its browser would: every later push to it gets a 410. Raises `NotKept`."""
        self._subscriptions.remove(subscription)

    def receive(self, subscription: str, request: PushRequest, fault: PushFault | None = None) -> Reply:
        """Answer one push and keep it with what was found: 201, or the status of its first problem.

        A `fault` is answered whatever the push is like; 404 and 410 end the subscription, as they would elsewhere.
        """
        try:
            receiver = self._subscription(self._subscriptions.open(subscription))
        except NotKept:
            return Reply(410, "This subscription has ended or never was.")
        push = _faulted(receiver, request, fault=fault) if fault else _examined(receiver, request, origin=self._origin)
        kept = self._pushes.put(_label(push))
        if fault in {PushFault.GONE, PushFault.NOT_FOUND}:
            self.end(subscription)
        if push.problems:
            return Reply(push.status, push.problems[0])
        return Reply(push.status, location=f"{self._prefix.rpartition('/')[0]}/{kept}")

    def recent(self, limit: int, before: str = "", *, user: str = "") -> list[CaughtPush]:
        """The newest pushes, newest first; with `user`, those to that user."""
        found = (kept for kept in self._pushes.all(before) if not user or kept.label["user"] == user)
        return [_push(kept) for kept in islice(found, limit)]

    def open(self, id: str) -> CaughtPush:
        """The push of this id. Raises `NotKept`."""
        return _push(self._pushes.open(id))

    def count(self) -> int:
        """How many pushes are kept."""
        return self._pushes.count()

    def clear(self) -> None:
        """Throw all pushes away; the subscriptions stay."""
        self._pushes.clear()

    def _subscription(self, kept: Kept) -> Subscription:
        return Subscription(
            id=kept.id,
            user=kept.label["user"],
            made_at=datetime.fromisoformat(kept.label["made_at"]),
            endpoint=f"{self._prefix}/{kept.id}",
            private_key=ec.derive_private_key(int(kept.label["private_key"], 16), ec.SECP256R1()),
            auth=bytes.fromhex(kept.label["auth"]),
        )


def _label(push: CaughtPush) -> dict[str, Any]:
    found = {name.name: getattr(push, name.name) for name in fields(push) if name.name != "id"}
    return found | {"received_at": push.received_at.isoformat()}


def _push(kept: Kept) -> CaughtPush:
    lists = {name: tuple(kept.label[name]) for name in ("problems", "advice")}
    received_at = datetime.fromisoformat(kept.label["received_at"])
    return CaughtPush(**kept.label | lists | {"id": kept.id, "received_at": received_at})


def _examined(receiver: Subscription, request: PushRequest, *, origin: str) -> CaughtPush:
    """The push with all that is wrong with it, answered as services answer the first of its problems."""
    sender = identity(request.headers.get("Authorization", ""), origin, request.received_at)
    faults = _faults(sender, request)
    plaintext = ""
    try:
        plaintext = _decrypted(request, receiver)
    except _Unreadable as error:
        faults.append((400, str(error)))
    return replace(
        _bare(receiver, request),
        status=faults[0][0] if faults else 201,
        claims=sender.claims,
        plaintext=plaintext,
        problems=tuple(sentence for _, sentence in faults),
        advice=advice(request.headers, sender.claims, json_value(plaintext)),
    )


def _faulted(receiver: Subscription, request: PushRequest, *, fault: PushFault) -> CaughtPush:
    return replace(
        _bare(receiver, request), status=int(fault), problems=(f"A fault switch answered {fault}; nothing was read.",)
    )


def _bare(receiver: Subscription, request: PushRequest) -> CaughtPush:
    return CaughtPush(
        id="",
        received_at=request.received_at,
        subscription=receiver.id,
        user=receiver.user,
        status=201,
        headers={name: request.headers[name] for name in _SHOWN_HEADERS if name in request.headers},
        size=len(request.body),
    )


def _faults(sender: Identity, request: PushRequest) -> list[tuple[int, str]]:
    found = []
    if len(request.body) > LARGEST_BODY:
        found.append((413, f"The body has {len(request.body)} octets; at most {LARGEST_BODY} are taken."))
    if sender.problem:
        found.append((403, sender.problem))
    if problem := request_problem(request.headers, request.body):
        found.append((400, problem))
    return found


class _Unreadable(ValueError):
    """The body does not decrypt. The message says why."""


def _decrypted(request: PushRequest, receiver: Subscription) -> str:
    if not request.body or request_problem(request.headers, request.body):
        return ""
    try:
        octets = http_ece.decrypt(request.body, private_key=receiver.private_key, auth_secret=receiver.auth)
        return bytes(octets).decode()
    except (http_ece.ECEException, ValueError) as error:
        raise _Unreadable(f"The body does not decrypt with this subscription's keys: {error}") from None


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
