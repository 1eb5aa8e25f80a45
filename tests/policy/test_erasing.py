"""What an erasure leaves of an event: nothing of the person, and everything of the others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.catalogue import Kind
from notifier.policy.erasing import Erasure

LIKE = Kind("like.created", told=("object.owner",), queue="default", cadences={})
FOLLOW = Kind("follow.created", told=("object.id",), queue="default", cadences={}, relation="follow")
ERASURE = Erasure("bob", "gone")

WHO = st.sampled_from(["bob", "ana", "cara"])
TEXTS = st.sampled_from(["", "bob", "Hi @bob!", "@bobby", "bob is here", "https://a.example/bob/7?u=bob", "x"])
THING = st.fixed_dictionaries(
    {"id": st.sampled_from(["p-1", "p-2", "ana"])},
    optional={
        "type": st.sampled_from(["", "post", "person"]),
        "name": TEXTS,
        "content": TEXTS,
        "url": TEXTS,
        "owner": WHO,
        "more": st.lists(WHO) | st.dictionaries(WHO, TEXTS),
    },
)
DATA = st.fixed_dictionaries(
    {"actor": st.fixed_dictionaries({"id": WHO}, optional={"name": TEXTS}), "object": THING},
    optional={
        "target": THING,
        "in_reply_to": THING,
        "to": st.lists(WHO),
        "mentions": st.lists(WHO),
        "followers_of": WHO,
        "x": TEXTS,
    },
)


@given(data=DATA, kind=st.sampled_from([LIKE, FOLLOW, None]))
def test_nobody_is_named_any_more_and_a_second_erasure_finds_nothing(data: Any, kind: Kind | None):
    left = ERASURE.erased(data, kind)
    words = [text for text in strings(left) if text == "bob" or "@bob!" in text or "/bob" in text or "=bob" in text]
    assert words == []
    assert ERASURE.erased(left, kind) == left


@given(data=DATA, kind=st.sampled_from([LIKE, FOLLOW, None]))
def test_who_is_named_in_which_place_stays_the_same_for_all_others(data: Any, kind: Kind | None):
    left = ERASURE.erased(data, kind)
    for name in ("to", "mentions"):
        assert left.get(name) == ([renamed(who) for who in data[name]] if name in data else None)
    for name in ("object", "target", "in_reply_to"):
        assert (name in left) == (name in data)
        if name in data:
            assert left[name]["id"] == data[name]["id"]
            assert left[name].get("owner") == renamed(data[name].get("owner"))
    assert left["actor"]["id"] == renamed(data["actor"]["id"])


@given(data=DATA, kind=st.sampled_from([LIKE, FOLLOW, None]))
def test_where_the_person_is_not_named_nothing_changes(data: Any, kind: Kind | None):
    other = Erasure("zoe", "gone")
    assert other.erased(data, kind) == data


@pytest.mark.parametrize(
    ("kind", "thing", "left"),
    [
        (LIKE, {"id": "bob", "type": "person", "name": "Bob"}, {"id": "gone", "type": "person"}),
        (FOLLOW, {"id": "bob", "name": "Bob"}, {"id": "gone"}),
        (LIKE, {"id": "bob", "type": "post", "name": "B"}, {"id": "bob", "type": "post", "name": "B"}),
        (LIKE, {"id": "bob", "name": "B"}, {"id": "bob", "name": "B"}),
        (LIKE, {"id": "7", "owner": "bob", "content": "C", "url": "https://x"}, {"id": "7", "owner": "gone"}),
    ],
)
def test_a_thing_is_told_from_a_person_of_the_same_id(kind: Kind, thing: dict[str, str], left: dict[str, str]):
    assert ERASURE.erased({"actor": {"id": "ana"}, "object": thing}, kind)["object"] == left


def test_what_they_did_leaves_only_that_it_was_done():
    data = {
        "actor": {"id": "bob", "name": "Bob", "avatar": "https://x/b.png"},
        "object": {"id": "c-1", "type": "comment", "content": "Hello", "url": "https://x/c-1"},
        "target": {"id": "p-1", "name": "Sunset", "owner": "ana"},
        "mood": "sunny",
    }
    assert ERASURE.erased(data, LIKE) == {
        "actor": {"id": "gone"},
        "object": {"id": "c-1", "type": "comment"},
        "target": data["target"],
    }


def renamed(who: str | None) -> str | None:
    return "gone" if who == "bob" else who


def strings(value: Any) -> list[str]:
    """Every string in a JSON value, keys included."""
    found: list[str] = []
    json.loads(json.dumps(value), object_pairs_hook=lambda pairs: found.extend(_words(pairs)))
    return found


def _words(pairs: list[tuple[str, Any]]) -> list[str]:
    values = [one for _, value in pairs for one in (value if isinstance(value, list) else [value])]
    return [*(key for key, _ in pairs), *(value for value in values if isinstance(value, str))]
