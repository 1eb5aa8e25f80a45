"""The mail catcher: an SMTP server that takes every mail, keeps it and passes nothing on."""

import asyncio
import logging
import signal
import socket
from datetime import UTC, datetime
from typing import Any, AnyStr

from aiosmtpd.smtp import SMTP, Envelope, Session

from notifier.catchers.faults import Faults, MailFault
from notifier.catchers.mailbox import Mailbox

log = logging.getLogger(__name__)
LARGEST = 25 * 1024 * 1024  # octets; what common relays take
MOST_RECIPIENTS = 1_000
BOUNCING = "@bounce.test"  # nobody lives there, ever
_AT_RECIPIENT = (MailFault.BUSY, MailFault.GREYLISTED, MailFault.NO_MAILBOX)
_AT_END = (MailFault.REJECTED, MailFault.DROPPED)
_ANSWERS = {
    MailFault.BUSY: "421 4.3.2 Fault switch: try again later, closing the connection",
    MailFault.GREYLISTED: "451 4.7.1 Fault switch: greylisted, try again later",
    MailFault.NO_MAILBOX: "550 5.1.1 Fault switch: no such mailbox",
    MailFault.REJECTED: "554 5.7.1 Fault switch: message refused by policy",
    MailFault.DROPPED: "",
}


def serve(sock: socket.socket, mailbox: Mailbox, faults: Faults) -> None:
    """Catch mail on this bound, listening socket until SIGTERM or SIGINT. Main thread only; blocks."""
    asyncio.run(_serve(sock, mailbox, faults))


async def _serve(sock: socket.socket, mailbox: Mailbox, faults: Faults) -> None:
    loop = asyncio.get_running_loop()
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    door = _Door(mailbox, faults)
    server = await loop.create_server(lambda: _connection(door, loop), sock=sock)
    await told_to_stop.wait()
    # Senders hold their connections; they are dropped here, not waited for.
    server.close()


def _connection(door: "_Door", loop: asyncio.AbstractEventLoop) -> "_Connection":
    return _Connection(door, data_size_limit=LARGEST, enable_SMTPUTF8=True, hostname="catcher.localhost", loop=loop)


class _Connection(SMTP):
    """A connection that ends where a real server would end it: after a 421, or with no answer at all."""

    async def push(self, status: AnyStr) -> None:
        if status:
            await super().push(status)
        if self.transport and (not status or status[:3] in {"421", b"421"}):
            self.transport.close()


class _Door:
    """What aiosmtpd asks about each command; it finds the methods by their names."""

    def __init__(self, mailbox: Mailbox, faults: Faults) -> None:
        self._mailbox = mailbox
        self._faults = faults

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, _server: Any, session: Session, _envelope: Envelope, hostname: str, answer: list[str]
    ) -> list[str]:
        session.host_name = hostname
        # aiosmtpd reads commands one after another from its buffer, which is all that RFC 2920 asks of a server.
        return [*answer[:-1], "250-PIPELINING", answer[-1]]

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.lower().endswith(BOUNCING):
            return f"550 5.1.1 Nobody lives at {BOUNCING[1:]}"
        fault = self._faults.take_mail(_AT_RECIPIENT)
        if fault:
            return _ANSWERS[fault]
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        await asyncio.sleep(self._faults.switches().mail.delay)
        fault = self._faults.take_mail(_AT_END)
        if fault is MailFault.REJECTED:
            return _ANSWERS[fault]
        raw = bytes(envelope.original_content or b"")
        kept = self._mailbox.keep(envelope.mail_from or "", envelope.rcpt_tos, raw=raw, received_at=datetime.now(UTC))
        # Kept and not answered: the sender cannot know, and the same Message-ID will come again.
        return _ANSWERS[fault] if fault else f"250 2.0.0 Caught as {kept}"

    async def handle_exception(self, error: Exception) -> str:
        # A full disk is no fault of the mail: the sender shall come again.
        log.error("a mail could not be caught", exc_info=error)
        return f"451 4.3.0 The catcher failed: {type(error).__name__}"
