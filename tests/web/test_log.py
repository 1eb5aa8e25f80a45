"""The log, the books and what operators do, over the API: filters and cursors that lie, and shapes."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifier.policy.words import Reason, State
from tests.web.api import Api, like, pointers, problem_of

DELIVERY = {
    "id", "notification", "events", "event_count", "told_in",
    "digest", "user", "channel", "address", "type", "app", "queue",
    "state", "reason", "sentence", "due_at", "tries", "created_at", "sent_at",
}  # fmt: skip


@pytest.fixture
def planned(api: Api) -> list[dict[str, Any]]:
    """What three likes of a new person's post became, newest first."""
    user = f"u{datetime.now(UTC).timestamp()}"
    api.call("PUT", f"/v1/users/{user}", {"email": f"{user}@app.example"})
    api.call("PUT", f"/v1/users/{user}/preferences", {"types": {"comment": {"email": "off"}}})
    for number in range(3):
        target = {"id": f"p{number}", "owner": user}
        made = api.post({"type": "comment", "data": like()["data"] | {"target": target}}).get_json()
        list(api.parts.steps.planner.plan([made["id"]]))
    found: list[dict[str, Any]] = api.call("GET", f"/v1/deliveries?user={user}").get_json()["data"]
    assert len(found) == 9
    return found


def test_the_log_is_newest_first_and_of_the_promised_shape(api: Api, planned: list[dict[str, Any]]):
    assert [entry["id"] for entry in planned] == sorted((entry["id"] for entry in planned), reverse=True)
    for entry in planned:
        assert set(entry) == DELIVERY
        assert re.fullmatch(r"dlv_[0-9a-f]{32}", entry["id"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["created_at"])
        assert entry["app"] == api.app.app
    states = {(entry["channel"], entry["state"], entry["reason"]) for entry in planned}
    assert states == {
        ("email", "skipped", "preference_off"),
        ("push", "skipped", "no_address"),
        ("feed", "sent", None),
    }


def test_pages_follow_each_other_without_a_gap(api: Api, planned: list[dict[str, Any]]):
    path, seen = f"/v1/deliveries?user={planned[0]['user']}&limit=2", []
    while path:
        response = api.call("GET", path)
        body = response.get_json()
        seen += [entry["id"] for entry in body["data"]]
        assert ("Link" in response.headers) == (body["next_cursor"] is not None)
        path = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert seen == [entry["id"] for entry in planned]


def test_a_filter_may_name_several_values_and_both_forms_of_a_type(api: Api, planned: list[dict[str, Any]]):
    user = planned[0]["user"]

    def count(query: str) -> int:
        return len(api.call("GET", f"/v1/deliveries?user={user}&{query}").get_json()["data"])

    assert count("channel=email&channel=push") == 6
    assert count("state=sent&state=failed") == 3
    assert count("type=comment") == count("type=comment.created") == 9
    assert count("type=like") == 0
    assert count("reason=no_address") == 3
    assert count(f"event={planned[0]['events'][0]}") == 3
    assert count(f"app={planned[0]['app']}&q={planned[0]['id']}") == 1
    assert count("since=2026-01-01T00:00:00Z&until=2999-01-01T00:00:00Z") == 9
    assert count("state=&channel=&cursor=") == 9


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("state=gone", "/state/0"),
        ("state=sent&state=x", "/state/1"),
        ("channel=sms", "/channel"),
        ("reason=because", "/reason/0"),
        ("user=%00", "/user"),
        ("user=a%0ab", "/user"),
        ("user=" + "x" * 256, "/user"),
        ("type=%00", "/type/0"),
        ("q=%00", "/q"),
        ("app=app_x", "/app"),
        ("app=%00", "/app"),
        ("event=dlv_" + "0" * 32, "/event"),
        ("since=yesterday", "/since"),
        ("until=2026-02-30T00:00:00Z", "/until"),
        ("since=0001-01-01T00:00:00%2B23:59", "/since"),
        ("cursor=%00", "/cursor"),
        ("cursor=x", "/cursor"),
        ("cursor=" + "A" * 21, "/cursor"),
        ("cursor=" + "A" * 23, "/cursor"),
        ("cursor=%C3%A9", "/cursor"),
        ("cursor=" + "A" * 3_000, "/cursor"),
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=1e400", "/limit"),
        ("limit=" + "9" * 5_000, "/limit"),
        ("colour=blue", "/colour"),
    ],
)
def test_a_filter_that_lies_is_refused_with_its_name(api: Api, query: str, pointer: str):
    assert list(pointers(api.call("GET", f"/v1/deliveries?{query}"))) == [pointer]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=" + "A" * 22,
        "cursor=" + "_" * 22,
        "since=0001-01-01T00:00:00Z",
        "until=0001-01-01T00:00:00Z",
        "until=9999-12-31T23:59:59.999999999Z",
        "since=2999-01-01T00:00:00Z&until=2000-01-01T00:00:00Z",
        "user=%ff",
        "q=evt_" + "0" * 32,
        "q=%25' OR 1=1--".replace(" ", "%20"),
        "type=nope",
        "&".join(f"state={state}" for state in State),
        "&".join(f"reason={reason}" for reason in Reason),
        "&".join(["type=like"] * 300),
        "=",
        "%00=",
        "&&&",
    ],
)
def test_an_odd_filter_that_is_no_lie_is_answered(api: Api, query: str):
    assert api.call("GET", f"/v1/deliveries?{query}").status_code == 200


def test_a_cursor_points_between_entries_and_never_at_other_peoples(api: Api, planned: list[dict[str, Any]]):
    everything = base64.urlsafe_b64encode(b"\xff" * 16).rstrip(b"=").decode()
    found = api.call("GET", f"/v1/deliveries?user={planned[0]['user']}&cursor={everything}").get_json()["data"]
    assert found == planned


def test_one_delivery_is_shown_with_its_attempts(api: Api, planned: list[dict[str, Any]]):
    shown = api.call("GET", f"/v1/deliveries/{planned[0]['id']}").get_json()
    assert shown == planned[0] | {"attempts": [], "retry_of": None, "retried_as": None}


@pytest.mark.parametrize(
    "id", ["dlv_" + "0" * 32, "dlv_x", "evt_" + "0" * 32, "%00", "é", "x" * 3_000, "DLV_" + "0" * 32]
)
def test_a_delivery_that_is_not_there_is_a_404(api: Api, id: str):
    problem_of(api.call("GET", f"/v1/deliveries/{id}"), 404, "not-found")
    problem_of(api.call("POST", f"/v1/deliveries/{id}/retry"), 404, "not-found")
    problem_of(api.call("POST", f"/v1/deliveries/{id}/cancel"), 404, "not-found")


def test_what_is_final_can_be_neither_retried_nor_cancelled(api: Api, planned: list[dict[str, Any]]):
    before = api.counts()
    problem_of(api.call("POST", f"/v1/deliveries/{planned[0]['id']}/retry"), 409, "conflict")
    problem_of(api.call("POST", f"/v1/deliveries/{planned[0]['id']}/cancel"), 409, "conflict")
    assert api.counts() == before


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"state": "sent"}, {"/state": "literal_error"}),
        ({"user": "a\x00"}, {"/user": "invalid"}),
        ({"since": "x"}, {"/since": "invalid"}),
        ({"channel": "sms"}, {"/channel": "invalid"}),
        ({"app": "app_x"}, {"/app": "invalid"}),
        ({"limit": 7}, {"/limit": "unknown_field"}),
        ([], {"": "model_type"}),
    ],
    ids=str,
)
def test_a_wrong_filter_retries_nothing(api: Api, body: Any, expected: dict[str, str]):
    before = api.counts()
    assert pointers(api.call("POST", "/v1/deliveries/retry", body)) == expected
    assert api.counts() == before


def test_a_retry_without_a_filter_must_say_so(api: Api):
    problem_of(api.call("POST", "/v1/deliveries/retry"), 415, "unsupported-media-type")
    problem_of(api.call("POST", "/v1/deliveries/retry", b""), 400, "malformed")


def test_a_long_filter_is_audited_and_answered(api: Api):
    body = {"user": "x" * 255, "type": "y" * 255, "since": "0001-01-01T00:00:00Z"}
    answer = api.call("POST", "/v1/deliveries/retry", body).get_json()
    assert (answer["retried"], answer["done"]) == (0, True)


def test_the_books_have_the_promised_shape_and_balance(api: Api, planned: list[dict[str, Any]]):
    books = api.call("GET", "/v1/books").get_json()
    assert (books["balanced"], books["unaccounted"]) == (True, 0)
    assert books["events"]["accepted"] == books["events"]["planned"] + books["events"]["unplanned"]
    for channel in books["channels"].values():
        parts = ("delivered", "skipped", "failed", "cancelled", "waiting")
        assert channel["accepted"] == sum(channel[part] for part in parts)


def test_the_counts_of_an_event_are_by_state(api: Api, planned: list[dict[str, Any]]):
    shown = api.call("GET", f"/v1/events/{planned[0]['events'][0]}").get_json()
    assert (shown["state"], shown["deliveries"]) == ("planned", {"sent": 1, "skipped": 2})


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/nope", "/v1/events/evt_x", "/v1/%00", "/v1/é", "/v1/" + "x/" * 200]
)
def test_there_is_nothing_elsewhere(api: Api, path: str):
    problem_of(api.call("GET", path), 404, "not-found")


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "PUT", "DELETE", "GET", "FOO"])
def test_a_wrong_method_is_a_problem_that_names_the_right_ones(api: Api, method: str):
    response = api.call(method, "/v1/events")
    problem_of(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "OPTIONS, POST"


def test_head_and_options_are_answered(api: Api):
    head = api.call("HEAD", "/v1/books")
    assert (head.status_code, head.data) == (200, b"")
    assert api.call("HEAD", "/v1/events").status_code == 405
    options = api.call("OPTIONS", "/v1/events", authorization="")
    assert (options.status_code, set(options.headers["Allow"].split(", "))) == (200, {"OPTIONS", "POST"})


def test_every_answer_names_its_request(api: Api):
    ids = {api.call("GET", path).headers["X-Request-Id"] for path in ("/v1/books", "/v1/nope", "/livez", "/nope")}
    assert len(ids) == 4


def test_no_tail_of_an_id_is_cut(api: Api):
    made = api.post(like()).get_json()["id"]
    problem_of(api.call("GET", f"/v1/events/{made}00"), 404, "not-found")
    assert json.loads(api.call("GET", f"/v1/events/{made}").text)["id"] == made


def test_since_and_until_bound_a_page(api: Api, planned: list[dict[str, Any]]):
    user, soon = planned[0]["user"], (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    answer = api.call("GET", f"/v1/deliveries?user={user}&since={soon.replace('+', '%2B')}")
    assert answer.get_json()["data"] == []
