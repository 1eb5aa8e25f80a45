"""A mail relay and a push service that take everything, each in a process of its own, as cheap as may be."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@contextmanager
def smtp_sink(certificate: Path | None = None, round_trip: float = 0.0) -> Iterator[int]:
    """A relay that pipelines, with STARTTLS where it has a certificate; `round_trip` seconds pass before it answers."""
    with _beside(_relay, certificate, round_trip) as port:
        yield port


@contextmanager
def push_sink(certificate: Path, after: float = 0.0) -> Iterator[int]:
    """A push service over TLS that answers 201 to whatever comes, `after` seconds later."""
    with _beside(_push_service, certificate, after) as port:
        yield port


@contextmanager
def _beside(serve: Callable[..., None], *given: object) -> Iterator[int]:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_listen, args=(there, serve, given), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def _listen(parent: Connection, serve: Callable[..., None], given: tuple[object, ...]) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    parent.send(listener.getsockname()[1])
    while True:
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_quietly, args=(serve, accepted, *given), daemon=True).start()


def _quietly(serve: Callable[..., None], accepted: socket.socket, *given: object) -> None:
    # A client that hangs up is no fault here.
    with suppress(OSError), accepted:
        serve(accepted, *given)


def _relay(client: socket.socket, certificate: Path | None, round_trip: float) -> None:
    wire, dialogue = client, _Dialogue(offers_tls=certificate is not None)
    wire.sendall(b"220 sink ESMTP\r\n")
    while octets := wire.recv(262_144):
        if not (replies := dialogue.answer(octets)):
            continue
        time.sleep(round_trip)
        wire.sendall(replies)
        if dialogue.secures:
            wire, dialogue = _secured(client, certificate), _Dialogue(offers_tls=False)


class _Dialogue:
    """What a relay says to what it has read so far. `secures` when TLS begins after the answer."""

    def __init__(self, *, offers_tls: bool) -> None:
        self.secures = False
        self._waiting = b""
        self._in_content = False
        self._extensions = b"250-sink\r\n250-PIPELINING\r\n" + b"250-STARTTLS\r\n" * offers_tls + b"250 8BITMIME\r\n"

    def answer(self, octets: bytes) -> bytes:
        """The replies to all that came whole."""
        self._waiting += octets
        replies = b""
        while (end := self._waiting.find(mark := b"\r\n.\r\n" if self._in_content else b"\r\n")) >= 0:
            whole, self._waiting = self._waiting[:end], self._waiting[end + len(mark) :]
            replies += self._reply(whole)
        return replies

    def _reply(self, whole: bytes) -> bytes:
        if self._in_content:
            self._in_content = False
            return b"250 2.0.0 taken\r\n"
        verb = whole[:4].upper()
        self._in_content, self.secures = verb == b"DATA", verb == b"STAR"
        said = {
            b"EHLO": self._extensions,
            b"DATA": b"354 go on\r\n",
            b"STAR": b"220 go on\r\n",
            b"QUIT": b"221 bye\r\n",
        }
        return said.get(verb, b"250 2.0.0 fine\r\n")


def _push_service(client: socket.socket, certificate: Path, after: float) -> None:
    wire, waiting = _secured(client, certificate), b""
    while octets := wire.recv(65_536):
        waiting += octets
        head, found, body = waiting.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            continue
        waiting = body[int(length[1]) :]
        time.sleep(after)
        wire.sendall(CREATED)


def _secured(client: socket.socket, certificate: Path | None) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate or "")
    return context.wrap_socket(client, server_side=True)
