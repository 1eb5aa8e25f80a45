"""Answers in every shape that HTTP allows, in pieces of every size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels.push.replies import LARGEST, BadReply, Reply, ReplyReader

CREATED = b"HTTP/1.1 201 Created\r\n"


def read(octets: bytes, step: int = 1_000_000) -> Reply | None:
    reader = ReplyReader()
    for start in range(0, len(octets), step):
        if reply := reader.feed(octets[start : start + step]):
            return reply
    return reader.end()


WHOLE = {
    "length": (CREATED + b"Content-Length: 4\r\n\r\nbody", b"body", True),
    "empty": (CREATED + b"Content-Length: 0\r\n\r\n", b"", True),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "no reason": (b"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n".replace(b"201\r", b"201 \r"), b"", True),
    "old": (b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n", b"", False),
    "close": (CREATED + b"Connection: keep-alive, CLOSE\r\nContent-Length: 0\r\n\r\n", b"", False),
    "until the end": (CREATED + b"\r\nbody", b"body", False),
    "chunked": (CREATED + b"Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nbod\r\n1\r\ny\r\n0\r\n\r\n", b"body", True),
    "trailers": (CREATED + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX: y\r\nZ: a\r\n\r\n", b"body", True),
    "both": (
        CREATED + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"body",
        False,
    ),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + CREATED + b"\r\n", b"", False),
}


@pytest.mark.parametrize(("octets", "body", "reusable"), WHOLE.values(), ids=WHOLE.keys())
def test_an_answer_is_read_whatever_the_pieces(octets, body, reusable):
    for step in (1, 2, 3, 7, 10_000):
        reply = read(octets, step)
        assert reply
        assert (reply.body, reply.reusable) == (body, reusable)
        assert reply.status in (201, 204)


def test_more_than_the_answer_spoils_the_connection():
    reply = read(CREATED + b"Content-Length: 0\r\n\r\nHTTP/1.1 404 Smuggled\r\n\r\n")
    assert reply == Reply(201, {"content-length": "0"}, b"", reusable=False)


def test_repeated_headers_are_one():
    reply = read(CREATED + b"X-A: 1\r\nx-a:2\r\nContent-Length: 0\r\n\r\n")
    assert reply
    assert reply.headers["x-a"] == "1, 2"


@pytest.mark.parametrize(
    "coding", [b"Content-Length: 10000000\r\n\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n"]
)
def test_a_long_body_is_cut(coding):
    reply = read(CREATED + coding + b"x" * 10_000_000, 4000)
    assert reply
    assert LARGEST - 5000 < len(reply.body) <= LARGEST
    assert not reply.reusable


@pytest.mark.parametrize("octets", [CREATED + b"X: y\r\n" * 10_000, b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000])
def test_an_endless_head_is_no_answer(octets):
    with pytest.raises(BadReply):
        read(octets, 1000)


@given(
    st.binary(max_size=400)
    | st.binary(max_size=200).map(lambda tail: CREATED + b"Transfer-Encoding: chunked\r\n\r\n" + tail)
)
def test_whatever_comes_is_read_or_refused(octets):
    try:
        reply = read(octets, 5)
    except BadReply:
        return
    assert reply is None or 100 <= reply.status < 600
