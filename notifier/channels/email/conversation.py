"""One SMTP connection: smtplib's, with a deadline on every step, TLS that is verified, and commands in groups.

smtplib alone waits for ever, or as long as a server sends an octet now and then; here each reply has a deadline as a
whole. Everything that ends a connection is one exception, `Lost`, which says how much had been written.
"""

import contextlib
import smtplib
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable

from notifier.channels.email.replies import (
    Reply,
    Stage,
    deferred,
    misconfigured,
    read_reply,
    unreachable,
)
from notifier.channels.email.settings import EmailSettings
from notifier.policy.outcomes import Deferred

_REPLY_OCTETS = 65536  # no honest reply is longer
_QUIT_PATIENCE = 1.0  # seconds; a goodbye is worth no more


class Lost(Exception):
    """The connection is no more. `outcome` is what that means for a mail whose content did not go out."""

    def __init__(self, outcome: Deferred, *, answered: bool = False, written: int | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.answered = answered  # the relay said goodbye (421)
        self.written = written  # octets of the write that failed; None: all was written


# Called when TLS begins: reading the system's certificates takes longer than many mails.
NewContext = Callable[[], ssl.SSLContext]


class Conversation(smtplib.SMTP):
    """An open connection, past EHLO, STARTTLS and AUTH. Raises `Lost`, `OSError` and `SMTPException` while opening."""

    def __init__(self, settings: EmailSettings, context: NewContext) -> None:
        self._settings = settings
        self._new_context = context
        self._unread = bytearray()
        super().__init__(settings.server, settings.port, local_hostname=settings.host, timeout=settings.connect_timeout)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    @property
    def pipelines(self) -> bool:
        """Whether commands may go in groups (RFC 2920)."""
        return self.has_extn("pipelining")

    def read(self, stage: Stage = Stage.SESSION) -> Reply:
        """The next reply. Raises `Lost`, also for 421, after which the relay hangs up."""
        number, message = self._reply(self._patience(stage), stage)
        reply = read_reply(number, message)
        if number == 421:
            self.close()
            raise Lost(deferred(reply, stage), answered=True)
        return reply

    def write(self, data: bytes, stage: Stage = Stage.SESSION) -> None:
        """Write all of it. Raises `Lost` with the number of octets that went out."""
        patience = self._patience(stage)
        deadline = time.monotonic() + patience
        view, written = memoryview(data), 0
        try:
            while written < len(data):
                self._live().settimeout(max(deadline - time.monotonic(), 0.001))
                written += self._live().send(view[written:])
        except OSError as error:
            raise self._lost(error, stage, patience, written=written) from error

    def is_stale(self) -> bool:
        """Whether the relay said or did something since the last reply: it has hung up, or is about to."""
        if self.sock is None or self._unread:
            return True
        self.sock.settimeout(0)
        try:
            # Below TLS on purpose: a goodbye waits there just as readably.
            socket.socket.recv(self.sock, 1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def say_goodbye(self) -> None:
        """QUIT and close. Nothing can go wrong here that matters: every mail has its answer."""
        with contextlib.suppress(Lost):
            self.write(b"QUIT\r\n")
            self._reply(_QUIT_PATIENCE, Stage.SESSION)
        self.close()

    def getreply(self) -> tuple[int, bytes]:
        """What smtplib's own commands call."""
        return self._reply(self._patience(Stage.SESSION), Stage.SESSION)

    def send(self, s: object) -> None:
        """What smtplib's own commands write with."""
        self.write(s if isinstance(s, bytes) else str(s).encode("ascii"))

    def _reply(self, patience: float, stage: Stage) -> tuple[int, bytes]:
        """A reply's number and lines, within `patience` seconds for the whole of it."""
        deadline = time.monotonic() + patience
        lines: list[bytes] = []
        try:
            while not lines or lines[-1][3:4] == b"-":
                lines.append(self._line(deadline))
                if sum(map(len, lines)) > _REPLY_OCTETS:
                    raise ConnectionError("the relay's reply has no end")
            number = int(lines[-1][:3])
        except (OSError, ValueError) as error:
            raise self._lost(error, stage, patience) from error
        return number, b"\n".join(line[4:].strip() for line in lines)

    def _patience(self, stage: Stage) -> float:
        return self._settings.content_timeout if stage == Stage.CONTENT else self._settings.command_timeout

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = socket.create_connection((host, port), timeout)
        # Groups are written whole: to hold their tail back for an acknowledgement only costs time.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._settings.use_ssl:
            return self._new_context().wrap_socket(sock, server_hostname=host)
        return sock

    def _open(self) -> None:
        settings = self._settings
        self._greet()
        if settings.needs_starttls:
            self._secure()
            self._greet()
        if settings.username:
            self._log_in()

    def _greet(self) -> None:
        number, message = self.ehlo()
        if number != 250:
            raise smtplib.SMTPResponseException(number, message)

    def _secure(self) -> None:
        if self.sock is not None:
            self.sock.settimeout(self._settings.connect_timeout)
        self.starttls(context=self._new_context())
        if self._unread:
            # Said in clear, before TLS, by whoever sits in between (CVE-2011-0411).
            raise ssl.SSLError("The relay went on talking in clear after STARTTLS.")

    def _log_in(self) -> None:
        settings = self._settings
        if not (isinstance(self.sock, ssl.SSLSocket) or settings.is_loopback):
            raise smtplib.SMTPNotSupportedError(
                "The password is not sent in clear: set MAIL_USE_TLS, or MAIL_USE_SSL for port 465."
            )
        offered = self.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            secret = _base64(f"\0{settings.username}\0{settings.password}")
            number, message = self.docmd("AUTH", f"PLAIN {secret}")
        elif "LOGIN" in offered:
            number, message = self._log_in_stepwise()
        else:
            raise smtplib.SMTPNotSupportedError("The relay offers neither AUTH PLAIN nor AUTH LOGIN.")
        if number != 235:
            raise smtplib.SMTPAuthenticationError(number, message)

    def _log_in_stepwise(self) -> tuple[int, bytes]:
        number, message = self.docmd("AUTH", "LOGIN")
        for secret in (self._settings.username, self._settings.password):
            if number == 334:
                number, message = self.docmd(_base64(secret))
        return number, message

    def _live(self) -> socket.socket:
        if self.sock is None:
            raise ConnectionError("the connection is closed")
        return self.sock

    def _line(self, deadline: float) -> bytes:
        while (end := self._unread.find(b"\n")) < 0:
            sock = self._live()
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            received = sock.recv(4096)
            if not received:
                raise ConnectionError("the relay closed the connection")
            if len(self._unread) > _REPLY_OCTETS:
                raise ConnectionError("the relay's reply has no end")
            self._unread += received
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line

    def _lost(self, error: Exception, stage: Stage, patience: float, *, written: int | None = None) -> Lost:
        self.close()
        if isinstance(error, TimeoutError):
            return Lost(unreachable("timeout", f"No answer to {stage} within {patience:g} s."), written=written)
        return Lost(Deferred("connection", f"The connection was lost at {stage}: {error}."), written=written)


def open_conversation(settings: EmailSettings, context: NewContext) -> Conversation:
    """Connect, secure and log in; `context` is asked only for TLS. Raises `Lost` whatever comes in between."""
    try:
        return Conversation(settings, context)
    except smtplib.SMTPNotSupportedError as error:
        # smtplib says so of STARTTLS; our own sentences stand for themselves.
        raise Lost(misconfigured("tls" if "STARTTLS" in str(error) else "auth", str(error))) from error
    except smtplib.SMTPResponseException as error:
        message = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
        raise Lost(deferred(read_reply(error.smtp_code, message), Stage.SESSION), answered=True) from error
    except ssl.SSLCertVerificationError as error:
        raise Lost(misconfigured("certificate", f"The relay's certificate: {error.verify_message}.")) from error
    except ssl.SSLError as error:
        raise Lost(misconfigured("tls", f"TLS with the relay failed: {error}.")) from error
    except TimeoutError as error:
        text = f"{settings.origin} did not answer within {settings.connect_timeout:g} s."
        raise Lost(unreachable("timeout", text)) from error
    except OSError as error:
        raise Lost(unreachable("connection", f"{settings.origin}: {error}.")) from error


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
