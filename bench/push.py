"""CPU per push of whoever sends, ours beside `pywebpush.webpush()`; and how many a slow push service gets."""

import base64
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pywebpush import webpush

from bench import rivals
from bench.figures import Figure, Measured
from bench.notices import as_posted, notices
from bench.sink import push_sink
from notifier.channels import Answer
from notifier.channels.push import PushChannel, PushSettings, key_id, new_private_key, parse_subscription
from notifier.policy.outcomes import Delivered
from tests.push_server import Authority

PUSHES = 500  # of one round, each to another browser
CHUNK = 50  # pushes of one send task on the default queue
THINKS = 0.05  # seconds
SLOW_PUSHES = {"ours": 500, "naive": 10}
SUBJECT = "mailto:ops@app.example"
GOAL = 8.0
NPM_GOAL = 3.0

Send = Callable[[int], None]  # so many pushes


def measure(rounds: int) -> Measured:
    """Both senders live in this process and take turns; the push service is another process."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        authority = Authority(Path(folder))
        certificate = authority.issue("localhost", "127.0.0.1")
        key = Path(folder) / "vapid.pem"
        key.write_text(new_private_key())
        with patch.dict(os.environ, REQUESTS_CA_BUNDLE=str(authority.ca_file)):
            figures = [
                *_cpu(rounds, certificate, authority.ca_file, key=key),
                *_slow(rounds, certificate, authority.ca_file, key=key),
            ]
    reason = rivals.missing("web-push")
    return Measured(tuple(figures), (reason,) if reason else ())


def _cpu(rounds: int, certificate: Path, ca_file: Path, *, key: Path) -> Iterator[Figure]:
    ours, theirs, npm = [], [], []
    with push_sink(certificate) as port, _ours(port, ca_file, key) as send:
        browsers = _browsers(port)
        naive = _naive(browsers, key)
        for warm in (send, naive):
            warm(CHUNK)
        for _ in range(rounds):
            ours.append(_cpu_us(send))
            theirs.append(_cpu_us(naive))
            if not rivals.missing("web-push"):
                options = {"pushes": PUSHES, "browsers": browsers, "ca": str(ca_file), "subject": SUBJECT}
                npm.append(rivals.run("web-push.js", **options) / PUSHES * 1e6)
    unit = "µs CPU/push"
    yield Figure("push over TLS", unit, tuple(ours), tuple(theirs), "pywebpush.webpush() each", goal=GOAL)
    if npm:
        yield Figure("push over TLS", unit, tuple(ours), tuple(npm), "npm web-push, keep-alive", goal=NPM_GOAL)


def _slow(rounds: int, certificate: Path, ca_file: Path, *, key: Path) -> Iterator[Figure]:
    ours, theirs = [], []
    with push_sink(certificate, after=THINKS) as port, _ours(port, ca_file, key) as send:
        naive = _naive(_browsers(port), key)
        send(CHUNK)
        for _ in range(rounds):
            ours.append(_per_second(send, SLOW_PUSHES["ours"]))
            theirs.append(_per_second(naive, SLOW_PUSHES["naive"]))
    name = f"push at {THINKS * 1e3:.0f} ms answer time"
    against = "the same, one after the other"
    yield Figure(name, "pushes/s, 1 thread", tuple(ours), tuple(theirs), against, more_is_better=True)


@contextmanager
def _ours(port: int, ca_file: Path, key: Path) -> Iterator[Send]:
    """Word, encrypt and send through the channel, in chunks as the send task does."""
    pem = key.read_text()
    settings = PushSettings(pem, SUBJECT, allow_loopback=True, ca_file=str(ca_file))
    channel = PushChannel(settings, lambda: datetime.now(UTC))
    stored = [parse_subscription(browser, settings).value for browser in _browsers(port)]
    waiting = (notice for _ in cycle((None,)) for notice in notices(stored, key_id(pem)))

    def send(count: int) -> None:
        answers: list[Answer] = []
        for _ in range(0, count, CHUNK):
            now = datetime.now(UTC)
            chunk = islice(waiting, min(CHUNK, count))
            channel.send((channel.render(notice, now) for notice in chunk), answers.append)
        assert all(isinstance(answer.outcome, Delivered) for answer in answers), answers[:3]

    yield send
    channel.close()


def _naive(browsers: list[dict[str, object]], key: Path) -> Send:
    """As in the README of pywebpush."""

    def send(count: int) -> None:
        for number, browser in islice(enumerate(cycle(browsers)), count):
            said = as_posted(number)
            data = {"title": "Ana commented on your post: Sunset", "body": said["object"]["content"], **said["target"]}
            webpush(browser, json.dumps(data), vapid_private_key=str(key), vapid_claims={"sub": SUBJECT})

    return send


def _browsers(port: int) -> list[dict[str, object]]:
    return [
        {"endpoint": f"https://localhost:{port}/push/{number:064x}", "keys": {"p256dh": _point(), "auth": _base64(16)}}
        for number in range(PUSHES)
    ]


def _point() -> str:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return _encoded(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def _base64(octets: int) -> str:
    return _encoded(os.urandom(octets))


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _cpu_us(send: Send) -> float:
    began = time.process_time()
    send(PUSHES)
    return (time.process_time() - began) / PUSHES * 1e6


def _per_second(send: Send, count: int) -> float:
    began = time.perf_counter()
    send(count)
    return count / (time.perf_counter() - began)
