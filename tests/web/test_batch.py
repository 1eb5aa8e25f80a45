"""Many events at once: one result for each, in order, and a bad one stops no other."""

import json
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.web.api import Api, like, pointers, problem_of

LINES = "application/x-ndjson"


def send(api: Api, items: list[Any], **headers: str) -> list[dict[str, Any]]:
    """The results of a batch that is taken."""
    return results_of(api.call("POST", "/v1/events/batch", {"events": items}, **headers), len(items))


def send_lines(api: Api, *lines: bytes, type_: str = LINES, **headers: str) -> TestResponse:
    return api.call("POST", "/v1/events/batch", b"\n".join(lines), content_type=type_, **headers)


def results_of(response: TestResponse, count: int) -> list[dict[str, Any]]:
    assert response.status_code == 202, response.text
    results: list[dict[str, Any]] = response.get_json()["results"]
    assert [result["index"] for result in results] == list(range(count))
    return results


def refused(api: Api, body: Any, **headers: str) -> TestResponse:
    """The answer to a batch that must store nothing."""
    before = api.counts()
    response = api.call("POST", "/v1/events/batch", body, **headers)
    assert api.counts() == before
    return response


def slug(result: dict[str, Any]) -> str:
    problem = result["problem"]
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"]
    return f"{problem['status']} {problem['type'].removeprefix('/problems/')}"


def test_every_item_is_stored_and_named_in_order(api: Api):
    before = api.counts()["events"]
    results = send(api, [like(actor=f"a{number}") for number in range(450)])
    assert all(result == {"index": result["index"], "id": result["id"], "duplicate": False} for result in results)
    assert len({result["id"] for result in results}) == 450
    assert api.counts()["events"] == before + 450


def test_types_may_be_mixed(api: Api):
    follow = {"type": "follow", "data": {"actor": {"id": "ana"}, "object": {"id": "bob"}}}
    kinds = [like(), follow, like() | {"type": "unlike"}]
    ids = [result["id"] for result in send(api, kinds)]
    types = [api.call("GET", f"/v1/events/{one}").get_json()["type"] for one in ids]
    assert types == ["like.created", "follow.created", "like.deleted"]


def test_a_bad_item_does_not_stop_the_others(api: Api):
    before = api.counts()["events"]
    bad = [7, like() | {"type": "poke"}, like() | {"extra": 1}, like() | {"id": ""}, like() | {"id": "é"}, {}]
    results = send(api, [like(), *bad, like()])
    assert [slug(result) for result in results[1:-1]] == ["422 invalid"] * len(bad)
    pointed = [[error["pointer"] for error in result["problem"]["errors"]] for result in results[1:-1]]
    assert pointed == [[""], ["/type"], ["/extra"], ["/id"], ["/id"], ["/type", "/data"]]
    assert "id" in results[0]
    assert "id" in results[-1]
    assert api.counts()["events"] == before + 2


@pytest.mark.parametrize(
    "value", ["1e400", '"\\ud800"', "[" * 400 + "]" * 400, f'"{"x" * 270_000}"'], ids=lambda v: v[:9]
)
def test_what_cannot_be_kept_fails_its_item_alone(api: Api, value: str):
    odd = json.dumps(like(note="ODD")).replace('"ODD"', value)
    raw = f'{{"events": [{odd}, {json.dumps(like())}]}}'.encode()
    for response in (
        api.call("POST", "/v1/events/batch", raw),
        send_lines(api, odd.encode(), json.dumps(like()).encode()),
    ):
        first, second = results_of(response, 2)
        assert slug(first) in ("400 malformed", "413 too-large")
        assert second["id"]


def test_a_person_named_with_half_a_character_is_refused(api: Api):
    raw = json.dumps({"events": [like(actor="X")]}).replace('"X"', '"\\ud800"').encode()
    [result] = results_of(api.call("POST", "/v1/events/batch", raw), 1)
    assert slug(result) == "422 invalid"


def test_an_item_with_thousands_of_faults_gets_a_short_answer(api: Api):
    response = api.call("POST", "/v1/events/batch", {"events": [like(mentions=[1] * 900)] * 50})
    results_of(response, 50)
    assert len(response.data) < 100_000


@pytest.mark.parametrize("type_", ["application/x-ndjson", "application/jsonl", "application/x-ndjson; charset=utf-8"])
def test_one_event_may_stand_on_each_line(api: Api, type_: str):
    first, second = json.dumps(like(actor="ä")).encode(), json.dumps(like(note="\u2028"), ensure_ascii=False).encode()
    response = send_lines(api, b"", first, b"  \r", second + b"\r", b"", type_=type_)
    assert all(result["id"] for result in results_of(response, 2))


def test_a_line_that_is_no_json_fails_alone(api: Api):
    good = json.dumps(like()).encode()
    results = results_of(send_lines(api, b"{", good, b'"\xff"', b"NaN", good), 5)
    assert [slug(results[number]) for number in (0, 2, 3)] == ["400 malformed"] * 3
    assert results[1]["id"] != results[4]["id"]


def test_an_empty_batch_is_refused(api: Api):
    assert pointers(refused(api, {"events": []})) == {"/events": "too_short"}
    assert pointers(refused(api, b"\n \n", content_type=LINES)) == {"": "too_short"}
    assert pointers(refused(api, b"", content_type=LINES)) == {"": "too_short"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], {"": "model_type"}),
        (None, {"": "model_type"}),
        ({}, {"/events": "missing"}),
        ({"events": {}}, {"/events": "list_type"}),
        ({"events": [like()], "more": 1}, {"/more": "unknown_field"}),
        (like(), {"/events": "missing", "/type": "unknown_field", "/data": "unknown_field"}),
    ],
    ids=str,
)
def test_a_body_that_is_no_batch_is_refused_with_a_pointer(api: Api, body: Any, expected: dict[str, str]):
    assert pointers(refused(api, json.dumps(body).encode())) == expected


def test_a_body_that_is_no_json_is_malformed(api: Api):
    for raw in (b"", b"{", b'{"events":[NaN]}', b"\xff"):
        problem_of(refused(api, raw), 400, "malformed")


def test_a_thousand_items_are_taken_and_one_more_is_too_many(api: Api):
    item = json.dumps(like())
    thousand = ",".join([item] * 1_000)
    assert len(results_of(api.call("POST", "/v1/events/batch", f'{{"events":[{thousand}]}}'.encode()), 1_000)) == 1_000
    problem_of(refused(api, f'{{"events":[{thousand},{item}]}}'.encode()), 413, "too-large")
    lines = [item.encode()] * 1_001
    problem_of(refused(api, b"\n".join(lines), content_type=LINES), 413, "too-large")


def test_four_megabytes_are_taken_and_one_byte_more_is_too_large(api: Api):
    raw = json.dumps({"events": [like()]}).encode()
    full = raw + b" " * (4 * 1024 * 1024 - len(raw))
    results_of(api.call("POST", "/v1/events/batch", full), 1)
    problem_of(refused(api, full + b" "), 413, "too-large")


@pytest.mark.parametrize("type_", ["", "text/plain", "application/cloudevents-batch+json", "application/ndjson+x"])
def test_another_content_type_is_refused(api: Api, type_: str):
    problem_of(refused(api, {"events": [like()]}, content_type=type_), 415, "unsupported-media-type")


def test_a_batch_needs_a_key_of_the_scope_events(api: Api):
    problem_of(refused(api, {"events": [like()]}, authorization=""), 401, "unauthorized")
    lacks = api.make_app("people", "log", "operate")
    problem_of(refused(api, {"events": [like()]}, key=lacks.key), 403, "forbidden")


def test_an_items_id_is_its_idempotency_key_at_every_door(api: Api):
    [first] = send(api, [like() | {"id": "item-1"}])
    [again] = send(api, [{"id": "item-1", **like()}])
    assert again == first | {"duplicate": True}
    for response in (api.post(like(), idempotency_key="item-1"), api.post_signed(like(), key="item-1")):
        assert (response.get_json()["id"], response.get_json()["duplicate"]) == (first["id"], True)
    posted = api.post(like(), idempotency_key="item-2").get_json()["id"]
    assert send(api, [like() | {"id": "item-2"}]) == [{"index": 0, "id": posted, "duplicate": True}]


def test_a_key_that_comes_again_with_another_body_fails_its_item_alone(api: Api):
    send(api, [like() | {"id": "item-3"}])
    results = send(api, [like(note=1) | {"id": "item-3"}, like(), like() | {"id": "item-3"}])
    assert slug(results[0]) == "422 idempotency-key-reused"
    assert [result.get("duplicate") for result in results[1:]] == [False, True]


def test_within_one_batch_the_first_of_a_key_counts(api: Api):
    before = api.counts()["events"]
    same, other = like() | {"id": "twice"}, like(note=1) | {"id": "twice"}
    results = send(api, [same, other, same, *[like()] * 250, same])
    assert [results[number].get("duplicate") for number in (0, 2, -1)] == [False, True, True]
    assert len({results[number]["id"] for number in (0, 2, -1)}) == 1
    assert slug(results[1]) == "422 idempotency-key-reused"
    assert api.counts()["events"] == before + 251


def test_a_key_of_the_whole_batch_makes_it_safe_to_send_again(api: Api):
    items = [like(actor="a"), like(actor="b") | {"id": "own"}, 7, like(actor="c")]
    first = send(api, items, idempotency_key="batch-1")
    again = send(api, items, idempotency_key="batch-1")
    assert [result.get("duplicate") for result in first] == [False, False, None, False]
    assert [result.get("duplicate") for result in again] == [True, True, None, True]
    assert [result.get("id") for result in again] == [result.get("id") for result in first]
    assert api.post(like(actor="c"), idempotency_key="batch-1/3").get_json()["id"] == first[3]["id"]


@pytest.mark.parametrize("key", ["x" * 252, "é"])
def test_a_key_that_no_item_could_have_is_refused(api: Api, key: str):
    problem_of(refused(api, {"events": [like()]}, idempotency_key=key), 400, "malformed")


def test_items_without_a_key_are_never_the_same(api: Api):
    ids = [result["id"] for result in send(api, [like(), like() | {"id": None}])]
    assert len(set(ids)) == 2


def test_a_plan_is_asked_for_each_new_item_and_for_no_duplicate(api: Api, monkeypatch: pytest.MonkeyPatch):
    rung: list[str] = []
    listening = replace(api.server.extensions["notifier"], nudge=lambda events, _queue: rung.extend(events))
    monkeypatch.setitem(api.server.extensions, "notifier", listening)
    results = send(api, [like(), like() | {"id": "rung"}, 7, like() | {"id": "rung"}])
    assert rung == [results[0]["id"], results[1]["id"]]
