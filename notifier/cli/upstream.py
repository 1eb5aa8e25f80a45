"""The running service as an upstream app meets it: over HTTP, each event signed as Standard Webhooks say."""

import http.client
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import click

from notifier.cli.tools import Tools
from notifier.policy.signature import sign

PATIENCE = 30.0  # seconds for one answer
HUNG_UP = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered, its JSON read."""

    status: int
    body: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def refusal(self) -> str:
        """Why it was refused, each fault on a line of its own with the JSON pointer to it."""
        faults = [f"\n  {fault['pointer'] or '(body)'}  {fault['detail']}" for fault in self.body.get("errors", ())]
        detail = self.body.get("detail", "") if len(faults) != 1 else ""
        return f"{self.status} {self.body.get('title', 'refused')}. {detail}".strip() + "".join(faults)


class Upstream:
    """One connection to the running service, as its default app. Raises `click.ClickException` where nothing runs."""

    def __init__(self, tools: Tools) -> None:
        self._service = tools.service()
        if not (self._service.url and self._service.app):
            raise nothing_runs(tools)
        self._tools = tools
        self._connection, self._path = connection_to(self._service.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def url(self) -> str:
        return self._service.url

    def post(self, event: Mapping[str, Any], key: str = "") -> Answer:
        """Post one signed event; `key` is its webhook-id, else a new one."""
        raw, key, now = json.dumps(event).encode(), key or f"msg_{uuid.uuid4().hex}", int(datetime.now(UTC).timestamp())
        signature = {
            "webhook-id": key,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(raw, id=key, timestamp=now, secret=self._service.secret),
        }
        return self._ask("POST", f"/v1/hooks/{self._service.app}", raw, signature)

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Ask the API with the default app's key."""
        raw = json.dumps(body).encode() if body is not None else None
        return self._ask(method, path, raw, {"Authorization": f"Bearer {self._service.key}"})

    def _ask(self, method: str, path: str, raw: bytes | None, headers: Mapping[str, str]) -> Answer:
        headers = {"Content-Type": "application/json", **headers}
        try:
            return self._once(method, self._path + path, raw, headers)
        except HUNG_UP:
            # The connection was idle for too long. To ask again is safe: whatever we send has a key or is a PUT.
            self._connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise nothing_runs(self._tools, error) from None
        return self._again(method, self._path + path, raw, headers)

    def _again(self, method: str, path: str, raw: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            return self._once(method, path, raw, headers)
        except (OSError, http.client.HTTPException) as error:
            raise nothing_runs(self._tools, error) from None

    def _once(self, method: str, path: str, raw: bytes | None, headers: Mapping[str, str]) -> Answer:
        self._connection.request(method, path, raw, dict(headers))
        answer = self._connection.getresponse()
        text = answer.read()
        is_json = "json" in answer.headers.get_content_type()
        return Answer(answer.status, json.loads(text) if text and is_json else {})


def nothing_runs(tools: Tools, error: Exception | None = None) -> click.ClickException:
    """That there is no service to talk to, and how to start one."""
    url = tools.service().url
    if error is not None and url:
        return click.ClickException(f"{url} does not answer ({error}). Start it with: make run")
    return click.ClickException(f"Nothing runs with the data in {tools.data_dir}. Start it with: make run")


def connection_to(url: str) -> tuple[http.client.HTTPConnection, str]:
    """A connection to the host of `url`, not yet open, and the path that every request begins with."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=PATIENCE), parts.path.rstrip("/")
