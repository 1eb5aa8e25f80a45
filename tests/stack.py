"""The whole service as a user runs it, with a real mail server and a real push server beside it."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from notifier.policy.signature import sign
from tests.push_server import PushServer
from tests.smtp_server import SmtpServer

ROOT = Path(__file__).parents[1]
PATIENCE = 30.0


@dataclass(frozen=True)
class Reply:
    """What the service answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def eventually(ask: Callable[[], Any], within: float = PATIENCE) -> Any:
    """What `ask` gives as soon as it is true. Raises `AssertionError` with the last answer."""
    until = time.monotonic() + within
    while not (answer := ask()):
        assert time.monotonic() < until, f"still {answer!r} after {within} s"
        time.sleep(0.05)
    return answer


class Stack:
    """`notifier up` in a process of its own. Retries come at once and nothing is gathered, unless settings say so."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.mail = SmtpServer()
        self.push = PushServer()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}
        self.database_url = settings.get("DATABASE_URL") or f"sqlite:///{self.data_dir.resolve() / 'notifier.db'}"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def pids(self) -> dict[str, list[int]]:
        """The process ids by role, as of now."""
        return self._ready_file()["pids"]

    def __enter__(self) -> Self:
        self.mail.__enter__()
        self.push.__enter__()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self.stop()
        self.push.__exit__(kind, error, trace)
        self.mail.__exit__(kind, error, trace)
        assert error is not None or code in (0, None), self.log()

    def start(self) -> None:
        """Start the service and wait until it is ready."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        with (self.folder / "up.log").open("ab") as log:
            command = [sys.executable, "-m", "notifier", "up", "--port", "0", "--ready-file", str(ready)]
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment(), stdout=log, stderr=log)
        eventually(lambda: ready.exists() or self._process.poll() is not None)
        assert ready.exists(), self.log()
        self.ready = self._ready_file()

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """Stop the service; its exit code."""
        if self._process is None:
            return None
        self._process.send_signal(number)
        code = self._process.wait(timeout=60)
        self._process = None
        return code

    def restart(self, **settings: str) -> None:
        """Stop the service and start it again with these settings changed."""
        self.stop()
        self._settings |= settings
        self.start()

    def crash(self) -> None:
        """Kill `up` itself with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def signal(self, role: str, number: int) -> None:
        """Send a signal to the processes of a role."""
        for pid in self.pids[role]:
            os.kill(pid, number)

    def beside(self, *command: str) -> subprocess.Popen[bytes]:
        """Start one more process of the command line beside the service; the caller ends it."""
        whole = [sys.executable, "-m", "notifier", *command]
        with (self.folder / "beside.log").open("ab") as log:
            return subprocess.Popen(whole, cwd=ROOT, env=self._environment(), stdout=log, stderr=log)

    def log(self) -> str:
        """What the service has printed."""
        return (self.folder / "up.log").read_text()

    def kill(self, role: str) -> None:
        """Kill the processes of a role with SIGKILL."""
        for pid in self.pids[role]:
            os.kill(pid, signal.SIGKILL)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request with the default app's API key. A body of bytes goes out as it is, anything else as JSON."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.ready['app']['key']}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(self.ready["url"] + path, raw, sent, method=method)  # noqa: S310 (our own address)
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310 (our own address)
                return Reply(answer.status, dict(answer.headers), answer.read().decode())
        except HTTPError as refused:
            return Reply(refused.code, dict(refused.headers), refused.read().decode())

    def post(self, event: dict[str, Any], **headers: str) -> str:
        """Post an event with the API key; gives its id."""
        reply = self.call("POST", "/v1/events", event, **headers)
        assert reply.status == 202, reply.text
        return reply.json["id"]

    def post_signed(self, event: dict[str, Any], key: str = "") -> Reply:
        """Post an event as Standard Webhooks say."""
        raw, key, now = json.dumps(event).encode(), key or uuid.uuid4().hex, int(datetime.now(UTC).timestamp())
        app = self.ready["app"]
        return self.call(
            "POST",
            f"/v1/hooks/{app['id']}",
            raw,
            webhook_id=key,
            webhook_timestamp=str(now),
            webhook_signature=sign(raw, id=key, timestamp=now, secret=app["secret"]),
        )

    def person(self, id: str, *, email: bool = True, devices: int = 0) -> list[dict[str, Any]]:
        """Make a person with a mail address and browsers of our push server; gives the subscriptions."""
        body = {"name": id.title(), "email": f"{id}@app.example"} if email else {"name": id.title()}
        assert self.call("PUT", f"/v1/users/{id}", body).status == 200
        # Many messages at once are what tests are about; by default most of them would wait for an hour.
        caps = {"cap_per_hour": {"email": 10_000, "push": 10_000}}
        assert self.call("PUT", f"/v1/users/{id}/preferences", caps).status == 200
        subscriptions = [self.push.subscribe() for _ in range(devices)]
        for subscription in subscriptions:
            reply = self.call("POST", f"/v1/users/{id}/push-subscriptions", subscription)
            assert reply.status == 201, reply.text
        return subscriptions

    def deliveries(self, **filters: str) -> list[dict[str, Any]]:
        """The log's first page of these filters."""
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        return self.call("GET", f"/v1/deliveries?limit=200&{query}").json["data"]

    def books(self) -> dict[str, Any]:
        """The books as they stand."""
        return self.call("GET", "/v1/books").json

    def at_rest(self, within: float = PATIENCE) -> dict[str, Any]:
        """The books once nothing is unplanned or waiting; they must balance."""

        def rested() -> dict[str, Any] | None:
            books = self.books()
            waiting = sum(channel["waiting"] for channel in books["channels"].values())
            return books if not waiting and not books["events"]["unplanned"] else None

        books: dict[str, Any] = eventually(rested, within)
        assert books["balanced"], books
        return books

    def _ready_file(self) -> dict[str, Any]:
        return json.loads((self.folder / "ready.json").read_text())

    def _environment(self) -> dict[str, str]:
        ours = {
            "DATA_DIR": str(self.data_dir),
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(self.mail.port),
            "PUSH_ALLOW_LOOPBACK": "1",
            "GATHER_SCALE": "0",
            "RETRY_SCALE": "0",
            "LEASE_SECONDS": "3",
        }
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)} | ours | self._settings


def comment(actor: str = "ana", to: str = "bob", id: str = "", **more: Any) -> dict[str, Any]:
    """A comment on a post of `to`."""
    object_ = {"id": id or f"c-{uuid.uuid4().hex[:8]}", "type": "comment", "content": "What a sky!"}
    target = {"id": f"post-of-{to}", "type": "post", "name": "Sunset", "url": "https://app.example/p/7", "owner": to}
    data = {"actor": {"id": actor, "name": actor.title()}, "object": object_, "target": target, **more}
    return {"type": "comment.created", "data": data}
