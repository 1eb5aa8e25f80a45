"""Taking turns: so many requests at once are answered, however many threads the server has for streams beside them."""

import re
import threading
from collections.abc import Collection, Iterable
from io import BytesIO
from typing import IO, Any

from notifier.web.paths import Wsgi

ASIDE = 4  # large bodies at once


class InTurn:
    """Lets `most` requests at once into the app, until they have their answer; what is streamed then takes no turn.

    A body of at most `largest` bytes is there before its turn begins: who sends it slowly keeps nobody waiting. The
    larger ones, which are sent to one of the paths `aside`, take turns among themselves.
    """

    def __init__(self, app: Wsgi, most: int, largest: int, aside: Collection[str] = ()) -> None:
        self._app = app
        self._largest = largest
        self._turns = threading.Semaphore(most)
        self._aside = aside
        self._turns_aside = threading.Semaphore(ASIDE)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        octets = self._octets(environ)
        if octets:
            environ["wsgi.input"] = BytesIO(_body(environ["wsgi.input"], octets))
        takes = environ.get("PATH_INFO") in self._aside and not octets
        with self._turns_aside if takes else self._turns:
            return self._app(environ, start_response)

    def _octets(self, environ: dict[str, Any]) -> int:
        """How many to read: none of a body that is larger, which is often refused unread, or that tells no length."""
        length = environ.get("CONTENT_LENGTH") or ""
        return int(length) if re.fullmatch("[0-9]{1,9}", length) and int(length) <= self._largest else 0


def _body(sent: IO[bytes], octets: int) -> bytes:
    try:
        return sent.read(octets)
    except OSError:
        return b""  # it broke off: the app finds less than was announced, and says so
