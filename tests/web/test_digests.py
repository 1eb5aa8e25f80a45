"""Over the API: what waits for a person's digests, and sent, skipped or moved at their app's word."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifier.store.log import Filter, Log
from tests.web.api import Api, like, pointers, problem_of


@pytest.fixture
def bob(api: Api) -> str:
    """A new person in Lisbon with a mailbox, for whom two likes and a share wait."""
    bob = f"bob-{uuid.uuid4().hex}"
    profile = {"email": "bob@app.example", "timezone": "Europe/Lisbon"}
    assert api.call("PUT", f"/v1/users/{bob}", profile).status_code == 200
    weekly = {"types": {"share": {"email": "weekly", "push": "off"}}}
    assert api.call("PUT", f"/v1/users/{bob}/preferences", weekly).status_code == 200
    tell(api, like("ana", of=bob), like("ben", of=bob, object={"id": "post-8", "owner": bob}))
    share = like("cat", of=bob)
    tell(api, share | {"type": "share"})
    return bob


def tell(api: Api, *bodies: dict[str, Any]) -> None:
    events = [api.post(body).get_json()["id"] for body in bodies]
    list(api.parts.steps.planner.plan(events))


def digest(api: Api, user: str) -> list[dict[str, Any]]:
    answer = api.call("GET", f"/v1/users/{user}/digest")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()["data"]
    return found


def act(api: Api, user: str, word: str, body: Any = None) -> Any:
    return api.call("POST", f"/v1/users/{user}/digest/{word}", body)


def states(api: Api, user: str) -> set[tuple[str, str | None]]:
    with api.parts.database.read() as connection:
        found = Log(connection).page(Filter(user=user, channels=("email",)), 50)
    return {(entry.state, entry.reason) for entry in found}


def test_what_waits_is_told_for_each_cadence_with_its_hour(api: Api, bob: str):
    found = {one["cadence"]: one for one in digest(api, bob)}
    assert set(found) == {"daily", "weekly"}
    daily = found["daily"]
    assert (daily["channel"], daily["count"], daily["timezone"]) == ("email", 2, "Europe/Lisbon")
    assert daily["local_at"][10:16] == "T08:00"
    assert datetime.fromisoformat(daily["next_at"]) > datetime.now(UTC)
    assert {item["actors"][0]["id"] for item in daily["items"]} == {"ana", "ben"}
    assert all(item["text"] and item["updated_at"] for item in daily["items"])
    assert found["weekly"]["count"] == 1


def test_nothing_waits_for_whom_nobody_told_of_anything(api: Api):
    assert digest(api, "nobody-knows") == []


def test_what_was_read_or_blocked_since_does_not_wait(api: Api, bob: str):
    assert api.call("PUT", f"/v1/users/{bob}/blocks/ana").status_code == 200
    (ben,) = next(one for one in digest(api, bob) if one["cadence"] == "daily")["items"]
    assert ben["actors"][0]["id"] == "ben"
    api.call("POST", f"/v1/users/{bob}/feed/read", {"ids": [ben["id"]]})
    assert next(one for one in digest(api, bob) if one["cadence"] == "daily")["count"] == 0


def test_send_answers_with_the_delivery_and_then_nothing_waits(api: Api, bob: str):
    answer = act(api, bob, "send", {"cadence": "daily"})
    assert answer.status_code == 202
    body = answer.get_json()
    assert body["delivery"]["user"] == bob
    assert body["delivery"]["state"] == "queued"
    assert body["delivery"]["digest"]
    assert [one["cadence"] for one in digest(api, bob)] == ["weekly"]


def test_send_needs_no_body_and_sends_all(api: Api, bob: str):
    assert len(act(api, bob, "send").get_json()["deliveries"]) == 2
    again = act(api, bob, "send")
    assert (again.status_code, again.get_json()["delivery"]) == (200, None)


def test_skip_cancels_what_waited(api: Api, bob: str):
    assert act(api, bob, "skip", {"channel": "email", "cadence": "daily"}).get_json() == {"digests": 1, "skipped": 2}
    assert ("cancelled", "digest_skipped") in states(api, bob)
    assert act(api, bob, "skip", {"channel": "push"}).get_json() == {"digests": 0, "skipped": 0}


def test_move_says_when_it_comes_then(api: Api, bob: str):
    at = (datetime.now(UTC) + timedelta(hours=3)).replace(microsecond=0)
    body = act(api, bob, "move", {"at": at.isoformat(), "cadence": "daily"}).get_json()
    moved = {one["cadence"]: datetime.fromisoformat(one["next_at"]) for one in body["data"]}
    assert moved["daily"] == at
    assert moved["weekly"] != at
    with api.parts.database.read() as connection:
        waits = Log(connection).page(Filter(user=bob, types=("like.created",), channels=("email",)), 5)
    assert {entry.due_at for entry in waits} == {at}


@pytest.mark.parametrize("at", ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
def test_move_refuses_a_moment_that_is_past_or_far(api: Api, bob: str, at: str):
    assert pointers(act(api, bob, "move", {"at": at})) == {"/at": "invalid"}


@pytest.mark.parametrize(
    ("word", "body", "pointer"),
    [
        ("send", {"channel": "feed"}, "/channel"),
        ("skip", {"cadence": "yearly"}, "/cadence"),
        ("move", {}, "/at"),
        ("send", {"when": "now"}, "/when"),
    ],
)
def test_what_cannot_be_meant_is_refused(api: Api, bob: str, word: str, body: Any, pointer: str):
    assert list(pointers(act(api, bob, word, body))) == [pointer]


def test_only_keys_for_people_may_look_and_steer(api: Api, bob: str):
    key = api.make_app("events").key
    problem_of(api.call("GET", f"/v1/users/{bob}/digest", key=key), 403, "forbidden")
    problem_of(api.call("POST", f"/v1/users/{bob}/digest/send", key=key), 403, "forbidden")


def test_whoever_steers_is_on_record(api: Api, bob: str):
    before = api.counts()["audit"]
    act(api, bob, "send")
    act(api, bob, "skip")
    assert api.counts()["audit"] == before + 1
