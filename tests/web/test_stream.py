"""Streams as they are served: several processes, one that is killed, many readers, and readers that go away."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from notifier.supervisor import ports
from notifier.web.streams import PROBE_AGAIN
from tests.stack import Reply, Stack, comment, eventually


class Browser:
    """Reads a person's stream in a thread, as an EventSource does, and notes each event as (id, name, data)."""

    def __init__(self, url: str, user: str, token: str, last: str = "") -> None:
        address = urlsplit(url)
        self.connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
        headers = {"Last-Event-ID": last} if last else {}
        self.connection.request("GET", f"/v1/users/{user}/feed/stream?token={token}", headers=headers)
        self._socket = self.connection.sock
        self.answer = self.connection.getresponse()
        self.heard: list[tuple[str, str, Any]] = []
        self.ended = threading.Event()
        threading.Thread(target=self._read, args=(self.answer,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def names(self) -> list[str]:
        return [name for _, name, _ in self.heard]

    def hears(self, name: str, times: int = 1) -> Any:
        """The data of the last event of that name, once it came so often."""
        eventually(lambda: self.names().count(name) >= times)
        return [data for _, heard, data in self.heard if heard == name][-1]

    def leave(self) -> None:
        """Go away without a word."""
        with suppress(OSError):  # the server may have left first
            self._socket.shutdown(socket.SHUT_RDWR)
        self.ended.wait(10)
        self.answer.close()
        self.connection.close()

    def _read(self, answer: HTTPResponse) -> None:
        fields: dict[str, str] = {}
        try:
            for line in answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    self.heard.append((fields["id"], fields["event"], json.loads(fields["data"])))
                    fields = {}
        except (OSError, IncompleteRead):
            return  # it left, or the server was killed
        finally:
            self.ended.set()


def token_of(stack: Stack, user: str = "bob") -> str:
    return str(stack.call("POST", f"/v1/users/{user}/token").json["token"])


def unread(stack: Stack) -> int:
    return int(stack.call("GET", "/v1/users/bob/feed").json["unread"])


def test_news_reaches_every_process_and_a_killed_one_loses_nothing(stack: Stack):
    stack.person("bob", email=False)
    token, url = token_of(stack), stack.ready["url"]
    with ports.listen("127.0.0.1", 0) as found:
        port = found.getsockname()[1]
    other = stack.beside("web", "--bind", f"127.0.0.1:{port}")
    eventually(lambda: _listens(port))
    with Browser(url, "bob", token) as here, Browser(f"http://127.0.0.1:{port}", "bob", token) as there:
        assert here.answer.headers["Content-Type"] == "text/event-stream"
        assert here.answer.headers["Cache-Control"] == "no-store"
        assert here.answer.headers["X-Accel-Buffering"] == "no"
        for browser in (here, there):
            assert browser.hears("unread") == {"unread": 0}
        stack.post(comment(id="c-1"))
        for browser in (here, there):
            assert browser.hears("item")["object"]["id"] == "c-1"
            assert browser.hears("unread", 2) == {"unread": 1}
        mark = here.heard[-1][0]
        stack.kill("web")
        assert here.ended.wait(10)
        eventually(lambda: _answers(stack))
        stack.post(comment(id="c-2"))
        there.hears("item", 2)
        with Browser(url, "bob", token, mark) as back:
            eventually(lambda: "c-2" in [data["object"]["id"] for _, name, data in back.heard if name == "item"])
            items = stack.call("GET", "/v1/users/bob/feed").json["data"]
            stack.call("POST", "/v1/users/bob/feed/read", {"ids": [item["id"] for item in items]})
            for browser in (back, there):
                eventually(lambda browser=browser: browser.hears("unread") == {"unread": 0})
        other.terminate()
        assert other.wait(timeout=8) == 0
        assert there.ended.wait(5)
    assert unread(stack) == 0
    assert stack.books()["balanced"]


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Stack]:
    """A service that answers one request at a time, beside seven streams."""
    with Stack(tmp_path, WEB_THREADS="1", FEED_STREAMS="7") as running:
        for user in ("bob", "eve"):
            running.person(user, email=False)
        yield running


def test_streams_take_no_request_s_place_and_are_limited_themselves(narrow: Stack):
    url, bob, eve = narrow.ready["url"], token_of(narrow), token_of(narrow, "eve")
    browsers = [Browser(url, "bob", bob) for _ in range(5)]
    for browser in browsers:
        browser.hears("unread")
    refused(narrow, "bob", bob)  # the sixth of one person
    browsers += [Browser(url, "eve", eve) for _ in range(2)]
    narrow.person("dan", email=False)
    refused(narrow, "dan", token_of(narrow, "dan"))  # the eighth of all
    for _ in range(20):
        assert unread(narrow) == 0
    time.sleep(PROBE_AGAIN)
    for browser in browsers[:5]:
        browser.leave()  # as when a page is loaded again: its streams are still thought to be open
    again = [Browser(url, "bob", bob) for _ in range(3)]
    assert [browser.answer.status for browser in again] == [200, 200, 200]
    for browser in (*browsers, *again):
        browser.leave()


def test_whoever_does_not_read_holds_up_nobody(narrow: Stack):
    token, address = token_of(narrow), urlsplit(narrow.ready["url"])
    with socket.create_connection((address.hostname, address.port)) as deaf:
        deaf.sendall(f"GET /v1/users/bob/feed/stream?token={token} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with Browser(narrow.ready["url"], "bob", token) as browser:
            browser.hears("unread")
            for number in range(30):
                narrow.post(comment(id=f"c-{number}", content="x" * 5_000))
            eventually(lambda: len({data["id"] for _, name, data in browser.heard if name == "item"}) == 30)


def test_a_service_that_stops_does_not_wait_for_its_streams(narrow: Stack):
    with Browser(narrow.ready["url"], "bob", token_of(narrow)) as browser:
        browser.hears("unread")
        began = time.monotonic()
        assert narrow.stop() == 0
        assert time.monotonic() - began < 6
        assert browser.ended.is_set()


def refused(stack: Stack, user: str, token: str) -> None:
    reply: Reply = stack.call("GET", f"/v1/users/{user}/feed/stream?token={token}")
    assert (reply.status, reply.json["type"]) == (429, "/problems/too-many")
    assert int(reply.headers["Retry-After"]) > 0


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _answers(stack: Stack) -> bool:
    try:
        return stack.call("GET", "/livez").status == 200
    except OSError:
        return False
