"""CPU per mail of whoever sends, ours beside `render_template` and `mail.send`; and how many pass a far relay."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from flask import Flask

from bench import rivals
from bench.figures import Figure, Measured
from bench.notices import as_posted, notices
from bench.sink import smtp_sink
from bench.tutorial.mails import mail, send_mail
from notifier.channels import Answer
from notifier.channels.email import EmailChannel, EmailSettings
from notifier.policy.outcomes import Delivered
from tests.push_server import Authority

MAILS = 400  # of one round
CHUNK = 50  # mails of one send task on the default queue
ROUND_TRIP = 0.02
FAR_MAILS = {"ours": 60, "tutorial": 8}
GOAL = 5.0
NODEMAILER_GOAL = 3.5

Send = Callable[[int], None]  # so many mails


def measure(rounds: int) -> Measured:
    """All senders live in this process and take turns; the relay is another process."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        authority = Authority(Path(folder))
        certificate = authority.issue("localhost", "127.0.0.1")
        figures = [
            *_cpu(rounds, "plain", None, authority.ca_file),
            *_cpu(rounds, "STARTTLS", certificate, authority.ca_file),
            *_far(rounds),
        ]
    reason = rivals.missing("nodemailer")
    return Measured(tuple(figures), (reason,) if reason else ())


def _cpu(rounds: int, kind: str, certificate: Path | None, ca_file: Path) -> Iterator[Figure]:
    ours, theirs, node = [], [], []
    with smtp_sink(certificate) as port, _ours(port, certificate and ca_file) as send:
        naive = _tutorial(port, tls=certificate is not None)
        for warm in (send, naive):
            warm(CHUNK)
        for _ in range(rounds):
            ours.append(_cpu_ms(send))
            theirs.append(_cpu_ms(naive))
            if not rivals.missing("nodemailer"):
                seconds = rivals.run("nodemailer.js", port=port, mails=MAILS, tls=certificate is not None)
                node.append(seconds / MAILS * 1e3)
    name, unit = f"email {kind}", "ms CPU/mail"
    yield Figure(name, unit, tuple(ours), tuple(theirs), "render_template, css-inline, mail.send each", goal=GOAL)
    if node:
        yield Figure(name, unit, tuple(ours), tuple(node), "nodemailer pool of 5", goal=NODEMAILER_GOAL)


def _far(rounds: int) -> Iterator[Figure]:
    ours, theirs = [], []
    with smtp_sink(round_trip=ROUND_TRIP) as port, _ours(port) as send:
        naive = _tutorial(port)
        send(2)
        for _ in range(rounds):
            ours.append(_per_second(send, FAR_MAILS["ours"]))
            theirs.append(_per_second(naive, FAR_MAILS["tutorial"]))
    yield Figure(
        f"email at {ROUND_TRIP * 1e3:.0f} ms round trip",
        "mails/s, 1 connection",
        tuple(ours),
        tuple(theirs),
        "the same, a connection for each mail",
        more_is_better=True,
    )


@contextmanager
def _ours(port: int, ca_file: Path | None = None) -> Iterator[Send]:
    """Render, write and send through the channel, in chunks as the send task does."""
    settings = EmailSettings(
        server="localhost",
        port=port,
        sender="Acme <news@acme.example>",
        use_tls=ca_file is not None,
        ca_file=str(ca_file or ""),
    )
    channel = EmailChannel(settings, lambda: datetime.now(UTC))
    waiting = notices([f"user{number}@app.example" for number in range(1_000_000)])

    def send(count: int) -> None:
        answers: list[Answer] = []
        for _ in range(0, count, CHUNK):
            now = datetime.now(UTC)
            chunk = islice(waiting, min(CHUNK, count))
            channel.send((channel.render(notice, now) for notice in chunk), answers.append)
        assert all(isinstance(answer.outcome, Delivered) for answer in answers), answers[:3]

    yield send
    channel.close()


def _tutorial(port: int, *, tls: bool = False) -> Send:
    app = Flask("bench.tutorial")
    app.config.update(
        MAIL_SERVER="localhost", MAIL_PORT=port, MAIL_USE_TLS=tls, MAIL_DEFAULT_SENDER="Acme <news@acme.example>"
    )
    mail.init_app(app)

    def send(count: int) -> None:
        with app.app_context():
            for number in range(count):
                send_mail(f"user{number}@app.example", as_posted(number))

    return send


def _cpu_ms(send: Send) -> float:
    began = time.process_time()
    send(MAILS)
    return (time.process_time() - began) / MAILS * 1e3


def _per_second(send: Send, count: int) -> float:
    began = time.perf_counter()
    send(count)
    return count / (time.perf_counter() - began)
