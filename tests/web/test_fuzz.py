"""Bodies, headers, paths and queries that nobody would think of: never a 500, and nothing stored on a refusal."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import quote, quote_from_bytes

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.api import Api, like

FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["type", "data", "timestamp", "id", "actor", "object", "target", "owner", "to", "mentions"])
# Close to right, so that the later checks and the store are reached too.
NEARLY = st.fixed_dictionaries(
    {"type": st.sampled_from(["like", "like.created", "comment", "mention", "follow"]) | JSON},
    optional={
        "timestamp": st.datetimes().map(lambda at: f"{at.isoformat()}Z") | JSON,
        "data": st.fixed_dictionaries(
            {
                "actor": st.fixed_dictionaries({"id": st.text(max_size=260) | JSON}, optional={"url": JSON, "x": JSON}),
                "object": st.fixed_dictionaries({"id": st.text(max_size=9)}, optional={"owner": st.text() | JSON}),
            },
            optional={"to": st.lists(st.text()) | JSON, "mentions": JSON, "target": JSON, "x": JSON},
        )
        | JSON,
    },
)
PERSON = st.dictionaries(st.sampled_from(["id", "email", "name", "locale", "timezone", "x"]), st.text() | JSON)
CHOICES = st.fixed_dictionaries(
    {
        "types": st.dictionaries(
            st.sampled_from(["like", "comment.created"]) | st.text(max_size=4),
            st.dictionaries(st.sampled_from(["email", "push", "feed"]) | st.text(max_size=4), st.text() | JSON) | JSON,
        )
        | JSON
    },
    optional={
        "digest": st.dictionaries(st.sampled_from(["time", "weekday"]), st.text() | JSON) | JSON,
        "quiet_hours": st.dictionaries(st.sampled_from(["start", "end"]), st.text() | JSON) | JSON,
        "cap_per_hour": st.dictionaries(st.sampled_from(["email", "push"]), st.integers() | JSON) | JSON,
    },
)
DEVICE = st.fixed_dictionaries({"endpoint": st.text() | JSON, "keys": JSON | st.dictionaries(st.text(), JSON)})
ATTRIBUTES = st.sampled_from(["specversion", "type", "id", "source", "time", "data", "data_base64", "datacontenttype"])
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80)


def answered(api: Api, method: str, path: str, raw: bytes | None = None, **headers: str) -> None:
    """The call is answered, and a refusal stores nothing."""
    before = api.counts()
    response = api.call(method, path, raw, **headers)
    assert response.status_code < 500, (method, path, raw, response.text)
    if response.status_code >= 400:
        assert api.counts() == before
        assert response.content_type == "application/problem+json"


def octets(value: Any) -> bytes:
    return json.dumps(value).encode()


@FEW
@given(body=st.binary() | JSON.map(octets) | NEARLY.map(octets))
def test_any_body_is_answered_at_both_doors(api: Api, body: bytes):
    answered(api, "POST", "/v1/events", body)
    before = api.counts()
    response = api.post_signed(body)
    assert response.status_code < 500, body
    assert response.status_code == 202 or api.counts() == before


@FEW
@given(items=st.lists(NEARLY | st.dictionaries(NAMES, JSON) | JSON, max_size=5), tail=st.binary(max_size=3))
def test_any_batch_is_answered_with_a_result_for_each(api: Api, items: list[Any], tail: bytes):
    answered(api, "POST", "/v1/events/batch", octets({"events": items}) + tail)
    answered(api, "POST", "/v1/events/batch", octets(items) + tail)
    lines = b"\n".join([tail, *map(octets, items), b"{}"])
    response = api.call("POST", "/v1/events/batch", lines, content_type="application/x-ndjson")
    assert response.status_code == 202
    assert len(response.get_json()["results"]) == sum(1 for line in lines.split(b"\n") if line.strip())


@FEW
@given(body=st.dictionaries(ATTRIBUTES, JSON | st.sampled_from(["1.0", "like"])), type_=HEADER)
def test_any_cloudevent_is_answered(api: Api, body: dict[str, Any], type_: str):
    whole = {"specversion": "1.0", "type": "like", "id": "1", "source": "/"} | like() | body
    answered(api, "POST", "/v1/events", octets(whole), content_type="application/cloudevents+json")
    answered(api, "POST", "/v1/events", octets(body), content_type=f"application/cloudevents{type_}")
    answered(api, "POST", "/v1/events", octets(whole["data"]), ce_specversion="1.0", ce_id=type_, ce_source=type_)


@FEW
@given(after=st.text(max_size=60) | st.binary(max_size=40).map(lambda octets: urlsafe_b64encode(octets).decode()))
def test_any_cursor_of_changes_is_answered(api: Api, after: str):
    answered(api, "GET", f"/v1/changes?after={quote(after, errors='replace')}")


@FEW
@given(place=NAMES, value=JSON, tail=st.binary(max_size=3))
def test_any_value_in_any_place_is_answered(api: Api, place: str, value: Any, tail: bytes):
    body = like()
    for part in (body, body["data"], body["data"]["actor"], body["data"]["object"]):
        answered(api, "POST", "/v1/events", octets(body | {place: value}) + tail)
        part[place] = value
        answered(api, "POST", "/v1/events", octets(body))
        body = like()


@FEW
@given(body=PERSON.map(octets) | CHOICES.map(octets) | DEVICE.map(octets) | st.binary())
def test_any_body_about_people_is_answered(api: Api, body: bytes):
    answered(api, "PUT", "/v1/users/fuzz", body)
    answered(api, "PUT", "/v1/users/fuzz/preferences", body)
    answered(api, "PUT", "/v1/users/batch", body)
    answered(api, "PUT", "/v1/users/batch", b'{"users": [%s]}' % body)
    answered(api, "POST", "/v1/users/fuzz/push-subscriptions", body)
    answered(api, "POST", "/v1/users/fuzz/feed/read", body)
    answered(api, "POST", "/v1/users/fuzz/feed/seen", body)
    answered(api, "POST", "/v1/users/fuzz/token", body)
    answered(api, "POST", "/v1/deliveries/retry", body)


@FEW
@given(
    id=st.text(max_size=300).map(lambda text: quote(text, safe="", errors="replace"))
    | st.binary().map(quote_from_bytes)
)
def test_any_path_is_answered(api: Api, id: str):
    for method, path in (
        ("GET", "users"),
        ("PUT", "users"),
        ("GET", "events"),
        ("POST", "hooks"),
        ("GET", "deliveries"),
        ("PUT", "users/fuzz/mutes"),
        ("PUT", "users/fuzz/mutes/actor:"),
        ("PUT", "users/fuzz/blocks"),
        ("DELETE", "users/fuzz/mutes"),
    ):
        answered(api, method, f"/v1/{path}/{id}", b"{}")


@FEW
@given(
    query=st.dictionaries(
        st.sampled_from(
            ["state", "channel", "type", "user", "app", "reason", "since", "until", "q", "cursor", "limit"]
        ),
        st.text(max_size=300) | st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
        max_size=4,
    )
)
def test_any_query_is_answered(api: Api, query: dict[str, str]):
    answered(
        api,
        "GET",
        "/v1/deliveries?" + "&".join(f"{name}={quote(value, errors='replace')}" for name, value in query.items()),
    )


@FEW
@given(
    cursor=st.binary(max_size=60).map(lambda octets: urlsafe_b64encode(octets).decode())
    | st.integers().map(lambda number: urlsafe_b64encode(f"{number} ntf_{'0' * 32}".encode()).decode()),
    mark=HEADER,
    token=st.text(max_size=60).map(lambda text: quote(f"nt_{text}", safe="", errors="replace")),
)
def test_any_place_in_a_feed_is_answered(api: Api, cursor: str, mark: str, token: str):
    answered(api, "GET", f"/v1/users/fuzz/feed?cursor={quote(cursor)}")
    answered(api, "GET", f"/v1/users/fuzz/feed/stream?token={token}", authorization="")
    assert api.call("HEAD", "/v1/users/fuzz/feed/stream", last_event_id=mark).status_code == 200


@FEW
@given(headers=st.dictionaries(
    st.sampled_from([
        "authorization", "webhook_id", "webhook_timestamp", "webhook_signature", "content_type", "idempotency_key",
        "ce_specversion", "ce_type", "ce_id", "ce_source", "ce_time",
    ]),
    HEADER,
))  # fmt: skip
def test_any_headers_are_answered(api: Api, headers: dict[str, str]):
    answered(api, "POST", "/v1/events", octets(like()), **headers)
    answered(api, "POST", f"/v1/hooks/{api.app.app}", octets(like()), **headers)
    answered(api, "POST", "/v1/events/batch", octets({"events": [like()]}), **headers)


@FEW
@given(
    token=st.text(max_size=60).map(lambda text: quote(text, safe="", errors="replace")), form=st.binary(max_size=200)
)
def test_any_link_is_answered(api: Api, token: str, form: bytes):
    before = api.counts()
    for type_ in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert api.call("POST", f"/u/{token}", form, content_type=type_).status_code < 500
    assert api.call("GET", f"/u/{token}").status_code < 500
    assert api.counts() == before
