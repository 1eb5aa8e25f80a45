"""Sends batches of pushes on one event loop: many at once, each encrypted, signed, carried and answered."""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from socket import gaierror
from time import perf_counter

from notifier.channels import Answer, BadAddress, Report
from notifier.channels.push.addresses import Resolve
from notifier.channels.push.answers import blames_key, classify
from notifier.channels.push.encoder import encrypted
from notifier.channels.push.endpoints import read_endpoint
from notifier.channels.push.keys import Signer, key_id
from notifier.channels.push.messages import Push
from notifier.channels.push.replies import BadReply, Reply
from notifier.channels.push.settings import PushSettings
from notifier.channels.push.transport import Lane, Transport
from notifier.policy.addresses import NotPublic
from notifier.policy.endpoints import Endpoint
from notifier.policy.outcomes import Deferred, Outcome, Refused

log = logging.getLogger(__name__)

IN_A_ROW = 3  # answers in a row that speak of us, after which the whole origin waits

_EXPECTED = (NotPublic, BadReply, OSError, ValueError)


def _shared_clock() -> datetime:
    """The moment as a push service reckons it too, wherever CLOCK_SHIFT has put ours."""
    return datetime.now(UTC)


@dataclass(slots=True)
class _Batch:
    """What the pushes of one batch share. After `overdue_at` (loop time) none is begun any more."""

    overdue_at: float
    paused: dict[str, Deferred] = field(default_factory=dict)  # by origin
    alarmed: set[str] = field(default_factory=set)


class Sender:
    """Lives on one event loop, for as long as its process sends."""

    def __init__(self, settings: PushSettings, clock: Callable[[], datetime], *, resolve: Resolve) -> None:
        self._settings = settings
        self._clock = clock
        self._transport = Transport(settings, resolve)
        self._signer = Signer(settings.private_key, settings.subject)
        self._key_id = key_id(settings.private_key)
        self._in_a_row: Counter[str] = (
            Counter()
        )  # answers that ask an origin's pushes to wait, since the last other one

    async def send(self, pushes: Sequence[Push], report: Report) -> None:
        """Send each once and report each answer. Takes at most three deadlines, however slow an origin is."""
        batch = _Batch(asyncio.get_running_loop().time() + 2 * self._settings.deadline)
        ends = await asyncio.gather(
            *(self._tell(push, batch, report=report) for push in pushes), return_exceptions=True
        )
        # What was not foreseen for one push must not cost the others their answers.
        for end in ends:
            if end:
                raise end

    async def close(self) -> None:
        """Let go of every connection."""
        self._transport.close()

    async def _tell(self, push: Push, batch: _Batch, *, report: Report) -> None:
        try:
            endpoint = read_endpoint(push.endpoint, self._settings)
        except BadAddress as error:
            report(Answer(push.delivery_id, Refused("address", str(error)), started_at=self._clock(), ms=0))
            return
        with self._transport.lane(endpoint) as lane:
            async with lane.slots, lane.in_flight:
                started_at, start = self._clock(), perf_counter()
                outcome = self._held(endpoint, batch) or await self._outcome(push, endpoint, lane=lane, batch=batch)
                ms = round((perf_counter() - start) * 1000)
        report(Answer(push.delivery_id, outcome, started_at=started_at, ms=ms))

    def _held(self, endpoint: Endpoint, batch: _Batch) -> Deferred | None:
        if said := batch.paused.get(endpoint.origin):
            text = f"not tried: {endpoint.origin} answered {said.code} a moment ago"
            return Deferred(said.code, text, after=said.after, patience=said.patience, charged=False)
        if asyncio.get_running_loop().time() > batch.overdue_at:
            text = f"not tried: {endpoint.origin} is slow and has its full share"
            return Deferred("busy", text, after=timedelta(seconds=self._settings.deadline), charged=False)
        return None

    async def _outcome(self, push: Push, endpoint: Endpoint, *, lane: Lane, batch: _Batch) -> Outcome:
        try:
            reply = await self._transport.post(endpoint, self._request(push, endpoint), lane=lane)
        except _EXPECTED as error:
            return _failure(error)
        outcome = self._classified(reply, push, target=endpoint.target)
        if blames_key(reply.status, reply.body) and endpoint.origin not in batch.alarmed:
            batch.alarmed.add(endpoint.origin)
            log.error("%s refuses our VAPID key: %s %s", endpoint.origin, outcome.code, outcome.text)
        if isinstance(outcome, Deferred) and outcome.pauses:
            return self._held_back(endpoint.origin, outcome, batch)
        self._in_a_row.pop(endpoint.origin, None)
        return outcome

    def _held_back(self, origin: str, outcome: Deferred, batch: _Batch) -> Deferred:
        """Only several in a row hold the origin: one may be the subscription's own, made with somebody else's key."""
        self._in_a_row[origin] += 1
        if self._in_a_row[origin] < IN_A_ROW:
            return replace(outcome, pauses=False)
        batch.paused.setdefault(origin, outcome)
        return outcome

    def _classified(self, reply: Reply, push: Push, *, target: str) -> Outcome:
        return classify(
            reply.status,
            reply.headers,
            # Who knows an endpoint may use it: an answer that repeats it must not carry it into logs.
            reply.body.replace(target.encode(), b"/\xe2\x80\xa6") if len(target) > 1 else reply.body,
            now=_shared_clock(),
            key_is_current=push.key_id in ("", self._key_id),
            short=push.short,
        )

    def _request(self, push: Push, endpoint: Endpoint) -> bytes:
        body = encrypted(push.payload, p256dh=push.p256dh, auth=push.auth)
        head = (
            f"POST {endpoint.target} HTTP/1.1\r\n"
            f"Host: {endpoint.authority}\r\n"
            f"Authorization: {self._signer.authorization(endpoint.origin, _shared_clock())}\r\n"
            f"TTL: {push.ttl}\r\n"
            f"Urgency: {push.urgency}\r\n"
            f"Topic: {push.topic}\r\n"
            "Content-Encoding: aes128gcm\r\n"
            "Content-Type: application/octet-stream\r\n"
            f"Content-Length: {len(body)}\r\n"
            "\r\n"
        )
        return head.encode("ascii") + body


def _failure(error: Exception) -> Outcome:
    match error:
        case NotPublic():
            return Refused("address", str(error))
        case BadReply():
            return Deferred("protocol", str(error))
        case TimeoutError():
            return Deferred("deadline", "no answer in time")
        case gaierror():
            return Deferred("dns", f"the name cannot be resolved: {error.strerror}")
        case ssl.SSLCertVerificationError():  # is a ValueError too
            return Deferred("tls", f"the certificate is not accepted: {error.verify_message}")
        case ssl.SSLError():
            return Deferred("tls", f"no TLS connection: {error.reason}")
        case OSError():
            return Deferred("network", error.strerror or str(error))
    return Refused("keys", "the subscription's keys cannot be used")
