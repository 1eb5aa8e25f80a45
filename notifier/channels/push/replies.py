"""Reads a push service's answer octet by octet (HTTP/1.1, RFC 9112), and never more than a small one."""

import re
from dataclasses import dataclass

LARGEST = 16 * 1024  # octets of head and body; what answers hold beyond is of no use to us

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: .*)?")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?")


class BadReply(Exception):
    """What came back is no answer to our request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Header names are lower case; `reusable` says that the connection may carry another request."""

    status: int
    headers: dict[str, str]
    body: bytes
    reusable: bool = False


class ReplyReader:
    """Takes one answer as it comes. Knows no sockets."""

    def __init__(self) -> None:
        self.heard = False
        self._total = 0
        self._buffer = bytearray()
        self._head: Reply | None = None
        self._length: int | None = None  # None: until the connection ends
        self._chunks: _Chunks | None = None

    def feed(self, data: bytes) -> Reply | None:
        """Take what was received; the answer once it is whole, or cut where it is too long. Raises `BadReply`."""
        self.heard = True
        self._total += len(data)
        self._buffer += data
        while self._head is None:
            if not self._take_head():
                return self._cut()
        return self._whole(self._head) or self._cut()

    def end(self) -> Reply | None:
        """The connection ended, or time is up: the answer as far as it came, if its head did."""
        if self._head is None:
            return None
        body = self._chunks.body if self._chunks else self._buffer
        return Reply(self._head.status, self._head.headers, bytes(body[:LARGEST]))

    def _cut(self) -> Reply | None:
        if self._total <= LARGEST:
            return None
        if self._head is None:
            raise BadReply(f"no end of the answer's head within {LARGEST} octets")
        return self.end()

    def _take_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if not b"HTTP/1.".startswith(self._buffer[:7]):
                raise BadReply("the answer is not HTTP/1")
            return False
        head = _parsed(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        if head.status == 101:
            raise BadReply("the server switched to a protocol that was not asked for")
        if head.status >= 200:  # those below are interim (RFC 9110, 15.2)
            self._head = head
            self._frame(head)
        return True

    def _frame(self, head: Reply) -> None:
        length = head.headers.get("content-length", "")
        if head.status == 204:
            self._length = 0
        elif "transfer-encoding" in head.headers:
            self._chunks = _Chunks() if head.headers["transfer-encoding"].lower() == "chunked" else None
        elif re.fullmatch(r"[0-9]{1,15}", length):
            self._length = int(length)
        elif length:
            raise BadReply("the answer's Content-Length is no number")

    def _whole(self, head: Reply) -> Reply | None:
        if self._chunks:
            if not self._chunks.take(self._buffer):
                return None
            return Reply(head.status, head.headers, bytes(self._chunks.body), self._reusable(head))
        if self._length is None or len(self._buffer) < self._length:
            return None
        body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        return Reply(head.status, head.headers, body, self._reusable(head))

    def _reusable(self, head: Reply) -> bool:
        return head.reusable and not self._buffer  # octets after the answer belong to nothing


class _Chunks:
    """The chunked coding (RFC 9112, 7.1): takes whole lines and chunks off a buffer."""

    def __init__(self) -> None:
        self.body = bytearray()
        self._missing = 0  # octets of the chunk under way, with the line break that ends it
        self._trailers = False

    def take(self, buffer: bytearray) -> bool:
        """Whether the last chunk and its trailers are read. Raises `BadReply`."""
        while True:
            if self._missing:
                self._take_chunk(buffer)
                if self._missing:
                    return False
            end = buffer.find(b"\r\n")
            if end < 0:
                return False
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            if self._trailers:
                if not line:
                    return True
                continue
            self._begin(line)

    def _begin(self, line: bytes) -> None:
        size = _SIZE.fullmatch(line)
        if not size:
            raise BadReply("the answer's chunk has no size")
        self._missing = int(size[1], 16)
        if self._missing:
            self._missing += 2
        else:
            self._trailers = True

    def _take_chunk(self, buffer: bytearray) -> None:
        # The line break after a chunk goes with it, and is cut off when all is there.
        part = buffer[: self._missing]
        del buffer[: len(part)]
        self.body += part
        self._missing -= len(part)
        if not self._missing:
            if not self.body.endswith(b"\r\n"):
                raise BadReply("the answer's chunk is longer than its size")
            del self.body[-2:]


def _parsed(head: bytes) -> Reply:
    first, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if not status:
        raise BadReply("the answer has no status line of HTTP/1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip():
            raise BadReply("the answer has a header line without a name")
        key, text = name.lower(), value.strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Reply(int(status[2]), headers, b"", _persists(status[1] == b"1", headers))


def _persists(modern: bool, headers: dict[str, str]) -> bool:
    options = {option.strip() for option in headers.get("connection", "").lower().split(",")}
    # Both framings in one answer are how requests are smuggled (RFC 9112, 6.3).
    ambiguous = "transfer-encoding" in headers and "content-length" in headers
    return modern and "close" not in options and not ambiguous
