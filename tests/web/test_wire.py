"""What only a real server shows: lengths that lie, bodies in chunks, octets in paths."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from notifier.app.patience import PATIENCE
from notifier.channels.push import new_private_key
from notifier.supervisor import ports
from tests.stack import ROOT, eventually
from tests.web.api import Api, like, make_parts


@dataclass(frozen=True)
class Wire:
    """A web server on a port of its own, and a socket to it."""

    port: int
    api: Api

    def say(self, *parts: bytes, more: bool = False, timeout: float = 10) -> tuple[int, dict[str, object]]:
        """Send the octets as they are; `more` keeps our side open. The status and the JSON body of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            for part in parts:
                connection.sendall(part)
            if not more:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body) if b"json" in head.lower() else {}

    def head(self, method: str, path: str, **headers: str) -> bytes:
        given = {"Host": "x", "Authorization": f"Bearer {self.api.app.key}", "Connection": "close"}
        given |= {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


GUNICORN = ("gunicorn", "--worker-class", "gthread", "--threads", "4", "--no-control-socket", "wsgi:app")
PATIENT = "notifier.app.patience.PatientWorker"


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """The server of `notifier up`."""
    yield from _serving(tmp_path_factory.mktemp("data"), *GUNICORN)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """The server of `notifier up` with four threads, of which one at a time answers."""
    server = [PATIENT if word == "gthread" else word for word in GUNICORN]
    yield from _serving(tmp_path_factory.mktemp("data"), *server, WEB_THREADS="1")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """The server of `notifier web`."""
    yield from _serving(tmp_path_factory.mktemp("data"), "notifier", "web")


def _serving(folder: Path, *module: str, **more: str) -> Iterator[Wire]:
    api = Api(make_parts(folder)).migrate()
    with ports.listen("127.0.0.1", 0) as found:
        port = found.getsockname()[1]
    settings = {"DATA_DIR": str(folder), "SECRET_KEY": "x" * 48, "VAPID_PRIVATE_KEY": new_private_key()} | more
    command = [sys.executable, "-m", *module, "--bind", f"127.0.0.1:{port}"]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)
    eventually(lambda: _listens(port) or process.poll() is not None)
    yield Wire(port, api)
    process.terminate()
    process.wait(timeout=20)
    api.parts.database.close()
    said = Path(folder / "web.log").read_text()
    assert "Traceback" not in said, said


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def chunked(body: bytes, size: int = 8192) -> bytes:
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


EVENT = json.dumps(like()).encode()


@contextmanager
def half_bodies(wire: Wire, count: int) -> Iterator[None]:
    """So many connections that announce a body and send no more than its beginning."""
    with ExitStack() as opened:
        for _ in range(count):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", wire.port)))
            connection.sendall(wire.head("POST", "/v1/hooks/app_x", Content_Length="1000") + b"{")
        time.sleep(0.2)  # until each has a thread
        yield


def posted(wire: Wire, timeout: float = 10) -> int:
    return wire.say(wire.head("POST", "/v1/events", Content_Length=str(len(EVENT))), EVENT, timeout=timeout)[0]


def test_a_body_in_chunks_is_read(wire: Wire):
    status, body = wire.say(wire.head("POST", "/v1/events", Transfer_Encoding="chunked"), chunked(EVENT, 7))
    assert (status, body["duplicate"]) == (202, False)


def test_a_body_in_chunks_is_bounded_too(wire: Wire):
    before = wire.api.counts()
    big = json.dumps({"type": "like", "data": like()["data"] | {"x": "x" * 256 * 1024}}).encode()
    for path in ("/v1/events", f"/v1/hooks/{wire.api.app.app}"):
        status, body = wire.say(wire.head("POST", path, Transfer_Encoding="chunked"), chunked(big))
        assert (status, body["type"]) == (413, "/problems/too-large")
    assert wire.api.counts() == before


def test_a_large_length_is_refused_before_a_byte_is_read(wire: Wire):
    # Nothing of the body is ever sent, so that whoever waited for it would wait for ever.
    status, body = wire.say(wire.head("POST", "/v1/events", Content_Length="262145"), more=True)
    assert (status, body["type"]) == (413, "/problems/too-large")


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "5", "9999999999999999999999", "+5", "0"])
def test_a_length_that_lies_is_refused(wire: Wire, length: str):
    before = wire.api.counts()
    status, _ = wire.say(wire.head("POST", "/v1/events", Content_Length=length), EVENT)
    assert status in (400, 413)
    assert wire.api.counts() == before


def test_a_body_that_breaks_off_stores_nothing(wire: Wire):
    before = wire.api.counts()
    status, _ = wire.say(wire.head("POST", "/v1/events", Content_Length=str(len(EVENT) + 9)), EVENT)
    assert status == 400
    status, _ = wire.say(wire.head("POST", "/v1/events", Transfer_Encoding="chunked"), chunked(EVENT)[:-9])
    assert status == 400
    assert wire.api.counts() == before


def test_a_length_and_chunks_together_are_refused(wire: Wire):
    head = wire.head("POST", "/v1/events", Content_Length="5", Transfer_Encoding="chunked")
    status, _ = wire.say(head, chunked(EVENT))
    assert status == 400


@pytest.mark.parametrize("id", ["%ff", "%C3", "%ED%A0%80", "%c0%af"])
def test_an_id_that_is_not_utf8_is_not_found(wire: Wire, id: str):
    before = wire.api.counts()
    status, body = wire.say(wire.head("PUT", f"/v1/users/{id}", Content_Length="2"), b"{}")
    assert (status, body["type"]) == (404, "/problems/not-found")
    assert wire.api.counts() == before


@pytest.mark.parametrize("sent", ["a%2Fpreferences", "a%2fpreferences", "%61%2Fpreferences?x=%2F", "a%2Fpreferences#f"])
def test_a_slash_in_an_id_comes_through_the_real_server(wire: Wire, sent: str):
    status, body = wire.say(wire.head("PUT", f"/v1/users/{sent}", Content_Length="2"), b"{}")
    assert (status, body.get("id")) == (200, "a/preferences")


def test_the_longest_id_comes_through_the_real_server(wire: Wire):
    longest = "%F0%9F%98%80" * 255
    status, body = wire.say(wire.head("PUT", f"/v1/users/{longest}/preferences", Content_Length="12"), b'{"types":{}}')
    assert status == 200, body


def test_who_sends_half_a_body_keeps_nobody_waiting(narrow: Wire):
    began = time.monotonic()
    with half_bodies(narrow, 3):
        assert posted(narrow) == 202
    assert time.monotonic() - began < PATIENCE / 2


def test_who_sends_half_a_body_on_every_thread_is_not_waited_for_without_end(narrow: Wire):
    with half_bodies(narrow, 8):
        assert posted(narrow, timeout=3 * PATIENCE) == 202


def test_an_absolute_address_in_the_request_line_is_understood(wire: Wire):
    status, _ = wire.say(wire.head("GET", "http://x/v1/users/nobody/preferences"))
    assert status == 200


def test_a_body_in_chunks_is_read_by_a_web_role_alone(alone: Wire):
    body = json.dumps(like()).encode()
    status, answer = alone.say(
        alone.head("POST", "/v1/events", Transfer_Encoding="chunked"), chunked(body, 7), more=True
    )
    assert (status, answer["duplicate"]) == (202, False)


def test_a_large_body_is_refused_by_a_web_role_alone(alone: Wire):
    head = alone.head("POST", "/v1/events", Transfer_Encoding="chunked")
    status, answer = alone.say(head, chunked(b" " * 300_000), more=True)
    assert (status, answer["type"]) == (413, "/problems/too-large")


def test_a_person_is_made_and_shown_by_a_web_role_alone(alone: Wire):
    body = json.dumps({"name": "Bob"}).encode()
    head = alone.head("PUT", "/v1/users/b%C3%B6b", Content_Length=str(len(body)))
    assert alone.say(head, body, more=True)[0] == 200
    status, shown = alone.say(alone.head("GET", "/v1/users/b%C3%B6b"), more=True)
    assert (status, shown["id"]) == (200, "böb")
