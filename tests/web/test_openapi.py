"""The API's description: what is committed, what is served and what the code does are the same."""

import json
import re
from typing import Any

from flask import Flask

from notifier.web.description import describe
from notifier.web.server import routes
from tests.stack import ROOT
from tests.web.api import Api, like

COMMITTED = json.loads((ROOT / "docs" / "openapi.json").read_text())


def described() -> dict[str, Any]:
    app = Flask("notifier")
    routes(app)
    return describe(app)


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, told) for path, methods in COMMITTED["paths"].items() for method, told in methods.items()]


def test_the_committed_description_is_that_of_the_code():
    assert described() == COMMITTED, "Write it anew: python -m notifier.web > docs/openapi.json"


def test_the_served_description_is_the_committed_one(api: Api):
    response = api.call("GET", "/openapi.json", authorization="")
    assert response.get_json() == COMMITTED


def test_every_operation_says_what_it_is_for_and_who_may_call_it():
    for path, method, told in operations():
        assert re.fullmatch(r"[A-Z].*[.)]", told["summary"]), (path, method)
        assert told["security"] or path == "/v1/push/vapid-key"
        assert set(re.findall(r"{(\w+)}", path)) <= {part["name"] for part in told.get("parameters", ())}
    ids = [told["operationId"] for _, _, told in operations()]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere():
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(COMMITTED)))
    assert named == set(COMMITTED["components"]["schemas"])


def test_every_operation_that_writes_says_what_it_takes():
    without = {path for path, method, told in operations() if method in ("post", "put") and "requestBody" not in told}
    assert without == {
        "/v1/assets/{asset_id}/retry",
        "/v1/deliveries/{delivery_id}/cancel",
        "/v1/deliveries/{delivery_id}/retry",
        "/v1/schedules/{schedule_id}/pause",
        "/v1/schedules/{schedule_id}/resume",
        "/v1/schedules/{schedule_id}/run",
        "/v1/users/{user_id}/blocks/{actor_id}",
        "/v1/users/{user_id}/mutes/{mute_id}",
    }


def test_what_is_described_is_what_is_asked_for(api: Api):
    for path, method, told in operations():
        concrete = re.sub(r"{(\w+)_id}", lambda found: _example(found[1]), path)
        body = {} if "requestBody" in told else None
        status = api.call(method.upper(), concrete, body, authorization="").status_code
        assert status == (401 if told["security"] else 200), (path, method)
    assert api.post(like()).status_code == 202


def _example(kind: str) -> str:
    prefixes = {
        "event": "evt",
        "delivery": "dlv",
        "device": "sub",
        "app": "app",
        "digest": "dig",
        "schedule": "sch",
        "job": "job",
        "asset": "ast",
    }
    prefix = prefixes.get(kind)
    return f"{prefix}_{'0' * 32}" if prefix else "bob"
