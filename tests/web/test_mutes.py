"""Blocks and mutes over the API: ids of every shape, idempotence, lists, history, and that they decide."""

import re
import uuid
from typing import Any
from urllib.parse import quote

import pytest

from tests.pipeline.line import Line
from tests.web.api import Api, pointers, problem_of
from tests.web.test_people import NO_IDS, ODD_IDS


def somebody() -> str:
    return f"/v1/users/u-{uuid.uuid4().hex}"


def encoded(text: str) -> str:
    return quote(text, safe="")


def muted(api: Api, person: str) -> list[str]:
    return [one["id"] for one in api.call("GET", f"{person}/mutes").get_json()["data"]]


def blocked(api: Api, person: str) -> list[str]:
    return [one["id"] for one in api.call("GET", f"{person}/blocks").get_json()["data"]]


@pytest.mark.parametrize("id", ODD_IDS)
def test_every_id_can_be_muted_blocked_and_forgiven(api: Api, id: str):
    person = somebody()
    for word in ("actor", "object"):
        made = api.call("PUT", f"{person}/mutes/{word}:{encoded(id)}").get_json()
        assert (made["id"], made["kind"], made[word]) == (f"{word}:{id}", word, id)
    assert api.call("PUT", f"{person}/blocks/{encoded(id)}").get_json()["id"] == id
    assert (muted(api, person), blocked(api, person)) == ([f"actor:{id}", f"object:{id}"], [id])
    for path in (f"mutes/actor:{encoded(id)}", f"mutes/{encoded('object:' + id)}", f"blocks/{encoded(id)}"):
        assert api.call("DELETE", f"{person}/{path}").status_code == 204
    assert (muted(api, person), blocked(api, person)) == ([], [])


@pytest.mark.parametrize("id", NO_IDS)
def test_what_is_no_id_cannot_be_blocked_or_muted(api: Api, id: str):
    before = api.counts()
    problem_of(api.call("PUT", f"{somebody()}/blocks/{id}"), 404, "not-found")
    problem_of(api.call("PUT", f"{somebody()}/mutes/actor:{id}"), 404, "not-found")
    assert api.counts() == before


def test_to_mute_twice_is_to_mute_once(api: Api):
    person = somebody()
    first = api.call("PUT", f"{person}/mutes/actor:eve")
    again = api.call("PUT", f"{person}/mutes/actor:eve")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.get_json() == again.get_json()
    for _ in range(2):
        assert api.call("DELETE", f"{person}/mutes/actor:eve").status_code == 204
    history = api.call("GET", f"{person}/preferences/history").get_json()["data"]
    assert [(one["what"], one["before"], one["after"]) for one in history] == [
        ("mute", "actor:eve", None),
        ("mute", None, "actor:eve"),
    ]
    assert {(one["by"], one["through"]) for one in history} == {(api.app.app, "api")}


def test_blocks_are_in_the_history_too(api: Api):
    person = somebody()
    api.call("PUT", f"{person}/blocks/eve")
    [entry] = api.call("GET", f"{person}/preferences/history").get_json()["data"]
    assert (entry["what"], entry["before"], entry["after"]) == ("block", None, "eve")


@pytest.mark.parametrize("name", ["like", "like.created"])
def test_both_forms_of_a_type_are_one_mute(api: Api, name: str):
    person = somebody()
    assert api.call("PUT", f"{person}/mutes/type:{name}").get_json()["id"] == "type:like"
    assert api.call("DELETE", f"{person}/mutes/type:like.created").status_code == 204
    assert muted(api, person) == []


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("type:security", "mandatory"),
        ("type:poke", "unknown_type"),
        ("type:unlike", "invalid"),
        ("type:block", "invalid"),
        ("eve", "invalid"),
        ("post:7", "invalid"),
        ("actor:", "invalid"),
    ],
)
def test_what_cannot_be_muted_is_refused(api: Api, what: str, code: str):
    before = api.counts()
    assert pointers(api.call("PUT", f"{somebody()}/mutes/{what}")) == {"": code}
    assert api.counts() == before


def test_a_mute_of_a_type_that_left_the_catalogue_can_be_ended(api: Api):
    assert api.call("DELETE", f"{somebody()}/mutes/type:gone.created").status_code == 204


def test_lists_come_a_page_at_a_time(api: Api):
    person = somebody()
    wanted = sorted(f"actor:ü/{number:02}" for number in range(7))
    for one in wanted:
        api.call("PUT", f"{person}/mutes/{encoded(one)}")
        api.call("PUT", f"{person}/blocks/{encoded(one.removeprefix('actor:'))}")
    for what, prefix in (("mutes", ""), ("blocks", "actor:")):
        found: list[str] = []
        path = f"{person}/{what}?limit=3"
        while path:
            answer = api.call("GET", path)
            found += [prefix + one["id"] for one in answer.get_json()["data"]]
            path = (re.findall("<(.+)>", answer.headers.get("Link", "")) or [""])[0]
        assert found == wanted


def test_the_next_page_of_a_person_with_a_slash_is_theirs(api: Api):
    for other in ("a", "b", "c"):
        api.call("PUT", f"/v1/users/x%2Fy/blocks/{other}")
    answer = api.call("GET", "/v1/users/x%2Fy/blocks?limit=2")
    [path] = re.findall("<(.+)>", answer.headers["Link"])
    assert [one["id"] for one in api.call("GET", path).get_json()["data"]] == ["c"]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("blocks/ana", "blocked"),
        ("mutes/actor:ana", "muted_actor"),
        ("mutes/object:post-7", "muted_object"),
        ("mutes/type:comment", "muted_type"),
    ],
)
def test_who_is_blocked_or_muted_is_not_told_of(api: Api, what: str, reason: str):
    line, person = Line(api.parts.database), f"u-{uuid.uuid4().hex}"
    line.people(person)
    api.call("PUT", f"/v1/users/{person}/{what}")
    assert reasons(line, person) == {reason}
    api.call("DELETE", f"/v1/users/{person}/{what}")
    assert reasons(line, person) <= {None, "no_address"}


def test_an_event_that_blocks_writes_the_same_rows(api: Api):
    line, person = Line(api.parts.database), f"u-{uuid.uuid4().hex}"
    block: dict[str, Any] = {"actor": {"id": person}, "object": {"id": "ana", "type": "person"}}
    line.plan([line.accept("block.created", **block)])
    line.plan([line.accept("mute.created", **block)])
    assert (blocked(api, f"/v1/users/{person}"), muted(api, f"/v1/users/{person}")) == (["ana"], ["actor:ana"])
    line.clock.move(seconds=1)
    line.plan([line.accept("block.deleted", **block)])
    assert blocked(api, f"/v1/users/{person}") == []


def reasons(line: Line, person: str) -> set[str | None]:
    """Why the person is not told of a comment of ana's on their post."""
    object_ = {"id": f"c-{uuid.uuid4().hex}", "type": "comment"}
    line.plan([line.accept(object=object_, target={"id": "post-7", "owner": person})])
    newest = [row for channel in ("email", "push", "feed") for row in line.deliveries(channel) if row.user_id == person]
    last = max(row.notification_id for row in newest)
    return {row.reason for row in newest if row.notification_id == last}
