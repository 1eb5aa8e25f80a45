"""A real SMTP server for tests: keeps each mail to the byte and fails at the stage it is told to.

    with SmtpServer(pipelining=True) as server:
        server.fail("rcpt", "550 5.1.1 No such user", to="bob@app.example")
        ...
        assert server.mails[0].content.startswith(b"From:")

Stages, in their order: connect, starttls, ehlo, auth, mail, rcpt, data, body (the first octets of the content came, the
final dot did not) and dot (the final dot came). At each it can answer anything, close, drop, hang or wait.
"""

import atexit
import base64
import datetime as dt
import ipaddress
import shutil
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Stage = Literal["connect", "starttls", "ehlo", "auth", "mail", "rcpt", "data", "body", "dot"]
Certificate = Literal["trusted", "unknown-authority", "other-host"]


@dataclass(frozen=True, slots=True)
class Received:
    """One mail as it came: the envelope, and the content without dot-stuffing and final dot."""

    sender: str
    recipients: tuple[str, ...]
    options: str  # what stood behind MAIL FROM:<…>
    content: bytes
    connection: int  # 1 for the server's first
    tls: bool
    user: str
    at: float  # time.monotonic()


@dataclass(slots=True)
class Fault:
    """What goes wrong at a stage. Without a reply the connection ends there, silently."""

    stage: Stage
    reply: str = ""
    close: bool = False  # after the reply
    hang: bool = False  # say nothing until the server ends
    delay: float = 0.0  # seconds before the ordinary or given answer
    drip: float = 0.0  # seconds between the octets of the reply
    keep: bool = False  # at "dot": the mail was taken although no good answer came
    to: str = ""  # only for this recipient ("rcpt" and later)
    times: int = -1  # how often; -1 always

    @property
    def only_delays(self) -> bool:
        return bool(self.delay) and not (self.reply or self.close or self.hang)


class _Over(Exception):
    """The connection ends."""


class SmtpServer:
    """Listens on a free loopback port between `with` and its end; one thread per connection."""

    def __init__(
        self,
        *,
        pipelining: bool = True,
        starttls: bool = False,
        implicit_tls: bool = False,
        certificate: Certificate = "trusted",
        auth: tuple[str, str] | None = None,
        mechanisms: str = "PLAIN LOGIN",
        smtputf8: bool = False,
        latency: float = 0.0,  # seconds added before each group of answers: one round trip
        port: int = 0,
    ) -> None:
        self.pipelining, self.starttls, self.implicit_tls, self.smtputf8 = pipelining, starttls, implicit_tls, smtputf8
        self.auth, self.mechanisms, self.latency = auth, mechanisms, latency
        self.slip_in_before_tls = b""  # said in clear in one write with the answer to STARTTLS
        self.mails: list[Received] = []
        self.commands: list[str] = []  # every command line, of all connections, in the order read
        self.connections = 0  # accepted so far
        self.open_connections = 0
        self.most_open = 0  # at the same time
        self.turns = 0  # how often the server had to answer before it got more: the client's round trips
        self.ca_file = str(_authority("trusted").file)
        self._context = _server_context(certificate) if starttls or implicit_tls else None
        self._faults: list[Fault] = []
        self._ending = threading.Event()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]

    def fail(
        self,
        stage: Stage,
        reply: str = "",
        *,
        close: bool = False,
        hang: bool = False,
        delay: float = 0.0,
        drip: float = 0.0,
        keep: bool = False,
        to: str = "",
        times: int = -1,
    ) -> None:
        """Let `stage` go wrong from now on; several faults of a stage are tried in the order given."""
        fault = Fault(stage, reply, close=close, hang=hang, delay=delay, drip=drip, keep=keep, to=to, times=times)
        with self._changed:
            self._faults.append(fault)

    def heal(self) -> None:
        """Forget every fault."""
        with self._changed:
            self._faults.clear()

    def wait_for(self, mails: int, timeout: float = 10.0) -> list[Received]:
        """The mails as soon as there are that many. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.mails) >= mails, timeout):
                raise TimeoutError(f"{len(self.mails)} of {mails} mails came within {timeout} s")
            return list(self.mails)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        _shut(self._listener)
        with self._changed:
            sockets, threads = list(self._sockets), list(self._threads)
        for connection in sockets:
            _shut(connection)
        for thread in threads:
            thread.join(5)

    def take_fault(self, stage: Stage, recipients: list[str]) -> Fault | None:
        """The fault to show now, counted down."""
        with self._changed:
            for fault in self._faults:
                if fault.stage == stage and fault.times and (not fault.to or fault.to in recipients):
                    fault.times -= 1
                    return fault
        return None

    def keep(self, mail: Received) -> None:
        with self._changed:
            self.mails.append(mail)
            self._changed.notify_all()

    def note(self, command: str) -> None:
        with self._changed:
            self.commands.append(command)

    def wait(self, seconds: float | None) -> None:
        """Until so many seconds passed, or the server ends, which ends the connection."""
        if self._ending.wait(seconds):
            raise _Over

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]  # any callable
        with self._changed:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ending.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                self.open_connections += 1
                self.most_open = max(self.most_open, self.open_connections)
                self._sockets.add(connection)
                number = self.connections
            self._start(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        session = _Session(self, connection, number)
        try:
            session.talk()
        except (OSError, _Over):
            pass
        finally:
            session.hang_up()
            with self._changed:
                self._sockets.discard(connection)
                self.open_connections -= 1
                self._changed.notify_all()

    def wait_until_all_left(self, timeout: float = 10.0) -> bool:
        """Whether every client is gone within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.open_connections, timeout)

    def secured(self, connection: socket.socket) -> ssl.SSLSocket:
        if self._context is None:
            raise _Over
        with self._changed:
            self._sockets.discard(connection)
        secured = self._context.wrap_socket(connection, server_side=True)
        with self._changed:
            self._sockets.add(secured)
        return secured


@dataclass(slots=True)
class _Session:
    """One client's connection. Answers are held back until all commands read so far are answered."""

    server: SmtpServer
    socket: socket.socket
    number: int
    unread: bytearray = field(default_factory=bytearray)
    answers: bytearray = field(default_factory=bytearray)
    tls: bool = False
    user: str = ""
    sender: str | None = None
    options: str = ""
    recipients: list[str] = field(default_factory=list)

    def talk(self) -> None:
        if self.server.implicit_tls:
            self._secure()
        if not self._went_wrong("connect"):
            self._say("220 test ESMTP")
        for line in self._lines():
            self.server.note(line)
            verb, _, rest = line.partition(" ")
            command = _COMMANDS.get(verb.upper())
            if command is None:
                self._say("500 5.5.2 What?")
            else:
                command(self, rest)

    def ehlo(self, _: str) -> None:
        if self._went_wrong("ehlo"):
            return
        server = self.server
        offers = ["test", "SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES"]
        offers += ["PIPELINING"] * server.pipelining + ["SMTPUTF8"] * server.smtputf8
        offers += ["STARTTLS"] * (server.starttls and not self.tls)
        offers += [f"AUTH {server.mechanisms}"] * bool(server.auth)
        for offer in offers[:-1]:
            self._say(f"250-{offer}")
        self._say(f"250 {offers[-1]}")

    def start_tls(self, _: str) -> None:
        if self._went_wrong("starttls"):
            return
        if not self.server.starttls:
            self._say("502 5.5.1 Not here")
            return
        self._say("220 2.0.0 Go ahead")
        self.answers += self.server.slip_in_before_tls
        self._flush()
        self._secure()
        self.unread.clear()

    def log_in(self, rest: str) -> None:
        if self._went_wrong("auth"):
            return
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() == "PLAIN":
            _, user, password = base64.b64decode(initial).decode().split("\0")
        else:
            user, password = self._asked("Username:"), self._asked("Password:")
        if (user, password) != self.server.auth:
            self._say("535 5.7.8 Wrong password")
            return
        self.user = user
        self._say("235 2.7.0 Welcome")

    def mail(self, rest: str) -> None:
        if self._went_wrong("mail"):
            return
        if self.server.auth and not self.user:
            self._say("530 5.7.0 Authentication required")
        elif self.sender is not None:
            self._say("503 5.5.1 Nested MAIL")
        else:
            path, _, self.options = rest.partition(" ")
            self.sender = path[len("FROM:<") : -1]
            self._say("250 2.1.0 Ok")

    def rcpt(self, rest: str) -> None:
        recipient = rest.partition(" ")[0][len("TO:<") : -1]
        if self.sender is None:
            self._say("503 5.5.1 MAIL first")
        elif not self._went_wrong("rcpt", recipient):
            self.recipients.append(recipient)
            self._say("250 2.1.5 Ok")

    def data(self, _: str) -> None:
        if self._went_wrong("data"):
            return
        if not self.recipients:
            self._say("554 5.5.1 No valid recipients")
            return
        self._say("354 Go ahead")
        self._content()

    def reset(self, _: str) -> None:
        self._forget()
        self._say("250 2.0.0 Ok")

    def quit(self, _: str) -> None:
        self._say("221 2.0.0 Bye")
        self._flush()
        raise _Over

    def noop(self, _: str) -> None:
        self._say("250 2.0.0 Ok")

    def hang_up(self) -> None:
        # A plain close with octets unread resets the connection, as a crashed server does.
        _shut(self.socket)

    def _content(self) -> None:
        lines: list[bytes] = []
        while (line := self._line()) != b".":
            if not lines:
                self._went_wrong("body")
            lines.append(line.removeprefix(b"."))
        content = b"".join(line + b"\r\n" for line in lines)
        mail = Received(
            self.sender or "",
            tuple(self.recipients),
            options=self.options,
            content=content,
            connection=self.number,
            tls=self.tls,
            user=self.user,
            at=time.monotonic(),
        )
        if not self._went_wrong("dot", mail=mail):
            # An empty content after DATA without a recipient is a client's way out, not a mail.
            if self.recipients and lines:
                self.server.keep(mail)
                self._say("250 2.0.0 Taken")
            else:
                self._say("554 5.5.1 No valid recipients")
        self._forget()

    def _forget(self) -> None:
        self.sender, self.options, self.recipients = None, "", []

    def _went_wrong(self, stage: Stage, recipient: str = "", *, mail: Received | None = None) -> bool:
        """Show the stage's fault, if it has one; False where the ordinary answer is still due."""
        fault = self.server.take_fault(stage, [*self.recipients, recipient])
        if fault is None:
            return False
        if fault.hang:
            self._flush()
            self.server.wait(None)
        if fault.delay:
            self.server.wait(fault.delay)
        if fault.only_delays:
            return False
        if fault.keep and mail is not None:
            self.server.keep(mail)
        if fault.reply:
            self._say(*fault.reply.split("\n"))
            self._drip(fault.drip)
            # The way out that RFC 2920 leaves: 354 to DATA although every recipient was refused.
            if stage == "data" and fault.reply.startswith("354"):
                self._content()
        if fault.close or not fault.reply:
            self._flush()
            raise _Over
        return True

    def _drip(self, pause: float) -> None:
        while pause and self.answers:
            self.socket.sendall(self.answers[:1])
            del self.answers[:1]
            self.server.wait(pause)

    def _asked(self, prompt: str) -> str:
        self._say("334 " + base64.b64encode(prompt.encode()).decode())
        return base64.b64decode(self._line()).decode()

    def _say(self, *lines: str) -> None:
        for line in lines:
            self.answers += line.encode("utf-8", "surrogateescape") + b"\r\n"

    def _flush(self) -> None:
        if self.answers:
            self.server.turns += 1
            if self.server.latency:
                self.server.wait(self.server.latency)
            self.socket.sendall(self.answers)
            self.answers.clear()

    def _lines(self) -> Iterator[str]:
        while True:
            yield self._line().decode("utf-8", "surrogateescape")

    def _line(self) -> bytes:
        while (end := self.unread.find(b"\r\n")) < 0:
            self._flush()
            received = self.socket.recv(65536)
            if not received:
                raise _Over
            self.unread += received
        line = bytes(self.unread[:end])
        del self.unread[: end + 2]
        return line

    def _secure(self) -> None:
        self.socket = self.server.secured(self.socket)
        self.tls = True


_COMMANDS = {
    "EHLO": _Session.ehlo,
    "STARTTLS": _Session.start_tls,
    "AUTH": _Session.log_in,
    "MAIL": _Session.mail,
    "RCPT": _Session.rcpt,
    "DATA": _Session.data,
    "RSET": _Session.reset,
    "NOOP": _Session.noop,
    "QUIT": _Session.quit,
}


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other side was faster
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class _Authority:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    file: Path


@cache
def _folder() -> Path:
    # Kept for the process: contexts of several tests read from it.
    folder = Path(tempfile.mkdtemp(prefix="smtp-server-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _authority(name: str) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} test authority")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(subject, subject, key.public_key()).add_extension(usage, critical=True)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    file = _folder() / f"{name}.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return _Authority(key, certificate, file)


@cache
def _server_context(kind: Certificate) -> ssl.SSLContext:
    authority = _authority("unknown" if kind == "unknown-authority" else "trusted")
    names: list[x509.GeneralName] = [x509.DNSName("elsewhere.example")]
    if kind != "other-host":
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test server")])
    builder = (
        _builder(subject, authority.certificate.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    certificate = builder.sign(authority.key, hashes.SHA256())
    file = _folder() / f"{kind}-server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
