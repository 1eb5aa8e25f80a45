"""What an app reads of its own events' outcomes: a cursor that always leads on, and no word of other apps."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from tests.web.api import Api, like, pointers, problem_of


@pytest.fixture
def key(api: Api) -> str:
    """The key of an app that has sent nothing yet."""
    return api.make_app("events", "log").key


def post_planned(api: Api, key: str, **headers: str) -> str:
    """An event of the app, posted and planned."""
    made: str = api.post(like(of=f"user of {key}"), key=key, **headers).get_json()["id"]
    list(api.parts.steps.planner.plan([made]))
    return made


def changes(api: Api, key: str, after: str = "", limit: int = 100) -> TestResponse:
    response = api.call("GET", f"/v1/changes?after={after}&limit={limit}", key=key)
    assert response.status_code == 200, response.text
    return response


def test_a_planned_event_and_what_was_decided_about_it_are_told(api: Api, key: str):
    made = post_planned(api, key, idempotency_key="mine")
    event, *deliveries = changes(api, key).get_json()["data"]
    assert event == {
        "change": event["change"], "kind": "event", "id": made, "type": "like.created", "key": "mine",
        "state": "planned", "at": event["at"],
    }  # fmt: skip
    assert {one["channel"]: (one["state"], one["reason"]) for one in deliveries} == {
        "email": ("skipped", "no_address"),
        "push": ("skipped", "no_address"),
        "feed": ("sent", None),
    }
    for one in deliveries:
        assert set(one) == {
            "change", "kind", "id", "type", "notification", "events", "user", "channel", "state", "reason", "sent_at",
        }  # fmt: skip
        assert (one["kind"], one["type"], one["change"]) == ("delivery", "like.created", event["change"])
        assert one["user"] == f"user of {key}"
        assert made in one["events"]


def test_the_cursor_leads_on_also_when_there_is_nothing(api: Api, key: str):
    nothing = changes(api, key).get_json()
    assert nothing["data"] == []
    assert changes(api, key, nothing["next_cursor"]).get_json() == nothing
    made = post_planned(api, key)
    found = changes(api, key, nothing["next_cursor"]).get_json()
    assert found["data"][0]["id"] == made
    assert found["data"][0]["key"] is None
    assert changes(api, key, found["next_cursor"]).get_json() == {"data": [], "next_cursor": found["next_cursor"]}


def test_small_pages_tell_the_same_as_a_large_one(api: Api, key: str):
    for _ in range(3):
        post_planned(api, key)
    whole = changes(api, key).get_json()["data"]
    parts, address = [], "/v1/changes?limit=2"
    for _ in range(len(whole)):
        response = api.call("GET", address, key=key)
        parts += response.get_json()["data"]
        address = response.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
        assert parse_qs(urlsplit(address).query) == {"after": [response.get_json()["next_cursor"]], "limit": ["2"]}
    assert parts == whole


def test_an_app_reads_of_its_own_events_alone(api: Api, key: str):
    post_planned(api, api.app.key)
    assert changes(api, key).get_json()["data"] == []


def octets(*, number: bytes = bytes(8), subject: bytes = b"\x00", id: bytes = bytes(16)) -> str:
    return base64.urlsafe_b64encode(number + subject + id).rstrip(b"=").decode()


@pytest.mark.parametrize("after", ["x", "é", "%00", "AAAA", octets(subject=b"\x02"), octets(id=bytes(17))])
def test_a_cursor_that_none_was_is_refused(api: Api, key: str, after: str):
    assert pointers(api.call("GET", f"/v1/changes?after={after}", key=key)) == {"/after": "invalid"}


@pytest.mark.parametrize("number", [b"\xff" * 8, b"\x7f" + b"\xff" * 7])
def test_a_cursor_from_nowhere_is_answered(api: Api, key: str, number: bytes):
    changes(api, key, octets(number=number))
    changes(api, key, octets(number=number, subject=b"\x01"))


@pytest.mark.parametrize(("query", "pointer"), [("limit=0", "/limit"), ("limit=201", "/limit"), ("from=1", "/from")])
def test_a_query_that_we_do_not_know_is_refused(api: Api, key: str, query: str, pointer: str):
    assert set(pointers(api.call("GET", f"/v1/changes?{query}", key=key))) == {pointer}


def test_changes_need_a_key_of_the_scope_log(api: Api):
    problem_of(api.call("GET", "/v1/changes", authorization=""), 401, "unauthorized")
    problem_of(api.call("GET", "/v1/changes", key=api.make_app("events").key), 403, "forbidden")
