"""Which types the doors take: deletions, those that tell nobody, those told to followers, and of lenient apps any."""

from datetime import UTC, datetime
from typing import Any

import pytest

from notifier.store.apps import Apps, Credentials
from tests.web.api import Api, like, pointers

BARE = {"actor": {"id": "ana"}, "object": {"id": "post-7"}}


@pytest.fixture(scope="module")
def lenient(api: Api) -> Credentials:
    with api.parts.database.write() as connection:
        return Apps(connection).create("lenient", datetime.now(UTC), lenient=True)


def type_of(api: Api, response: Any) -> str:
    assert response.status_code == 202, response.text
    found: str = api.call("GET", response.get_json()["links"]["self"]).get_json()["type"]
    return found


@pytest.mark.parametrize(
    ("given", "long"),
    [
        ("like.deleted", "like.deleted"),
        ("unlike", "like.deleted"),
        ("unfollow", "follow.deleted"),
        ("comment.deleted", "comment.deleted"),
        ("post.deleted", "post.deleted"),
        ("block", "block.created"),
        ("block.created", "block.created"),
        ("block.deleted", "block.deleted"),
        ("mute.created", "mute.created"),
        ("mute.deleted", "mute.deleted"),
        ("post", "post.created"),
    ],
)
def test_what_tells_nobody_by_name_names_nobody(api: Api, given: str, long: str):
    assert type_of(api, api.post({"type": given, "data": BARE})) == long


def test_followers_may_be_told_of_any_type(api: Api):
    assert api.post({"type": "mention", "data": BARE | {"followers_of": "ana"}}).status_code == 202
    assert pointers(api.post({"type": "mention", "data": BARE | {"followers_of": ["ana"]}})) == {
        "/data/followers_of": "string_type"
    }
    assert pointers(api.post({"type": "mention", "data": BARE | {"followers_of": ""}})) == {
        "/data/followers_of": "string_too_short"
    }


@pytest.mark.parametrize(
    "type_", ["poke", "poke.deleted", "nope.created", "created", ".deleted", "like.created.deleted"]
)
def test_an_unknown_type_is_refused(api: Api, type_: str):
    assert pointers(api.post({"type": type_, "data": like()["data"]})) == {"/type": "unknown_type"}


@pytest.mark.parametrize(
    ("given", "long"),
    [("poke", "poke.created"), ("poke.created", "poke.created"), ("com.Acme/é", "com.Acme/é"), ("x" * 64, "x" * 64)],
)
def test_of_a_lenient_app_it_is_stored_at_every_door(api: Api, lenient: Credentials, given: str, long: str):
    body = {"type": given, "data": BARE}
    assert type_of(api, api.post(body, key=lenient.key)) == long
    assert type_of(api, api.post_signed(body, app=lenient.app, secret=lenient.secret)) == long
    cloud = {"specversion": "1.0", "id": given, "source": "/x", **body}
    assert type_of(api, api.post(cloud, key=lenient.key, content_type="application/cloudevents+json")) == long
    [result] = api.call("POST", "/v1/events/batch", {"events": [body]}, key=lenient.key).get_json()["results"]
    assert result["id"]


def test_a_lenient_app_is_strict_about_everything_else(api: Api, lenient: Credentials):
    assert pointers(api.post({"type": "po\x00ke", "data": BARE}, key=lenient.key)) == {"/type": "invalid"}
    assert pointers(api.post({"type": "like", "data": BARE}, key=lenient.key)) == {"/data/object/owner": "missing"}
    assert pointers(api.post({"type": "poke", "data": {}}, key=lenient.key)).keys() == {"/data/actor", "/data/object"}
