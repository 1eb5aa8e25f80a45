"""The words of a notice: what is said to whom, and where its button leads."""

from dataclasses import replace
from typing import Any

import pytest

from notifier.channels import Address, Notice, Person
from notifier.channels.email.layout import lay_out
from notifier.channels.wording import BUILT_IN
from notifier.policy.events import Event, read_event
from tests.channels.email.conftest import NOW

POST = {"id": "post-7", "type": "post", "name": "Sunset", "url": "https://app.example/p/7", "owner": "bob"}
ANA = {"id": "ana", "name": "Ana", "url": "https://app.example/ana"}


def happened(type_: str, **data: Any) -> Event:
    whole = {"actor": ANA, "object": POST} | data
    return read_event(whole, id="evt_1", app="app_1", type=type_, occurred_at=NOW, accepted_at=NOW)


def told(to: str, *events: Event) -> Notice:
    return Notice("dlv_1", "ntf_1", events[0].type, "", events, Person(to), Address("sub_1", ""), NOW)


COMMENT = {"object": {"id": "c-1", "type": "comment"}, "target": POST, "mentions": ["dan", "bob"]}
REPLY = COMMENT | {"in_reply_to": {"id": "c-0", "owner": "cara"}}
FOLLOWED = {"object": {"id": "bob", "name": "Bob"}}


@pytest.mark.parametrize(
    ("type_", "data", "to", "sentence"),
    [
        ("like.created", {}, "bob", "Ana liked your post: Sunset"),
        ("like.created", {}, "eve", "Ana liked a post: Sunset"),
        ("like.created", {"object": {"id": "c-1", "type": "comment", "owner": "bob"}}, "bob", "Ana liked your comment"),
        ("share.created", {}, "bob", "Ana shared your post: Sunset"),
        ("share.created", {"object": {"id": "p"}}, "eve", "Ana shared a post"),
        ("follow.created", FOLLOWED, "bob", "Ana follows you now"),
        ("follow.created", FOLLOWED, "eve", "Ana follows Bob now"),
        ("comment.created", REPLY, "bob", "Ana commented on your post: Sunset"),
        ("comment.created", REPLY, "cara", "Ana commented in reply to you: Sunset"),
        ("comment.created", REPLY, "dan", "Ana commented and mentioned you: Sunset"),
        ("comment.created", REPLY, "eve", "Ana commented: Sunset"),
        ("comment.created", {"actor": {"id": "u-1"}, "object": {"id": "c"}}, "eve", "u-1 commented"),
        ("mention.created", {"object": {"id": "p"}}, "eve", "Ana mentioned you"),
    ],
)
def test_each_is_told_what_it_is_to_them(type_: str, data: dict[str, Any], to: str, sentence: str) -> None:
    assert BUILT_IN.word(told(to, happened(type_, **data))).sentence == sentence


def test_a_new_follower_is_seen_on_their_own_profile_and_not_on_that_of_the_followed() -> None:
    followed = {"id": "bob", "url": "https://app.example/bob"}
    assert BUILT_IN.word(told("bob", happened("follow.created", object=followed))).url == "https://app.example/ana"
    nowhere = {"id": "ana"}
    assert BUILT_IN.word(told("bob", happened("follow.created", actor=nowhere, object=followed))).url == followed["url"]


def test_everything_else_leads_to_what_it_is_about() -> None:
    assert BUILT_IN.word(told("bob", happened("like.created"))).url == POST["url"]
    comment = {"id": "c-1", "url": "https://app.example/p/7#c-1"}
    assert BUILT_IN.word(told("bob", happened("comment.created", object=comment, target=POST))).url == comment["url"]


def test_very_many_are_named_by_the_latest_two_and_counted() -> None:
    likes = tuple(happened("like.created", actor={"id": name, "name": name}) for name in ("Cleo", "Ben", "Ana"))
    many = replace(told("bob", *likes), earlier_events=99_999, earlier_actors=99_997)
    assert BUILT_IN.word(many).sentence == "Ana, Ben and 99998 others liked your post: Sunset"
    assert BUILT_IN.word(replace(many, events=likes[2:], earlier_actors=1)).sentence.startswith("Ana and 1 other liked")
    page = lay_out(many, brand="App", address="bob@app.example")
    assert "and 99999 more" in page.text
    assert "* Ben liked your post: Sunset" in page.text
