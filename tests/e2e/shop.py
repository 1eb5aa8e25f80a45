"""A small app of another origin that has the bell on its page, as an app of our users would, under a strict policy."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

PAGE = """<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>A shop</title><link rel="icon" href="data:,">
<script type="module" src="{notifier}/static/notifier.js"></script>
<p>A page of an app. <notifier-bell url="{notifier}" user="{user}" token-url="/notifier-token"></notifier-bell></p>"""
WORKER = 'importScripts("{notifier}/static/notifier-sw.js");'
POLICY = (
    "default-src 'none'; script-src 'self' {notifier}; connect-src 'self' {notifier}; style-src 'self'; "
    "img-src 'self' data:; worker-src 'self'"
)


class Shop:
    """Runs in threads of its own while the `with` lasts. `tokens` makes a token for whoever is signed in: `user`."""

    def __init__(self) -> None:
        self.notifier = ""
        self.user = ""
        self.lang = "en"
        self.tokens: Callable[[str], str] = str
        self.handed_out = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answers())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[str, str]:
        """What is at that path, and its type."""
        if path == "/notifier-token":
            self.handed_out += 1
            return json.dumps({"token": self.tokens(self.user)}), "application/json"
        if path == "/notifier-sw.js":
            return WORKER.format(notifier=self.notifier), "text/javascript"
        return PAGE.format(notifier=self.notifier, user=self.user, lang=self.lang), "text/html"

    def _answers(self) -> type[BaseHTTPRequestHandler]:
        shop = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text, kind = shop.answer(self.path)
                body = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", POLICY.format(notifier=shop.notifier))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Answers
