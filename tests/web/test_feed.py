"""The feed over the API: its shape, pages, reading and seeing, a person's token, and pages of other origins."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from notifier.policy.tokens import PersonToken, make_person_token
from tests.web.api import Api, make_parts, pointers, problem_of

ITEM = {
    "id", "type", "text", "lang", "actors", "count", "event_count", "object", "url", "image",
    "updated_at", "seen_at", "read_at",
}  # fmt: skip
ORIGIN = "https://app.example"


@pytest.fixture
def bob(api: Api) -> str:
    """The path of a new person."""
    return person(api)


def person(api: Api, **profile: Any) -> str:
    path = f"/v1/users/bob-{uuid.uuid4().hex}"
    assert api.call("PUT", path, profile).status_code == 200
    return path


def planned(api: Api, body: Any) -> str:
    event: str = api.post(body).get_json()["id"]
    list(api.parts.steps.planner.plan([event]))
    return event


def liked(api: Api, whose: str, actor: str = "ana", thing: str = "post-7", **more: Any) -> None:
    object_ = {"id": thing, "type": "post", "name": "Sunset", "owner": whose.rpartition("/")[2]}
    data = {"actor": {"id": actor, "name": actor.title()}, "object": object_ | more}
    planned(api, {"type": "like", "data": data})


def feed(api: Api, whose: str, query: str = "") -> Any:
    response = api.call("GET", f"{whose}/feed?{query}")
    assert response.status_code == 200, response.text
    return response.get_json()


def token(api: Api, whose: str, **body: Any) -> str:
    made: str = api.call("POST", f"{whose}/token", body or None).get_json()["token"]
    return made


def test_an_item_has_the_promised_shape_and_names_its_people(api: Api, bob: str):
    for actor in ("ana", "ben", "cara"):
        liked(api, bob, actor, url="https://app.example/p/7", image="https://app.example/7.jpg")
    body = feed(api, bob)
    assert set(body) == {"data", "unread", "next_cursor", "last_event_id"}
    [item] = body["data"]
    assert set(item) == ITEM
    assert item | {"id": "", "updated_at": ""} == {
        "id": "", "type": "like.created", "text": "Cara, Ben and 1 other liked your post: Sunset", "lang": "en",
        "actors": [{"id": who, "name": who.title(), "avatar": None, "url": None} for who in ("cara", "ben", "ana")],
        "count": 3, "event_count": 3,
        "object": {"id": "post-7", "type": "post", "name": "Sunset", "url": "https://app.example/p/7",
                   "image": "https://app.example/7.jpg"},
        "url": "https://app.example/p/7", "image": "https://app.example/7.jpg",
        "updated_at": "", "seen_at": None, "read_at": None,
    }  # fmt: skip
    assert re.fullmatch(r"ntf_[0-9a-f]{32}", item["id"])
    assert item["updated_at"].endswith("Z")
    assert body["unread"] == 1


def test_of_many_the_newest_five_are_named_and_all_are_counted(api: Api, bob: str):
    for number in range(12):
        liked(api, bob, f"u{number}")
    [item] = feed(api, bob)["data"]
    assert [actor["id"] for actor in item["actors"]] == ["u11", "u10", "u9", "u8", "u7"]
    assert (item["count"], item["event_count"]) == (12, 12)


def test_the_text_is_in_the_persons_language(api: Api):
    bob = person(api, locale="de")
    liked(api, bob)
    [item] = feed(api, bob)["data"]
    assert (item["lang"], item["text"]) == ("de", item["text"])
    assert "Sunset" in item["text"]
    assert "liked" not in item["text"]


def test_a_person_whom_nobody_knows_has_an_empty_feed(api: Api):
    body = feed(api, "/v1/users/nobody-at-all")
    assert (body["data"], body["unread"], body["next_cursor"]) == ([], 0, None)


def test_pages_follow_the_link(api: Api, bob: str):
    for number in range(5):
        liked(api, bob, thing=f"p{number}")
    found: list[str] = []
    path = f"{bob}/feed?limit=2"
    while path:
        answer = api.call("GET", path)
        found += [item["object"]["id"] for item in answer.get_json()["data"]]
        assert answer.get_json()["unread"] == 5
        path = (re.findall("<(.+)>", answer.headers.get("Link", "")) or [""])[0]
    assert found == ["p4", "p3", "p2", "p1", "p0"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=MSBudGZfeA", "page=2"])
def test_a_wrong_page_is_refused(api: Api, bob: str, query: str):
    assert list(pointers(api.call("GET", f"{bob}/feed?{query}"))) == [f"/{query.partition('=')[0]}"]


def test_what_was_read_stays_and_counts_no_more(api: Api):
    bob = person(api, email="bob@app.example")
    liked(api, bob, thing="p1")
    liked(api, bob, thing="p2")
    first = feed(api, bob)["data"][0]
    for read in (1, 0):
        answer = api.call("POST", f"{bob}/feed/read", {"ids": [first["id"]]}).get_json()
        assert answer == {"unread": 1, "read": read}
    assert [bool(item["read_at"]) for item in feed(api, bob)["data"]] == [True, False]
    assert api.call("GET", f"/v1/deliveries?user={bob.rpartition('/')[2]}&reason=read").get_json()["data"]


def test_the_time_that_an_item_tells_reads_it_and_all_below(api: Api, bob: str):
    for number in range(3):
        liked(api, bob, thing=f"p{number}")
    middle = feed(api, bob)["data"][1]
    answer = api.call("POST", f"{bob}/feed/read", {"before": middle["updated_at"]}).get_json()
    assert answer == {"unread": 1, "read": 2}


def test_what_was_seen_stays_unread_and_is_unseen_when_news_joins(api: Api, bob: str):
    liked(api, bob)
    assert api.call("POST", f"{bob}/feed/seen", {"before": "2100-01-01T00:00:00Z"}).get_json() == {
        "unread": 1,
        "seen": 1,
    }
    assert feed(api, bob)["data"][0]["seen_at"]
    liked(api, bob, "ben")
    [item] = feed(api, bob)["data"]
    assert (item["seen_at"], item["count"]) == (None, 2)


@pytest.mark.parametrize("before", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_the_ends_of_time_are_moments_too(api: Api, bob: str, before: str):
    liked(api, bob)
    assert api.call("POST", f"{bob}/feed/read", {"before": before}).get_json()["read"] == int(before > "2026")


@pytest.mark.parametrize("act", ["read", "seen"])
@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"": "invalid"}),
        ({"ids": ["ntf_" + "0" * 32], "before": "2026-11-21T10:00:00Z"}, {"": "invalid"}),
        ({"ids": []}, {"/ids": "too_short"}),
        ({"ids": ["ntf_" + "0" * 32] * 201}, {"/ids": "too_long"}),
        ({"ids": ["ntf_" + "0" * 32, "evt_" + "0" * 32]}, {"/ids/1": "invalid"}),
        ({"ids": [7]}, {"/ids/0": "string_type"}),
        ({"before": "yesterday"}, {"/before": "invalid"}),
        ({"before": "2026-11-21T10:00:00"}, {"/before": "invalid"}),
        ({"all": True}, {"/all": "unknown_field"}),
    ],
)
def test_a_wrong_mark_is_refused(api: Api, bob: str, act: str, body: Any, faults: dict[str, str]):
    assert faults.items() <= pointers(api.call("POST", f"{bob}/feed/{act}", body)).items()


def test_a_template_that_fails_takes_only_its_own_words_away(tmp_path: Path):
    (tmp_path / "own").mkdir()
    broken = "{% block sentence %}{{ event.data.count + 1 }} times{% endblock %}"
    (tmp_path / "own" / "like.jinja").write_text(broken)
    made = Api(make_parts(tmp_path / "data", TEMPLATES_DIR=tmp_path / "own")).migrate()
    bob = person(made)
    liked(made, bob)
    [item] = feed(made, bob)["data"]
    assert item["text"] == "Ana liked your post: Sunset"
    made.parts.database.close()


def test_a_token_lives_for_an_hour_or_as_long_as_is_asked(api: Api, bob: str):
    for body, seconds in ((None, 3600), ({}, 3600), ({"ttl_seconds": 60}, 60), ({"ttl_seconds": 86400}, 86400)):
        answer = api.call("POST", f"{bob}/token", body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        left = datetime.fromisoformat(answer.get_json()["expires_at"]) - datetime.now(UTC)
        assert timedelta(seconds=seconds - 10) < left <= timedelta(seconds=seconds)


@pytest.mark.parametrize("ttl", [59, 86_401, "60", None])
def test_a_token_for_ever_is_refused(api: Api, bob: str, ttl: object):
    assert list(pointers(api.call("POST", f"{bob}/token", {"ttl_seconds": ttl}))) == ["/ttl_seconds"]


@pytest.mark.parametrize("id", ["böb/ö ?#", "x" * 255, "😀" * 255])
def test_a_token_opens_its_persons_own_things_whatever_their_id(api: Api, id: str):
    bob = f"/v1/users/{quote(id, safe='')}"
    key = token(api, bob)
    for method, path, body in (
        ("GET", "feed", None),
        ("POST", "feed/read", {"before": "2026-11-21T10:00:00Z"}),
        ("GET", "preferences", None),
        ("PUT", "preferences", {"types": {"like": {"push": "off"}}}),
        ("PUT", "mutes/actor:eve", None),
        ("PUT", "blocks/eve", None),
        ("GET", "push-subscriptions", None),
    ):
        assert api.call(method, f"{bob}/{path}", body, key=key).status_code == 200, path
    changes = api.call("GET", f"{bob}/preferences/history").get_json()["data"]
    assert {(change["by"], change["through"]) for change in changes} == {("person", "token")}


def test_a_token_opens_nobody_elses_things_and_nothing_else(api: Api, bob: str):
    eve, key = person(api), token(api, bob)
    for path in ("feed", "feed/stream", "preferences", "mutes", "blocks", "push-subscriptions"):
        problem_of(api.call("GET", f"{eve}/{path}", key=key), 403, "forbidden")
    for method, path in (
        ("GET", bob), ("DELETE", bob), ("POST", f"{bob}/token"), ("GET", f"{bob}/export"), ("GET", "/v1/deliveries"),
        ("GET", "/v1/changes"), ("GET", "/v1/books"), ("POST", "/v1/events"),
    ):  # fmt: skip
        problem_of(api.call(method, path, {} if method == "POST" else None, key=key), 401, "unauthorized")


def test_a_token_that_ran_out_was_changed_or_is_for_something_else_opens_nothing(api: Api, bob: str):
    user, secret = bob.rpartition("/")[2], api.parts.secret_key.encode()
    old = make_person_token(secret, PersonToken(user, datetime.now(UTC) - timedelta(seconds=1)))
    foreign = make_person_token(b"x" * 48, PersonToken(user, datetime.now(UTC) + timedelta(hours=1)))
    right = token(api, bob)
    wrong = right[:20] + ("A" if right[20] != "A" else "B") + right[21:]
    for key in (old, foreign, wrong, "nt_", "nt_!", "nt_" + "A" * 5_000, right + "A" * 4):
        problem_of(api.call("GET", f"{bob}/feed", key=key), 401, "unauthorized")
        problem_of(api.call("GET", f"{bob}/feed/stream?token={quote(key)}", authorization=""), 401, "unauthorized")


def test_only_the_stream_takes_a_token_in_its_address(api: Api, bob: str):
    key = token(api, bob)
    problem_of(api.call("GET", f"{bob}/preferences?token={key}", authorization=""), 401, "unauthorized")
    assert api.call("HEAD", f"{bob}/feed/stream?token={key}", authorization="").status_code == 200


def test_a_key_without_the_scope_opens_no_feed(api: Api, bob: str):
    key = api.make_app("log").key
    problem_of(api.call("GET", f"{bob}/feed", key=key), 403, "forbidden")
    problem_of(api.call("GET", f"{bob}/feed", authorization=""), 401, "unauthorized")


@pytest.fixture(scope="module")
def open_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A service that pages of `ORIGIN` may call."""
    made = Api(make_parts(tmp_path_factory.mktemp("data"), ALLOWED_ORIGINS=f"{ORIGIN}, https://b.example")).migrate()
    yield made
    made.parts.database.close()


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("feed", {"GET"}), ("feed/read", {"POST"}), ("feed/seen", {"POST"}), ("feed/stream", {"GET"}),
        ("preferences", {"GET", "PUT"}), ("mutes/actor:eve", {"PUT", "DELETE"}), ("blocks/eve", {"PUT", "DELETE"}),
        ("push-subscriptions", {"GET", "POST"}),
    ],
)  # fmt: skip
def test_a_browser_that_asks_is_told_that_the_page_may_call(open_api: Api, path: str, methods: set[str]):
    asked = {"authorization": "", "origin": ORIGIN, "access_control_request_method": "GET"}
    answer = open_api.call("OPTIONS", f"/v1/users/bob/{path}", **asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert methods <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


def test_a_page_may_read_answers_and_refusals(open_api: Api):
    key = token(open_api, "/v1/users/bob")
    for method, path, status in (
        ("GET", "/v1/users/bob/feed", 200),
        ("GET", "/v1/users/eve/feed", 403),
        ("GET", "/v1/users/bob/feed?limit=0", 422),
        ("GET", "/v1/push/vapid-key", 200),
    ):
        answer = open_api.call(method, path, key=key, origin=ORIGIN)
        assert (answer.status_code, answer.headers.get("Access-Control-Allow-Origin")) == (status, ORIGIN)


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/v1/users/bob/feed", "https://evil.example"),
        ("/v1/users/bob/feed", "null"),
        ("/v1/users/bob/feed", f"{ORIGIN}.evil.example"),
        ("/v1/users/bob", ORIGIN),
        ("/v1/users/bob/token", ORIGIN),
        ("/v1/events", ORIGIN),
        ("/v1/deliveries", ORIGIN),
        ("/admin", ORIGIN),
    ],
)
def test_other_pages_and_other_paths_are_not_for_browsers(open_api: Api, path: str, origin: str):
    for method in ("OPTIONS", "GET"):
        answer = open_api.call(method, path, origin=origin)
        assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118 (pairs)


def test_where_no_origin_is_allowed_nothing_is_said_of_origins(api: Api):
    answer = api.call("GET", "/v1/users/bob/feed", origin=ORIGIN)
    assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118 (pairs)
