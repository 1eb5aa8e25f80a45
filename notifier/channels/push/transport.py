"""Carries pushes over kept connections: to the checked address, verified, bounded in time and size.

Of our own because HTTP clients follow redirects, read proxies from the environment, resolve the name again after
any check, and read answers of any length. Lives on one event loop; nothing here may be called from elsewhere.
"""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

from notifier.channels.push.addresses import Resolve
from notifier.channels.push.replies import BadReply, Reply, ReplyReader
from notifier.channels.push.settings import PushSettings
from notifier.policy.addresses import checked
from notifier.policy.endpoints import Endpoint

IDLE = 60.0  # seconds a connection is kept without use
_OF_A_KIND = 2  # addresses of IPv4, and of IPv6, tried one after the other within the deadline
_RESOLVERS = 16  # threads; one name never holds more than one


class Connection(asyncio.Protocol):
    """One connection, which carries one request at a time."""

    def __init__(self) -> None:
        self.used = False
        self.idle_since = 0.0
        self.open = False
        self._reader: ReplyReader | None = None
        self._reply: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (what create_connection always gives)
        self._transport = transport
        self.open = True

    async def ask(self, request: bytes) -> Reply:
        """Send the request and read its answer. Raises `OSError` and `BadReply`; a cancelled one closes."""
        self._reader = ReplyReader()
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            reply = await self._reply
        except BaseException:
            self.abort()
            raise
        self.used = True
        if not reply.reusable:
            self.abort()
        return reply

    @property
    def heard(self) -> bool:
        """Whether any octet of an answer to the last request came."""
        return self._reader is not None and self._reader.heard

    def so_far(self) -> Reply | None:
        """The answer to the last request as far as it came, if at least its head did."""
        return self._reader.end() if self._reader else None

    def abort(self) -> None:
        """Close at once, without waiting for the other side."""
        self.open = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if not self._reader or not self._reply or self._reply.done():
            self.abort()  # nobody asked
            return
        try:
            reply = self._reader.feed(data)
        except BadReply as error:
            self._reply.set_exception(error)
            return
        if reply:
            self._reply.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self.open = False
        if not self._reply or self._reply.done():
            return
        if reply := self.so_far():
            self._reply.set_result(reply)
        else:
            self._reply.set_exception(exc or ConnectionResetError("the connection was closed without an answer"))


@dataclass(slots=True)
class Lane:
    """What all pushes to one origin share. To be entered (`with`) and both its limits held around `post`.

    The origin's own limit is taken first: those who wait for a slow origin must not fill the common one.
    """

    slots: asyncio.Semaphore
    in_flight: asyncio.Semaphore
    users: int = 0
    idle: list[Connection] = field(default_factory=list)  # the last used is taken first, so that the others age

    def __enter__(self) -> Self:
        self.users += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.users -= 1


class Transport:
    """Sends requests. One per event loop. `idle` is the seconds after which an unused connection is closed."""

    def __init__(self, settings: PushSettings, resolve: Resolve, *, idle: float = IDLE) -> None:
        self._idle = idle
        self._in_flight = asyncio.Semaphore(settings.in_flight)
        self._settings = settings
        self._resolve = resolve
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="push-resolve")
        self._lookups: dict[str, asyncio.Future[list[str]]] = {}
        self._lanes: dict[tuple[str, bool], Lane] = {}
        self._tls = _tls(settings.ca_file)
        self._reaper: asyncio.TimerHandle | None = None

    def lane(self, endpoint: Endpoint) -> Lane:
        """The lane of the endpoint's origin."""
        key = endpoint.origin, endpoint.loopback
        lane = self._lanes.get(key)
        if not lane:
            lane = self._lanes[key] = Lane(asyncio.Semaphore(self._settings.per_origin), self._in_flight)
            self._watch()
        return lane

    async def post(self, endpoint: Endpoint, request: bytes, *, lane: Lane) -> Reply:
        """Send one request within the deadline. An answer whose head came in time counts, whole or not.

        Raises `TimeoutError`, `OSError` (with `ssl.SSLError`), `NotPublic` and `BadReply`.
        """
        asked: list[Connection] = []
        try:
            async with asyncio.timeout(self._settings.deadline):
                return await self._ask(endpoint, request, lane=lane, asked=asked)
        except TimeoutError:
            if asked and (reply := asked[-1].so_far()):
                return reply
            raise

    def close(self) -> None:
        """Close every connection."""
        if self._reaper:
            self._reaper.cancel()
        for lane in self._lanes.values():
            for connection in lane.idle:
                connection.abort()
        self._lanes.clear()
        for lookup in self._lookups.values():
            lookup.cancel()
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, endpoint: Endpoint, request: bytes, *, lane: Lane, asked: list[Connection]) -> Reply:
        connection = _kept(lane) or await self._connect(endpoint)
        asked.append(connection)
        try:
            reply = await connection.ask(request)
        except ConnectionError:
            # A kept connection may close just when we use it; the request was then most likely never read.
            if not connection.used or connection.heard:
                raise
            asked.append(connection := await self._connect(endpoint))
            reply = await connection.ask(request)
        if connection.open:
            connection.idle_since = asyncio.get_running_loop().time()
            lane.idle.append(connection)
        return reply

    async def _connect(self, endpoint: Endpoint) -> Connection:
        found = await self._addresses(endpoint.host, endpoint.port)
        addresses = _few(checked(found, loopback=endpoint.loopback))
        failure = OSError("the name has no address")
        for address in addresses:
            try:
                # Each gets its part of the deadline: one that swallows packets must not hide the next.
                async with asyncio.timeout(self._settings.deadline / len(addresses)):
                    return await self._open(endpoint, address)
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
        raise failure

    async def _open(self, endpoint: Endpoint, address: str) -> Connection:
        secure = endpoint.scheme == "https"
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection,
            address,
            endpoint.port,
            ssl=self._tls if secure else None,
            server_hostname=endpoint.host if secure else None,
        )
        return connection

    async def _addresses(self, host: str, port: int) -> list[str]:
        # Shared by all who wait for the same name, so that a slow name server holds one thread, not all.
        lookup = self._lookups.get(host)
        if not lookup:
            loop = asyncio.get_running_loop()
            lookup = loop.run_in_executor(self._resolvers, lambda: list(self._resolve(host, port)))
            self._lookups[host] = lookup
            lookup.add_done_callback(lambda done: self._looked_up(host, done))
        return await asyncio.shield(lookup)

    def _looked_up(self, host: str, lookup: "asyncio.Future[list[str]]") -> None:
        del self._lookups[host]
        if not lookup.cancelled():
            lookup.exception()  # seen, also where all who asked have given up

    def _watch(self) -> None:
        if not self._reaper:
            self._reaper = asyncio.get_running_loop().call_later(self._idle / 4, self._reap)

    def _reap(self) -> None:
        self._reaper = None
        cutoff = asyncio.get_running_loop().time() - self._idle
        for key, lane in list(self._lanes.items()):
            lane.idle, old = _parted(lane.idle, cutoff)
            for connection in old:
                connection.abort()
            if not lane.idle and not lane.users:
                del self._lanes[key]
        if self._lanes:
            self._watch()


def _few(addresses: list[str]) -> list[str]:
    # Of both kinds, in the system's order: a name with many IPv6 addresses must not hide those that work.
    kinds = [[each for each in addresses if (":" in each) is six][:_OF_A_KIND] for six in (True, False)]
    return [each for each in addresses if each in kinds[0] or each in kinds[1]]


def _kept(lane: Lane) -> Connection | None:
    while lane.idle:
        if (connection := lane.idle.pop()).open:
            return connection
    return None


def _parted(idle: list[Connection], cutoff: float) -> tuple[list[Connection], list[Connection]]:
    fresh = [connection for connection in idle if connection.open and connection.idle_since > cutoff]
    return fresh, [connection for connection in idle if connection not in fresh]


def _tls(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
