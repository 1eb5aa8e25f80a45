"""Taking turns: so many requests at once are answered, however many threads the server has for streams beside them."""

import threading
from collections.abc import Iterable
from typing import Any

from notifier.web.paths import Wsgi


class InTurn:
    """Lets `most` requests at once into the app, until they have their answer; what is streamed then takes no turn."""

    def __init__(self, app: Wsgi, most: int) -> None:
        self._app = app
        self._turns = threading.Semaphore(most)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._turns:
            return self._app(environ, start_response)
