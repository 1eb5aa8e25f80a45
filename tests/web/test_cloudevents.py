"""CloudEvents 1.0, structured and binary: what is ours in them, their key, and what is refused with a pointer."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from notifier.web.cloudevents import key_of
from tests.web.api import Api, like, pointers, problem_of

STRUCTURED = "application/cloudevents+json"
MANDATORY = {"specversion": "1.0", "type": "like.created", "source": "/posts"}


def structured(api: Api, body: Any, type_: str = STRUCTURED, **headers: str) -> TestResponse:
    return api.post(body, content_type=type_, **headers)


def binary(api: Api, attributes: dict[str, str], data: Any = None, **headers: str) -> TestResponse:
    named = {f"ce_{name}": value for name, value in attributes.items()}
    return api.post(like()["data"] if data is None else data, **(named | headers))


def event(id: str, **more: Any) -> dict[str, Any]:
    return MANDATORY | {"id": id, "data": like()["data"]} | more


def stored(api: Api, response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    found: dict[str, Any] = api.call("GET", response.get_json()["links"]["self"]).get_json()
    return found


@pytest.mark.parametrize("type_", [STRUCTURED, "Application/CloudEvents+JSON; charset=UTF-8"])
def test_a_structured_event_is_taken(api: Api, type_: str):
    body = event(f"s-{type_}", time="2026-11-21T11:00:00+01:00", subject="x", datacontenttype="application/json")
    found = stored(api, structured(api, body, type_))
    assert (found["type"], found["occurred_at"]) == ("like.created", "2026-11-21T10:00:00.000Z")


def test_a_binary_event_is_taken(api: Api):
    found = stored(api, binary(api, MANDATORY | {"id": "b-1", "time": "2026-11-21T10:00:00Z", "type": "like"}))
    assert (found["type"], found["occurred_at"]) == ("like.created", "2026-11-21T10:00:00.000Z")


def test_the_same_event_in_either_mode_is_one_event(api: Api):
    first = structured(api, event("both", time="2026-11-21T10:00:00Z")).get_json()
    again = binary(api, MANDATORY | {"id": "both", "time": "2026-11-21T10:00:00Z"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert again.get_json() == first | {"duplicate": True}


def test_source_and_id_together_make_the_key(api: Api):
    first = structured(api, event("k-1")).get_json()
    assert structured(api, event("k-1", source="/others")).get_json()["id"] != first["id"]
    assert structured(api, event("k-2")).get_json()["id"] != first["id"]
    assert structured(api, event("k-1")).get_json() == first | {"duplicate": True}


def test_what_is_not_ours_does_not_make_another_body(api: Api):
    first = structured(api, event("trace", traceparent="00-1")).get_json()
    again = structured(api, event("trace", traceparent="00-2", subject=None, comexamplenumber=5))
    assert again.get_json() == first | {"duplicate": True}
    changed = structured(api, event("trace", data=like(note=1)["data"]))
    problem_of(changed, 422, "idempotency-key-reused")


def test_a_header_of_a_key_does_not_change_the_events_own(api: Api):
    first = structured(api, event("own-key"), idempotency_key="one").get_json()
    assert structured(api, event("own-key"), idempotency_key="two").get_json() == first | {"duplicate": True}


def test_a_plain_key_does_not_meet_an_events_by_accident(api: Api):
    structured(api, event("accident"))
    for key in ("accident", "/posts accident", "/posts/accident"):
        assert not api.post(like(), idempotency_key=key).get_json()["duplicate"]


def test_keys_fit_and_stay_different_however_long_they_are():
    pairs = [
        ("/a", "b c"),
        ("/a b", "c"),
        ("/a", "x" * 248),
        ("/a", "x" * 249),
        ("/a", "x" * 300),
        ("/a", "é"),
        ("/é", ""),
    ]
    keys = [key_of(*pair) for pair in pairs]
    assert len(set(keys)) == len(pairs)
    assert all(1 <= len(key) <= 255 and key.isascii() and key.isprintable() for key in keys)
    assert key_of("/posts", "1") == "ce:/posts 1"


def test_headers_are_decoded_once(api: Api):
    given = structured(api, event('a "b" % ä€😀')).get_json()
    for spelled in (
        quote('a "b" % ä€😀'),
        quote('a "b" % ä€😀').lower(),
        '"a \\"b\\" %25 %C3%A4%E2%82%AC%F0%9F%98%80"',
    ):
        assert binary(api, MANDATORY | {"id": spelled}).get_json() == given | {"duplicate": True}
    twice = binary(api, MANDATORY | {"id": quote(quote('a "b" % ä€😀'))}).get_json()
    assert not twice["duplicate"]


def test_a_header_that_is_no_utf_8_is_refused(api: Api):
    assert pointers(binary(api, MANDATORY | {"id": "%C0%A0"})) == {"/id": "invalid"}


@pytest.mark.parametrize("version", ["0.3", "1", "1.0.2", ""])
def test_another_version_is_refused(api: Api, version: str):
    before = api.counts()
    assert set(pointers(structured(api, event("v", specversion=version)))) == {"/specversion"}
    assert set(pointers(binary(api, MANDATORY | {"id": "v", "specversion": version or "%20"}))) == {"/specversion"}
    assert api.counts() == before


@pytest.mark.parametrize("name", ["specversion", "type", "source", "id"])
def test_what_every_event_must_have_is_missed(api: Api, name: str):
    rest = {key: value for key, value in event("m").items() if key != name}
    assert pointers(structured(api, rest)) == {f"/{name}": "missing"}
    assert pointers(structured(api, rest | {name: ""})).keys() == {f"/{name}"}
    assert pointers(structured(api, rest | {name: None})) == {f"/{name}": "string_type"}
    del rest["data"]
    assert pointers(binary(api, rest)) == {f"/{name}": "missing"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"time": "yesterday"}, {"/time": "invalid"}),
        ({"type": "com.example.like"}, {"/type": "unknown_type"}),
        ({"type": "x" * 65}, {"/type": "string_too_long"}),
        ({"data": "text"}, {"/data": "model_type"}),
        ({"data": None}, {"/data": "model_type"}),
        ({"data": {"actor": {"id": 1}, "object": {"id": "p"}}}, {"/data/actor/id": "string_type"}),
        ({"datacontenttype": "application/xml"}, {"/datacontenttype": "invalid"}),
        ({"data_base64": "e30="}, {"/data_base64": "invalid"}),
    ],
    ids=str,
)
def test_a_wrong_attribute_is_pointed_to(api: Api, more: dict[str, Any], expected: dict[str, str]):
    before = api.counts()
    assert pointers(structured(api, event("w", **more))) == expected
    assert api.counts() == before


@pytest.mark.parametrize("type_", ["text/json", "application/vnd.acme+json", "application/json; charset=utf-8"])
def test_data_may_be_named_any_kind_of_json(api: Api, type_: str):
    assert structured(api, event(f"j-{type_}", datacontenttype=type_)).status_code == 202
    assert binary(api, MANDATORY | {"id": f"bin-{type_}"}, content_type=type_).status_code == 202


def test_data_may_come_in_base64(api: Api):
    encoded = base64.b64encode(json.dumps(like()["data"]).encode()).decode()
    body = {name: value for name, value in event("64").items() if name != "data"}
    first = structured(api, body | {"data_base64": encoded}).get_json()
    assert structured(api, event("64")).get_json() == first | {"duplicate": True}
    for wrong in ("%", "e", 7, base64.b64encode(b"{").decode()):
        assert structured(api, body | {"data_base64": wrong}).status_code in (400, 422)


def test_a_batch_of_cloudevents_is_shown_the_way(api: Api):
    response = structured(api, [event("1")], "application/cloudevents-batch+json")
    assert "/v1/events/batch" in problem_of(response, 415, "unsupported-media-type")["detail"]


def test_another_format_or_another_kind_of_data_is_refused(api: Api):
    problem_of(structured(api, event("f"), "application/cloudevents+avro"), 415, "unsupported-media-type")
    problem_of(binary(api, MANDATORY | {"id": "f"}, content_type="text/xml"), 415, "unsupported-media-type")
    problem_of(binary(api, MANDATORY | {"id": "f"}, b"{"), 400, "malformed")
    problem_of(structured(api, b"{"), 400, "malformed")
    assert pointers(structured(api, [])) == {"": "model_type"}


def test_the_signed_door_takes_plain_events_alone(api: Api):
    response = api.post_signed(event("signed"), content_type=STRUCTURED)
    problem_of(response, 415, "unsupported-media-type")
