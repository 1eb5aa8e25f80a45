"""What the API really answers is what its description says."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel
from werkzeug.test import TestResponse

from notifier.web.answers import ANSWERS
from notifier.web.examples import COMMENT, EXAMPLES
from tests.push_server import PushServer
from tests.web.api import Api, like


def held(endpoint: str, answer: TestResponse) -> Any:
    """The answer's JSON, which must have every field of its shape and no other."""
    gives = ANSWERS[endpoint]
    assert answer.status_code == gives.status, answer.text
    if gives.model is None:
        assert answer.status_code != 204 or not answer.data
        return None
    assert answer.mimetype == gives.media
    body = answer.get_json()
    assert read(gives.model, body) == body
    return body


def read(model: type[BaseModel], body: Mapping[str, Any]) -> Any:
    """What the model knows of the body; of fields that it does not know, nothing."""
    return json.loads(model.model_validate(body, strict=False).model_dump_json(exclude_unset=True))


@pytest.fixture
def told(api: Api) -> str:
    """The id of an event that was planned for bob."""
    held("users.save", api.call("PUT", "/v1/users/bob", EXAMPLES["users.save"].body))
    # Another test may have given them a night.
    api.call("PUT", "/v1/users/bob/preferences", {"types": None, "quiet_hours": None})
    event: str = held("events.receive", api.post(COMMENT | {"timestamp": "2026-11-21T10:00:00Z"}))["id"]
    plan(api, event)
    return event


def plan(api: Api, *events: str) -> None:
    for _ in api.parts.steps.planner.plan(list(events)):
        pass


def test_events(api: Api, told: str):
    held("events.receive_signed", api.post_signed(COMMENT))
    held("batches.receive_batch", api.call("POST", "/v1/events/batch", {"events": [like(), {"type": "nonsense"}]}))
    held("events.show", api.call("GET", f"/v1/events/{told}"))
    explained = held("explain.explain", api.call("GET", f"/v1/events/{told}/explain"))
    assert explained["lines"]
    dry = held("explain.dry_run", api.call("POST", "/v1/events/explain", COMMENT))
    assert dry["recipients_at_least"] == 1


def test_the_log(api: Api, told: str):
    page = held("deliveries.page", api.call("GET", f"/v1/deliveries?event={told}"))
    [mail] = [one["id"] for one in page["data"] if one["channel"] == "email"]
    api.parts.steps.sender.send([mail])
    assert held("deliveries.show", api.call("GET", f"/v1/deliveries/{mail}"))["attempts"]
    held("deliveries.retry", api.call("POST", f"/v1/deliveries/{mail}/retry"))
    held("deliveries.cancel", api.call("POST", f"/v1/deliveries/{mail}/cancel"))
    held("deliveries.retry_many", api.call("POST", "/v1/deliveries/retry", {"user": "bob"}))
    held("deliveries.books", api.call("GET", "/v1/books"))
    assert held("changes.page", api.call("GET", "/v1/changes"))["data"]


def test_people(api: Api, told: str):
    held("users.show", api.call("GET", "/v1/users/bob"))
    held("users.save_many", api.call("PUT", "/v1/users/batch", {"users": [{"id": "cara"}, {"nonsense": 1}]}))
    held("preferences.choose", api.call("PUT", "/v1/users/bob/preferences", EXAMPLES["preferences.choose"].body))
    held("preferences.show", api.call("GET", "/v1/users/bob/preferences"))
    assert held("preferences.history", api.call("GET", "/v1/users/bob/preferences/history"))["data"]
    held("tokens.make", api.call("POST", "/v1/users/bob/token"))
    for kind in ("mutes/actor:ana", "mutes/object:p", "mutes/type:post"):
        held("relations.mute", api.call("PUT", f"/v1/users/bob/{kind}"))
    assert held("relations.mutes", api.call("GET", "/v1/users/bob/mutes"))["data"]
    held("relations.block", api.call("PUT", "/v1/users/bob/blocks/eve"))
    assert held("relations.blocks", api.call("GET", "/v1/users/bob/blocks"))["data"]
    held("relations.unblock", api.call("DELETE", "/v1/users/bob/blocks/eve"))
    for kind in ("mutes/actor:ana", "mutes/object:p", "mutes/type:post"):
        held("relations.unmute", api.call("DELETE", f"/v1/users/bob/{kind}"))
    held("users.export", api.call("GET", "/v1/users/bob/export"))
    held("users.save", api.call("PUT", "/v1/users/leaves", {}))
    held("users.erase", api.call("DELETE", "/v1/users/leaves"))


def test_devices(api: Api):
    held("users.save", api.call("PUT", "/v1/users/dora", {}))
    held("devices.vapid_key", api.call("GET", "/v1/push/vapid-key"))
    with PushServer() as server:
        subscription = server.subscribe() | {"endpoint": "https://fcm.googleapis.com/fcm/send/answers"}
    one = held("devices.add_device", api.call("POST", "/v1/users/dora/push-subscriptions", subscription))
    assert held("devices.devices", api.call("GET", "/v1/users/dora/push-subscriptions"))["data"] == [one]
    held("devices.drop_device", api.call("DELETE", f"/v1/users/dora/push-subscriptions/{one['id']}"))


def test_the_feed_and_digests(api: Api, told: str):
    plan(api, api.post(like(of="bob")).json["id"])
    assert held("feed.page", api.call("GET", "/v1/users/bob/feed"))["data"]
    [waiting] = held("digests.show", api.call("GET", "/v1/users/bob/digest"))["data"]
    assert waiting["items"]
    assert held("digests.one", api.call("GET", f"/v1/digests/{waiting['id']}"))["lines"]
    held("digests.move", api.call("POST", "/v1/users/bob/digest/move", {"at": waiting["next_at"]}))
    assert held("digests.send", api.call("POST", "/v1/users/bob/digest/send"))["delivery"]
    held("digests.skip", api.call("POST", "/v1/users/bob/digest/skip"))
    everything = {"before": "2100-01-01T00:00:00Z"}
    held("feed.mark_seen", api.call("POST", "/v1/users/bob/feed/seen", everything))
    held("feed.mark_read", api.call("POST", "/v1/users/bob/feed/read", everything))


def test_media(api: Api):
    made = held("media.add", api.call("POST", "/v1/assets", {"url": "https://app.example/7.jpg"}))
    assert held("media.show", api.call("GET", f"/v1/assets/{made['id']}")) == made
    held("media.retry", api.call("POST", f"/v1/assets/{made['id']}/retry"))
    held("media.remove", api.call("DELETE", f"/v1/assets/{made['id']}"))


def test_schedules(api: Api):
    wanted = {"name": "Tidy", "kind": "purge", "cron": "0 4 * * *", "timezone": "UTC", "arguments": {}}
    made = held("schedules.add", api.call("POST", "/v1/schedules", wanted))
    path = f"/v1/schedules/{made['id']}"
    held("schedules.show", api.call("GET", path))
    held("schedules.change", api.call("PUT", path, {"cron": "0 5 * * *"}))
    held("schedules.run", api.call("POST", f"{path}/run"))
    assert held("schedules.runs", api.call("GET", f"{path}/runs"))["data"]
    held("schedules.pause", api.call("POST", f"{path}/pause"))
    held("schedules.resume", api.call("POST", f"{path}/resume"))
    assert held("schedules.page", api.call("GET", "/v1/schedules"))["data"]
    held("policy.backtest", api.call("POST", "/v1/policy/backtest", {"days": 1}))
