"""The web server's patience: whoever does not send the request that they began is not waited for without end.

Gunicorn's threads wait for each octet as long as the connection stands, so that a few dozen connections that say
nothing more would keep out everybody else.
"""

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

PATIENCE = 15.0  # seconds for a whole request: 4 MB at 280 KB/s


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """A thread worker that hears no more of a connection whose request is not there after `PATIENCE`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._until: dict[TConn, float] = {}

    def handle(self, conn: TConn) -> Any:
        """Read and answer one request, in a thread of its own."""
        self._until[conn] = time.monotonic() + PATIENCE
        try:
            return super().handle(conn)
        finally:
            self._until.pop(conn, None)

    def murder_pending(self) -> None:
        """Close what waits for too long; called by gunicorn every second."""
        super().murder_pending()
        now = time.monotonic()
        for conn, until in list(self._until.items()):
            if until < now:
                # Reading comes to an end; an answer that is on its way, such as a stream, goes on.
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)
