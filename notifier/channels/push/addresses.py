"""Asks the system where a push service is. What it says is checked before anything connects there."""

import socket
from collections.abc import Callable, Sequence

Resolve = Callable[[str, int], Sequence[str]]  # blocking: host, port -> address literals, the preferred one first


def resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says, in its order. Blocks; raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(sockaddr[0]) for *_, sockaddr in found]
