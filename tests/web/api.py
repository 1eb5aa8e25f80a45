"""The real Flask app on a real database, called without a socket."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from config import Settings
from notifier.app.home import Home
from notifier.app.parts import Around, Parts, now
from notifier.policy.signature import sign
from notifier.store.apps import SCOPES, Apps, Credentials
from notifier.store.schema import migrate

TABLES = ("events", "users", "addresses", "preferences", "preference_changes", "relations", "deliveries", "audit")


def make_parts(folder: Path, database_url: str = "", **settings: Any) -> Parts:
    """The parts of a web process whose broker is a queue in memory that nobody serves."""
    made = Settings(_env_file=None, DATA_DIR=folder, DATABASE_URL=database_url, **settings)
    around = Around(broker_url="memory://", public_url="http://127.0.0.1:8000", mail_server="127.0.0.1", mail_port=1)
    return Parts(made, Home(folder, makes=True).open(), around)


@dataclass
class Api:
    """The API as one upstream app sees it."""

    parts: Parts

    @cached_property
    def server(self) -> Flask:
        return self.parts.server

    @cached_property
    def app(self) -> Credentials:
        """An app with all scopes."""
        return self.make_app(*SCOPES)

    def make_app(self, *scopes: str) -> Credentials:
        """Another app, whose key has these scopes."""
        with self.parts.database.write() as connection:
            return Apps(connection).create("test", now(), scopes)

    def call(self, method: str, path: str, body: Any = None, *, key: str = "", **headers: str) -> TestResponse:
        """One request with the app's key. Bytes go out as they are, anything else as JSON; "" leaves a header out."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {key or self.app.key}"}
        if raw is not None:
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        given = {name: value for name, value in sent.items() if value}
        return self.server.test_client().open(path, method=method, data=raw, headers=given)

    def post(self, body: Any, **headers: str) -> TestResponse:
        """Post one event with the app's key."""
        return self.call("POST", "/v1/events", body, **headers)

    def post_signed(
        self,
        body: Any,
        *,
        key: str = "",
        app: str = "",
        secret: str = "",
        at: datetime | None = None,
        **headers: str,
    ) -> TestResponse:
        """Post one event as Standard Webhooks say."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        key, stamp = key or uuid.uuid4().hex, int((at or datetime.now(UTC)).timestamp())
        signed = {
            "webhook_id": key,
            "webhook_timestamp": str(stamp),
            "webhook_signature": sign(raw, id=key, timestamp=stamp, secret=secret or self.app.secret),
        }
        path = f"/v1/hooks/{app or self.app.app}"
        return self.call("POST", path, raw, **({"authorization": ""} | signed | headers))

    def counts(self) -> dict[str, int]:
        """How many rows there are of all that a request could store."""
        with self.parts.database.read() as connection:
            return {
                table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608 (our own words)
                for table in TABLES
            }

    def rotate(self, overlap: timedelta) -> str:
        """A fresh signing secret for the app."""
        with self.parts.database.write() as connection:
            secret = Apps(connection).rotate(self.app.app, overlap=overlap, now=now())
        assert secret
        return secret

    def migrate(self) -> "Api":
        migrate(self.parts.database)
        return self


def problem_of(response: TestResponse, status: int, slug: str) -> dict[str, Any]:
    """The problem document of a refusal (RFC 9457), which must be one of this status and kind."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.get_json(force=True)
    assert body["type"] == f"/problems/{slug}", body
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response.headers["X-Request-Id"]
    return body


def pointers(response: TestResponse) -> dict[str, str]:
    """The faults of a 422 by pointer."""
    body = problem_of(response, 422, "invalid")
    assert all(fault["detail"] for fault in body["errors"])
    return {fault["pointer"]: fault["code"] for fault in body["errors"]}


def like(actor: str = "ana", of: str = "bob", **more: Any) -> dict[str, Any]:
    """A like of a post."""
    data = {"actor": {"id": actor}, "object": {"id": "post-7", "type": "post", "owner": of}, **more}
    return {"type": "like.created", "data": data}
