"""Taking events in: every answer of the two doors, and that a refusal stores nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifier.policy.catalogue import Catalogue
from notifier.store.apps import Apps
from tests.stack import eventually
from tests.web.api import Api, like, pointers, problem_of

DATA = like()["data"]


def event(**changes: Any) -> dict[str, Any]:
    """A like whose data differs in these fields; None leaves a field out."""
    data = {name: value for name, value in (DATA | changes).items() if value is not None}
    return {"type": "like.created", "data": data}


def refused(api: Api, body: Any, **headers: str) -> Any:
    """The answer to a post that must store nothing."""
    before = api.counts()
    response = api.post(body, **headers)
    assert api.counts() == before
    return response


def test_an_accepted_event_is_stored_and_named(api: Api):
    before = api.counts()["events"]
    response = api.post(like())
    body = response.get_json()
    assert response.status_code == 202
    assert body["duplicate"] is False
    assert body["id"].startswith("evt_")
    assert response.headers["Location"] == f"/v1/events/{body['id']}" == body["links"]["self"]
    assert "Idempotency-Replayed" not in response.headers
    assert api.counts()["events"] == before + 1


def test_an_accepted_event_can_be_asked_for(api: Api):
    sent = event() | {"timestamp": "2026-11-21T11:00:00.5+01:00"}
    made = api.post(sent).get_json()
    shown = api.call("GET", made["links"]["self"]).get_json()
    assert {name: shown[name] for name in ("id", "type", "app", "state", "occurred_at", "deliveries")} == {
        "id": made["id"],
        "type": "like.created",
        "app": api.app.app,
        "state": "accepted",
        "occurred_at": "2026-11-21T10:00:00.500Z",
        "deliveries": {},
    }
    assert shown["accepted_at"].endswith("Z")
    assert api.call("GET", shown["links"]["deliveries"]).status_code == 200


def test_the_short_form_of_a_type_is_the_same_type(api: Api):
    made = api.post(like() | {"type": "like"}).get_json()
    assert api.call("GET", made["links"]["self"]).get_json()["type"] == "like.created"


def test_fields_of_data_that_we_do_not_know_are_kept(api: Api):
    assert api.post(event(mood="sunny", object={**DATA["object"], "colour": "blue"})).status_code == 202


@pytest.mark.parametrize(
    "again",
    [
        '{"type":"like.created","data":{"actor":{"id":"\\u0061na"},"object":{"owner":"bob","id":"p","n":1,"x":100}}}',
        ' {"data":{"object": {"x":1e2,"n":1.0, "id":"p","owner":"bob"},\n"actor":{"id":"ana"}}, "type":"like.created"}',
    ],
)
def test_the_same_json_value_in_another_spelling_is_a_duplicate(api: Api, again: str):
    first = '{"type":"like.created","data":{"actor":{"id":"ana"},"object":{"id":"p","owner":"bob","n":1,"x":100}}}'
    key = f"spelling-{hash(again)}"
    made = api.post(first.encode(), idempotency_key=key).get_json()
    before = api.counts()
    response = api.post(again.encode(), idempotency_key=key)
    assert (response.status_code, response.headers["Idempotency-Replayed"]) == (202, "true")
    assert response.get_json() == made | {"duplicate": True}
    assert api.counts() == before


@pytest.mark.parametrize("other", [event(note="2"), event(note=True), event(note=[1]), event(note="1 ")])
def test_another_body_under_the_same_key_is_refused(api: Api, other: dict[str, Any]):
    key = f"reused-{other['data']['note']}"
    assert api.post(event(note="1"), idempotency_key=key).status_code == 202
    problem_of(refused(api, other, idempotency_key=key), 422, "idempotency-key-reused")


def test_true_is_not_one(api: Api):
    assert api.post(event(note=1), idempotency_key="bool").status_code == 202
    problem_of(refused(api, event(note=True), idempotency_key="bool"), 422, "idempotency-key-reused")


def test_both_doors_share_one_name_space_of_keys(api: Api):
    first = api.post(like(), idempotency_key="door").get_json()
    again = api.post_signed(like(), key="door").get_json()
    assert again == first | {"duplicate": True}


def test_each_app_has_its_own_name_space_of_keys(api: Api):
    other = api.make_app("events")
    first = api.post(like(), idempotency_key="mine").get_json()
    second = api.post(like(), key=other.key, idempotency_key="mine").get_json()
    assert not second["duplicate"]
    assert second["id"] != first["id"]


def test_events_without_a_key_are_never_the_same(api: Api):
    assert api.post(like()).get_json()["id"] != api.post(like()).get_json()["id"]


def test_many_at_once_with_the_same_key_are_one_event(api: Api):
    before = api.counts()["events"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post(like(), idempotency_key="race").get_json(), range(24)))
    assert len({answer["id"] for answer in answers}) == 1
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 23
    assert api.counts()["events"] == before + 1


@pytest.mark.parametrize("key", ["x" * 256, "é", "tab\there"])
def test_a_key_that_is_no_key_is_refused(api: Api, key: str):
    problem_of(refused(api, like(), idempotency_key=key), 400, "malformed")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b'{"type":"like\xff"}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\\ud800"}',
        b'{"a":01}',
        b"{'a':1}",
        b"{} {}",
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":"line\nbreak"}',
    ],
    ids=lambda raw: repr(raw[:16]),
)
def test_what_is_no_json_is_malformed(api: Api, raw: bytes):
    problem_of(refused(api, raw), 400, "malformed")


def test_a_number_that_nothing_can_hold_is_malformed(api: Api):
    raw = json.dumps(event(size="BIG")).replace('"BIG"', "1e400").encode()
    problem_of(refused(api, raw), 400, "malformed")


@pytest.mark.parametrize("value", [10**400, 1e308, -0.0, 5e-324, "\x00", "x" * 70_000, [[]] * 100, {"": {"": None}}])
def test_odd_values_in_data_are_kept(api: Api, value: Any):
    assert api.post(event(odd=value)).status_code == 202


def test_of_a_name_that_stands_twice_the_last_one_counts(api: Api):
    raw = b'{"type":"nope","type":"like.created","data":{"actor":{"id":1},"actor":{"id":"a"},"object":%s}}'
    assert api.post(raw % json.dumps(DATA["object"]).encode()).status_code == 202


@pytest.mark.parametrize("raw", [b"null", b"[]", b"1", b'"x"', b"true"])
def test_a_body_that_is_no_object_is_invalid(api: Api, raw: bytes):
    assert pointers(refused(api, raw)) == {"": "model_type"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"/type": "missing", "/data": "missing"}),
        ({"type": "like.created"}, {"/data": "missing"}),
        (like() | {"type": ""}, {"/type": "string_too_short"}),
        (like() | {"type": 7}, {"/type": "string_type"}),
        (like() | {"extra": 1}, {"/extra": "unknown_field"}),
        (like() | {"a/b~c": 1}, {"/a~1b~0c": "unknown_field"}),
        (like() | {"data": []}, {"/data": "model_type"}),
        (like() | {"timestamp": 1}, {"/timestamp": "invalid"}),
        (like() | {"timestamp": "2026-11-21"}, {"/timestamp": "invalid"}),
        (like() | {"timestamp": "2026-11-21T10:00:00"}, {"/timestamp": "invalid"}),
        (like() | {"timestamp": "2026-02-30T10:00:00Z"}, {"/timestamp": "invalid"}),
        (like() | {"timestamp": "0001-01-01T00:00:00+01:00"}, {"/timestamp": "invalid"}),
        (like() | {"timestamp": "٢٠٢٦-11-21T10:00:00Z"}, {"/timestamp": "invalid"}),
        (event(actor=None), {"/data/actor": "missing"}),
        (event(object=None), {"/data/object": "missing"}),
        (event(actor={}), {"/data/actor/id": "missing"}),
        (event(actor={"id": ""}), {"/data/actor/id": "string_too_short"}),
        (event(actor={"id": "x" * 256}), {"/data/actor/id": "string_too_long"}),
        (event(actor={"id": 7}), {"/data/actor/id": "string_type"}),
        (event(actor={"id": "a\x00b"}), {"/data/actor/id": "invalid"}),
        (event(actor={"id": "a\nb"}), {"/data/actor/id": "invalid"}),
        (event(actor={"id": "a\x85b"}), {"/data/actor/id": "invalid"}),
        (event(actor={"id": "a", "name": "x" * 513}), {"/data/actor/name": "string_too_long"}),
        (event(actor={"id": "a", "url": "javascript:alert(1)"}), {"/data/actor/url": "invalid"}),
        (event(actor={"id": "a", "avatar": "https://"}), {"/data/actor/avatar": "invalid"}),
        (event(actor={"id": "a", "url": " https://a.example"}), {"/data/actor/url": "invalid"}),
        (event(actor={"id": "a", "url": "https://a\n.example"}), {"/data/actor/url": "invalid"}),
        (event(object=DATA["object"] | {"content": "x" * 65_537}), {"/data/object/content": "string_too_long"}),
        (event(mentions="dan"), {"/data/mentions": "list_type"}),
        (event(mentions=["dan", 7]), {"/data/mentions/1": "string_type"}),
        (event(to=["eve", "a\x1b"]), {"/data/to/1": "invalid"}),
        (event(actor={"id": 1}, object={}), {"/data/actor/id": "string_type", "/data/object/id": "missing"}),
        (event(object={"id": "p"}), {"/data/object/owner": "missing"}),
        (event(object={"id": "p"}, to=[]), {"/data/object/owner": "missing"}),
        (like() | {"type": "poke.created"}, {"/type": "unknown_type"}),
        (like() | {"type": "like.created.created"}, {"/type": "unknown_type"}),
        (like() | {"type": "lik\x00e"}, {"/type": "unknown_type"}),
        (like() | {"type": "mention"}, {"/data/to": "missing"}),
        (like() | {"type": "comment"}, {"/data/target/owner": "missing"}),
    ],
    ids=str,
)
def test_an_invalid_event_is_refused_with_a_pointer_to_each_fault(
    api: Api, body: dict[str, Any], expected: dict[str, str]
):
    assert pointers(refused(api, body)) == expected


def test_a_body_with_thousands_of_faults_gets_a_short_answer(api: Api):
    response = refused(api, event(mentions=[1] * 60_000))
    assert problem_of(response, 422, "invalid")["detail"].startswith("60000 fields are wrong")
    assert len(response.data) < 32_000


def test_a_refusal_does_not_repeat_what_was_given(api: Api):
    secret = "hunter2"
    for body in (event(actor={"id": [secret]}), event(actor={"id": "a", "url": f"http://[{secret}"})):
        assert secret not in refused(api, body).text


@pytest.mark.parametrize("type_", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml", "a/b/c"])
def test_another_content_type_is_refused(api: Api, type_: str):
    problem_of(refused(api, json.dumps(like()).encode(), content_type=type_), 415, "unsupported-media-type")


def test_a_charset_in_the_content_type_changes_nothing(api: Api):
    assert api.post(like(), content_type="application/json; charset=latin-1").status_code == 202


@pytest.mark.parametrize("size", [256 * 1024 + 1, 5 * 1024 * 1024])
def test_a_body_over_the_limit_is_refused_at_both_doors(api: Api, size: int):
    problem_of(refused(api, b"x" * size), 413, "too-large")
    problem_of(api.post_signed(b"x" * size), 413, "too-large")


def test_a_body_of_exactly_the_limit_is_read(api: Api):
    bare = len(json.dumps(event(x="")))
    assert api.post(event(x="x" * (256 * 1024 - bare))).status_code == 202


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Bearer nk_wrong", "Basic eDp5", "nk_x", "Bearer é", "B" * 9_000]
)
def test_without_a_live_key_there_is_no_way_in(api: Api, given: str):
    response = refused(api, like(), authorization=given)
    assert problem_of(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("events", "POST", "/v1/events"),
        ("events", "POST", "/v1/events/batch"),
        ("log", "GET", "/v1/deliveries"),
        ("log", "GET", "/v1/books"),
        ("log", "GET", "/v1/changes"),
        ("people", "PUT", "/v1/users/bob"),
        ("operate", "POST", "/v1/deliveries/retry"),
    ],
)
def test_a_key_opens_only_what_its_scopes_name(api: Api, scope: str, method: str, path: str):
    lacks = api.make_app(*{"events", "people", "log", "operate"} - {scope})
    before = api.counts()
    problem_of(api.call(method, path, None if method == "GET" else {}, key=lacks.key), 403, "forbidden")
    assert api.counts() == before


def test_a_revoked_app_is_out_within_moments(api: Api):
    ended = api.make_app("events")
    assert api.post(like(), key=ended.key).status_code == 202
    signed = {"app": ended.app, "secret": ended.secret}
    assert api.post_signed(like(), **signed).status_code == 202
    with api.parts.database.write() as connection:
        Apps(connection).revoke(ended.app, datetime.now(UTC))
    eventually(lambda: api.post(like(), key=ended.key).status_code == 401, within=5)
    eventually(lambda: api.post_signed(like(), **signed).status_code == 401, within=5)


def test_both_secrets_live_during_a_rotation_and_the_new_one_at_once(api: Api):
    assert api.post_signed(like()).status_code == 202
    fresh = api.rotate(timedelta(hours=24))
    assert api.post_signed(like(), secret=fresh).status_code == 202
    assert api.post_signed(like(), secret=api.app.secret).status_code == 202


def test_the_old_secret_ends_with_the_overlap(api: Api):
    app = api.make_app("events")
    with api.parts.database.write() as connection:
        fresh = Apps(connection).rotate(app.app, overlap=timedelta(0), now=datetime.now(UTC))
    assert fresh
    assert api.post_signed(like(), app=app.app, secret=app.secret).status_code == 401
    assert api.post_signed(like(), app=app.app, secret=fresh).status_code == 202


def test_everybody_named_in_the_catalogue_can_be_posted_to_by_the_types_of_apps(api: Api):
    catalogue: Catalogue = api.parts.catalogue
    for kind in catalogue.kinds.values():
        expected = 422 if kind.service else 202
        assert api.post({"type": kind.name, "data": DATA | {"to": ["eve"]}}).status_code == expected
