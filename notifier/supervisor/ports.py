"""The web's address: bound before the web process starts, so that a restart of it never loses the port."""

import errno
import socket

NEXT_PORTS = 50


class CannotListen(Exception):
    """No address to serve on. The message is a sentence for the operator."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on `host` and `port`, or on the next free one of 50; port 0 takes any.

    `getsockname()[1]` tells which. Raises CannotListen.
    """
    if not 0 <= port <= 65535:
        raise CannotListen(f"{port} is not a port. Ports are 1 to 65535; 0 takes any free one.")
    for candidate in range(port, min(port + NEXT_PORTS, 65536)):
        try:
            return _listen(host, candidate)
        except (socket.gaierror, UnicodeError) as error:
            raise CannotListen(f"{host!r} is not an address of this machine.") from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CannotListen(f"Cannot serve on {host} port {candidate}: {error.strerror}.") from error
    raise CannotListen(f"Ports {port} to {candidate} on {host} are all taken. Name another one with --port.")


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def url(listener: socket.socket, host: str) -> str:
    """The address to open in a browser: that of `listener`, under the name it was asked for."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{listener.getsockname()[1]}"
