"""A cheap HTTP client in a process of its own: ready-made requests over kept connections, one under way on each."""

import socket
import threading
import time
from collections.abc import Sequence
from multiprocessing import get_context

Request = bytes


def post(path: str, body: bytes, headers: Sequence[str] = ()) -> Request:
    """A POST of JSON, as it goes over the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(port: int, requests: Sequence[Request], *, connections: int, expect: int) -> float:
    """Send all requests from another process; gives the wall seconds. Raises where an answer has another status."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_drive, (port, requests, connections, expect))


def _drive(port: int, requests: Sequence[Request], connections: int, expect: int) -> float:
    faults: list[str] = []
    threads = [
        threading.Thread(target=_send, args=(port, requests[first::connections], expect, faults))
        for first in range(connections)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(f"{len(faults)} connections failed, such as: {faults[0]}")
    return time.perf_counter() - began


def _send(port: int, requests: Sequence[Request], expect: int, faults: list[str]) -> None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in requests:
                connection.sendall(request)
                status, answer = _answer(connection)
                if status != expect:
                    faults.append(f"{status} instead of {expect}: {answer[:500]!r}")
                    return
    except OSError as error:
        faults.append(str(error))


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    octets = b""
    while b"\r\n\r\n" not in octets:
        octets += _some(connection)
    head, _, body = octets.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += _some(connection)
    return int(head[9:12]), body


def _some(connection: socket.socket) -> bytes:
    octets = connection.recv(65536)
    if not octets:
        raise ConnectionResetError("closed by the server")
    return octets
