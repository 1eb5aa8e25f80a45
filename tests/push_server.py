"""A real push service for tests and benchmarks, on loopback: checks all that RFC 8030, 8188, 8291 and 8292 ask of a
sender, decrypts what it gets, and can answer in every good and bad way.

    with PushServer(tls=True) as server:
        subscription = server.subscribe(Says(429, {"Retry-After": "30"}), Says(201))
        ...
        assert server.pushes[0].plaintext == b"..."
"""

import asyncio
import base64
import datetime as dt
import ipaddress
import json
import os
import re
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import http_ece
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Says:
    """Answers with this status. `then_close` ends the connection without saying so in the answer."""

    status: int = 201
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: float = 0  # seconds
    then_close: bool = False


@dataclass(frozen=True)
class Hangs:
    """Reads the request and never answers."""


@dataclass(frozen=True)
class Drips:
    """Sends these octets one by one, `pause` seconds apart, and then nothing."""

    octets: bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
    pause: float = 0.2


@dataclass(frozen=True)
class Sends:
    """Sends exactly these octets, and closes if told so."""

    octets: bytes
    then_close: bool = True


@dataclass(frozen=True)
class Resets:
    """Resets the connection instead of answering. `only_reused`: lives on when it is the connection's first request."""

    only_reused: bool = False


Behaviour = Says | Hangs | Drips | Sends | Resets


@dataclass(frozen=True)
class Received:
    """One push as it arrived."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    plaintext: bytes
    claims: dict[str, object]
    connection: int  # 1 for the first connection

    @property
    def json(self) -> dict[str, object]:
        """The plaintext read as JSON."""
        return json.loads(self.plaintext)

    @property
    def ttl(self) -> int:
        """Seconds."""
        return int(self.headers["ttl"])

    @property
    def urgency(self) -> str:
        """As sent, or the default."""
        return self.headers.get("urgency", "normal")

    @property
    def topic(self) -> str:
        """As sent; empty where there is none."""
        return self.headers.get("topic", "")


class Fault(Exception):
    """The push breaks a rule. Answered with `status`, and kept in `PushServer.faults`."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Authority:
    """A throw-away certificate authority in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "throw-away test authority")])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        own = self._certificate(self._name, self._key.public_key()).add_extension(x509.BasicConstraints(True, 0), True)
        self.ca_file = directory / "ca.pem"
        self.ca_file.write_bytes(
            own.add_extension(usage, True).sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        )

    def issue(self, *names: str) -> Path:
        """A certificate and its key for host names and addresses, in one PEM file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        issued = self._certificate(subject, key.public_key()).add_extension(alternatives, False)
        file = self._directory / f"{x509.random_serial_number()}.pem"
        pem = issued.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        file.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return file

    def _certificate(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        issuer = self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False)
        )


class Subscriber:
    """What a browser keeps: the private half of a subscription, and how its pushes are answered."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = _random(16)
        self.behaviours: tuple[Behaviour, ...] = ()

    @property
    def public(self) -> bytes:
        """65 octets."""
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def next_behaviour(self, default: Behaviour) -> Behaviour:
        """In order, the last one for ever."""
        if not self.behaviours:
            return default
        first, *rest = self.behaviours
        self.behaviours = tuple(rest) or (first,)
        return first


class PushServer:
    """Runs in a thread of its own while the `with` lasts.

    `names` are those of the certificate. `default` answers where a subscription has no behaviour of its own.
    `verify=False` leaves out everything that costs time: for benchmarks. `host` stands in the endpoints.
    """

    def __init__(
        self,
        *,
        tls: bool = False,
        authority: Authority | None = None,
        names: tuple[str, ...] = ("localhost", "127.0.0.1"),
        host: str = "localhost",
        default: Behaviour | None = None,
        verify: bool = True,
    ) -> None:
        self.tls = tls
        self.host = host
        self.default = default or Says(201)
        self.pushes: list[Received] = []
        self.faults: list[str] = []
        self.connections = 0
        self.tokens: set[str] = set()  # the VAPID tokens seen
        self._verify = verify
        self._subscribers: dict[str, Subscriber] = {}
        self._directory = tempfile.TemporaryDirectory()
        self._authority = authority or (Authority(Path(self._directory.name)) if tls else None)
        self._names = names
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="push-server", daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def origin(self) -> str:
        """What the tokens must name as their audience."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def ca_file(self) -> str:
        """The authority's certificate; only with `tls`."""
        assert self._authority
        return str(self._authority.ca_file)

    def subscribe(self, *behaviours: Behaviour) -> dict[str, object]:
        """A new subscription, like a browser's PushSubscription.toJSON(), and how its pushes are answered."""
        subscriber = Subscriber()
        path = f"/push/{_base64url(_random(16))}"
        self._subscribers[path] = subscriber
        subscriber.behaviours = behaviours
        keys = {"p256dh": _base64url(subscriber.public), "auth": _base64url(subscriber.auth)}
        return {"endpoint": self.origin + path, "expirationTime": None, "keys": keys}

    def answer(self, subscription: dict[str, object], *behaviours: Behaviour) -> None:
        """From now on, answer this subscription's pushes so."""
        path = str(subscription["endpoint"]).removeprefix(self.origin)
        self._subscribers[path].behaviours = behaviours

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self._writers)

    def drop_connections(self) -> None:
        """Close every connection, as a service does with idle ones."""
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._directory.cleanup()

    async def _start(self) -> int:
        context = None
        if self._authority and self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._authority.issue(*self._names))
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context, backlog=500)
        return int(self._server.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._drop()

    async def _drop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection, requests = self.connections, 0
        self._writers.add(writer)
        try:
            while await self._exchange(reader, writer, connection=connection, reused=requests > 0):
                requests += 1
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, connection: int, reused: bool
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = line.split(" ")
        subscriber = self._subscribers.get(path)
        if not subscriber or method != "POST":
            return await _say(writer, Says(404 if method == "POST" else 405))
        behaviour = subscriber.next_behaviour(self.default)
        if isinstance(behaviour, Resets) and (reused or not behaviour.only_reused):
            return False
        try:
            self._take(path, headers, body=body, subscriber=subscriber, connection=connection)
        except Fault as fault:
            self.faults.append(str(fault))
            return await _say(writer, Says(fault.status, body=str(fault).encode()))
        return await _behave(writer, behaviour)

    def _take(
        self, path: str, headers: dict[str, str], *, body: bytes, subscriber: Subscriber, connection: int
    ) -> None:
        plaintext, claims = b"", {}
        if self._verify:
            check_headers(headers, body)
            claims = checked_claims(headers.get("authorization", ""), self.origin)
            plaintext = _decrypted(body, subscriber)
            self.tokens.add(headers["authorization"])
        self.pushes.append(Received(path, headers, body, plaintext, claims, connection))


async def _behave(writer: asyncio.StreamWriter, behaviour: Behaviour) -> bool:
    match behaviour:
        case Says():
            return await _say(writer, behaviour)
        case Hangs():
            await asyncio.Event().wait()
        case Drips(octets, pause):
            for octet in octets:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(pause)
            await asyncio.Event().wait()
        case Sends(octets, then_close):
            writer.write(octets)
            await writer.drain()
            if then_close:
                writer.close()
                await writer.wait_closed()
            return not then_close
        case Resets():
            return await _say(writer, Says(201))
    return False


async def _say(writer: asyncio.StreamWriter, says: Says) -> bool:
    await asyncio.sleep(says.after)
    headers = {"Content-Length": str(len(says.body)), **says.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {says.status} Said\r\n{lines}\r\n".encode("latin-1") + says.body)
    await writer.drain()
    if says.then_close:
        writer.close()
        await writer.wait_closed()
    return not says.then_close


def check_headers(headers: dict[str, str], body: bytes) -> None:
    rules: list[tuple[str, str]] = [
        ("ttl", r"[0-9]+"),
        ("content-encoding", "aes128gcm"),
        ("urgency", "very-low|low|normal|high"),
        ("topic", r"[A-Za-z0-9_-]{1,32}"),
    ]
    for name, pattern in rules:
        if name in ("ttl", "content-encoding") or name in headers:
            _demand(re.fullmatch(pattern, headers.get(name, "")), 400, f"{name} is {headers.get(name)!r}")
    _demand(len(headers.get("topic", "")) % 4 != 1, 400, "the topic is no base64url")
    _demand(len(body) <= 4096, 413, f"the body has {len(body)} octets")


def checked_claims(authorization: str, origin: str) -> dict[str, object]:
    match = re.fullmatch(r"vapid t=([\w-]+\.[\w-]+)\.([\w-]+), ?k=([\w-]+)", authorization)
    if not match:
        raise Fault(401, f"no VAPID token in {authorization[:20]!r}")
    signed, signature, key = match.groups()
    octets = _octets(signature)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _octets(key))
    der = utils.encode_dss_signature(int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big"))
    try:
        public.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise Fault(401, "the token's signature is wrong") from error
    header, claims = (json.loads(_octets(part)) for part in signed.split("."))
    _demand(header.get("alg") == "ES256", 401, f"the token's algorithm is {header.get('alg')}")
    _demand(claims["aud"] == origin, 403, f"the token is for {claims['aud']}, this is {origin}")
    _demand(0 < claims["exp"] - time.time() <= 24 * 3600, 403, f"the token's exp is {claims['exp']}")
    _demand(re.match("mailto:|https:", claims.get("sub", "")), 403, f"the token's sub is {claims.get('sub')}")
    return claims


def _decrypted(body: bytes, subscriber: Subscriber) -> bytes:
    record_size, key_length = int.from_bytes(body[16:20], "big"), body[20]
    _demand(key_length == 65 and record_size >= len(body) - 86, 400, "the body is not one record with a key of 65")
    try:
        return http_ece.decrypt(body, private_key=subscriber.key, auth_secret=subscriber.auth, version="aes128gcm")
    except (http_ece.ECEException, ValueError) as error:
        raise Fault(400, f"cannot decrypt: {error}") from error


def _demand(holds: object, status: int, text: str) -> None:
    if not holds:
        raise Fault(status, text)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _random(octets: int) -> bytes:
    return os.urandom(octets)


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
