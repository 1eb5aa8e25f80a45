"""Fetches what a stranger named: from the checked address, verified, bounded in time and size, never redirected."""

import errno
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from notifier.policy.addresses import NotPublic, checked
from notifier.policy.endpoints import BadEndpoint, Endpoint, Rules, read_endpoint
from notifier.policy.media import Cause, Limits, Refused

Resolve = Callable[[str, int], Sequence[str]]  # blocking: host, port -> address literals

SILENCE = 10.0  # seconds in which something must come
PIECE = 64 * 1024
_AGENT = "Notifier"
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
_GONE = (401, 403, 404, 405, 406, 410, 451)


@dataclass(frozen=True, slots=True)
class Fetched:
    """How many octets were written, and what they were called."""

    octets: int
    called: str


def resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says, in its order. Blocks; raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(sockaddr[0]) for *_, sockaddr in found]


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches by the same rules of addresses as pushes are sent by."""

    rules: Rules
    limits: Limits
    resolve: Resolve = resolve

    def read(self, url: str) -> Endpoint:
        """Where that leads. Raises `Refused`."""
        try:
            return read_endpoint(url, self.rules)
        except BadEndpoint as bad:
            raise Refused(Cause.BAD_ADDRESS, str(bad)) from bad

    def fetch(self, url: str, path: Path, tick: Callable[[], object]) -> Fetched:
        """Write what is there into the file; `tick` is called now and then and may raise.

        Raises `Refused`, and `OSError` where the file cannot be written.
        """
        endpoint = self.read(url)
        with path.open("wb") as file:
            return self._fetch(endpoint, file, tick)

    def _fetch(self, endpoint: Endpoint, file: BinaryIO, tick: Callable[[], object]) -> Fetched:
        try:
            with self._connected(endpoint) as connection:
                return self._got(connection, endpoint, file, tick)
        except NotPublic as error:
            raise Refused(Cause.BAD_ADDRESS, f"{str(error).capitalize()}.") from error
        except ssl.SSLCertVerificationError as error:
            raise Refused(Cause.UNREACHABLE, f"Its certificate: {error.verify_message}.") from error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in _OF_DISKS:
                raise
            raise Refused(Cause.UNREACHABLE, f"{type(error).__name__} while it was fetched.") from error

    def _got(
        self, connection: http.client.HTTPConnection, endpoint: Endpoint, file: BinaryIO, tick: Callable[[], object]
    ) -> Fetched:
        headers = {"Host": endpoint.authority, "User-Agent": _AGENT, "Accept": "image/*, video/*"}
        connection.request("GET", endpoint.target, headers=headers | {"Accept-Encoding": "identity"})
        with connection.getresponse() as answer:
            _check_status(answer.status)
            return self._read(answer, file, tick)

    def _read(self, answer: http.client.HTTPResponse, file: BinaryIO, tick: Callable[[], object]) -> Fetched:
        self.limits.check_octets(answer.length if answer.length is not None else 1)
        octets = 0
        while piece := answer.read1(PIECE):
            octets += len(piece)
            self.limits.check_octets(octets)
            file.write(piece)
            tick()
        if answer.length:  # octets that were announced and did not come
            raise http.client.IncompleteRead(b"")
        self.limits.check_octets(octets)
        return Fetched(octets, answer.headers.get_content_type() if "content-type" in answer.headers else "")

    @contextmanager
    def _connected(self, endpoint: Endpoint) -> Iterator[http.client.HTTPConnection]:
        """A connection to an address that was checked, which is cut off when its time is over."""
        until = time.monotonic() + self.limits.fetch_seconds
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
        connection.sock = self._open(endpoint)
        # Whoever sends an octet now and then keeps every timeout of a socket.
        cut = threading.Timer(until - time.monotonic(), _cut, [connection.sock])
        cut.daemon = True
        cut.start()
        try:
            yield connection
        finally:
            cut.cancel()
            connection.close()

    def _open(self, endpoint: Endpoint) -> socket.socket:
        addresses = checked(self.resolve(endpoint.host, endpoint.port), loopback=endpoint.loopback)
        failure = OSError("the name has no address")
        for address in addresses[:2]:
            try:
                opened = socket.create_connection((address, endpoint.port), timeout=SILENCE)
            except OSError as error:
                failure = error
            else:
                return self._secured(opened, endpoint)
        raise failure

    def _secured(self, opened: socket.socket, endpoint: Endpoint) -> socket.socket:
        if endpoint.scheme != "https":
            return opened
        try:
            return ssl.create_default_context().wrap_socket(opened, server_hostname=endpoint.host)
        except BaseException:
            opened.close()
            raise


def _check_status(status: int) -> None:
    if status == 200:
        return
    if 300 <= status < 400:
        raise Refused(Cause.BAD_ADDRESS, "It leads on to another address; name that one.")
    raise Refused(Cause.NOT_THERE if status in _GONE else Cause.UNREACHABLE, f"It answers {status}.")


def _cut(opened: socket.socket) -> None:
    with suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
