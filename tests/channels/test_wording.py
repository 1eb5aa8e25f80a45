"""The words of a notice: what is said to whom, and where its button leads."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from notifier.channels import Address, Notice, Person
from notifier.channels.email.layout import lay_out
from notifier.channels.wording import BUILT_IN, Writer
from notifier.languages import Languages
from notifier.policy.events import Event, read_event
from tests.channels.digests import comment, digest, follow, likes
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
        ("post.created", {}, "eve", "Ana posted: Sunset"),
        ("post.created", {"object": {"id": "p"}}, "eve", "Ana posted"),
        ("security.created", {"object": {"id": "s", "name": "New sign-in from Lima"}}, "bob", "New sign-in from Lima"),
        ("security.created", {"object": {"id": "s"}}, "bob", "News about your account"),
        ("order.shipped", {}, "bob", "Ana: order shipped, Sunset"),
        ("poke.created", {"object": {"id": "bob"}}, "bob", "Ana: poke"),
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


@pytest.mark.parametrize(
    ("locale", "sentence", "subject", "action"),
    [
        ("de_AT", "Ana hat deinen Beitrag kommentiert: Sunset", "Kommentare zu Sunset", "Kommentar lesen"),
        ("es-MX", "Ana comentó tu publicación: Sunset", "Comentarios sobre Sunset", "Leer el comentario"),
        ("pt-BR", "Ana comentou sua publicação: Sunset", "Comentários sobre Sunset", "Ler o comentário"),
        ("ja", "Anaさんがあなたの投稿にコメントしました：Sunset", "「Sunset」へのコメント", "コメントを読む"),
        ("fr", "Ana commented on your post: Sunset", "Comments on Sunset", "Read the comment"),
    ],
)
def test_each_is_told_in_their_own_language(locale: str, sentence: str, subject: str, action: str) -> None:
    said = BUILT_IN.word(in_language(locale, happened("comment.created", **REPLY)))
    assert (said.sentence, said.subject, said.action) == (sentence, subject, action)
    assert said.lang == ("en" if locale == "fr" else locale[:2])


def test_names_stay_apart_from_a_sentence_that_runs_the_other_way() -> None:
    arabic = BUILT_IN.word(in_language("ar", happened("comment.created", **REPLY)))
    assert arabic.sentence == "تعليق من \u2068Ana\u2069 على منشورك: \u2068Sunset\u2069"
    english = BUILT_IN.word(told("bob", happened("like.created", actor={"id": "a", "name": "أحمد"})))
    assert english.sentence == "\u2068أحمد\u2069 liked your post: Sunset"


def in_language(locale: str, *events: Event) -> Notice:
    return replace(told("bob", *events), person=Person("bob", "Bob", locale))


def test_a_summary_says_how_many_and_begins_with_the_first_three() -> None:
    like = told("bob", happened("like.created"))
    items = (
        like,
        told("bob", happened("comment.created", **REPLY)),
        told("bob", happened("follow.created", **FOLLOWED)),
    )
    three = BUILT_IN.word(replace(like, items=items))
    lines = ["Ana liked your post: Sunset", "Ana commented on your post: Sunset", "Ana follows you now"]
    assert (three.sentence, three.subject) == ("3 new notifications", "3 new notifications")
    assert three.excerpt.split("\n") == lines
    five = BUILT_IN.word(replace(like, items=(*items, like, like)))
    assert five.excerpt.split("\n") == [*lines, "…"]
    assert (five.image.sized(640).url, five.avatar, five.url) == ("", "", POST["url"])


POKE = (
    "{% block sentence %}{% trans who %}{{ who }} poked you{% endtrans %}, {% trans %}truly{% endtrans %}{% endblock %}"
)
PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
PO += 'msgid "%(who)s poked you"\nmsgstr "%(who)s stupst dich"\n'


def test_a_message_whose_words_are_not_all_there_is_in_english_as_a_whole_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "poke.jinja").write_text(POKE)
    (tmp_path / "de.po").write_text(PO)
    writer = Writer(Languages(tmp_path), tmp_path)
    poke = in_language("de", happened("poke.created"))
    said = writer.word(poke)
    assert (said.sentence, said.lang) == ("Ana poked you, truly", "en")
    assert '<html lang="en"' in lay_out(poke, brand="App", address="b@app.example", writer=writer).html
    assert writer.languages.missing.take() == {("de", "truly"): 2}
    (tmp_path / "de.po").write_text(PO + '\nmsgid "truly"\nmsgstr "wirklich"\n')
    whole = Writer(Languages(tmp_path), tmp_path).word(poke)
    assert (whole.sentence, whole.lang) == ("Ana stupst dich, wirklich", "de")


def test_a_language_without_a_catalogue_is_counted() -> None:
    writer = Writer(Languages())
    for _ in range(2):
        writer.word(in_language("fr-CA", happened("like.created")))
    assert writer.languages.missing.take() == {("fr", ""): 2}


def test_an_operators_template_goes_before_the_built_in_one_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "like.jinja").write_text(
        "{% block sentence %}{{ who }} hearted {{ called(event.object) }}{% endblock %}"
    )
    writer = Writer(Languages(tmp_path), tmp_path)
    assert writer.word(told("bob", happened("like.created"))).sentence == "Ana hearted your post"
    assert writer.word(told("bob", happened("share.created"))).sentence == "Ana shared your post: Sunset"


def test_a_digest_names_the_first_thing_and_counts_the_rest() -> None:
    words = BUILT_IN.word(digest(comment("Cleo", "What a sky!"), follow("Eva"), likes("Ana"), likes("Ben")))
    assert words.sentence == words.subject == "Cleo commented on your post: Sunset, and 3 more"
    assert words.excerpt == "Eva follows you now\nAna liked your post: Sunset\n…"
    three = BUILT_IN.word(digest(comment("Cleo", "What a sky!"), follow("Eva"), likes("Ana")))
    assert three.excerpt == "Eva follows you now\nAna liked your post: Sunset"


@pytest.mark.parametrize(
    ("others", "said"),
    [(1, "وإشعار آخر"), (2, "وإشعاران آخران"), (3, "و3 إشعارات أخرى"), (11, "و11 إشعارًا آخر"), (100, "و100 إشعار آخر")],
)
def test_a_digest_counts_as_arabic_counts(others: int, said: str) -> None:
    items = [likes("Ana"), *(likes(f"Fan{n}", thing={"id": f"p-{n}"}) for n in range(others))]
    sentence = BUILT_IN.word(digest(*items, person=Person("bob", "Bob", "ar"))).sentence
    assert sentence.endswith(f"، {said}")


def test_an_operator_may_word_digests_in_their_own_way(tmp_path: Path) -> None:
    (tmp_path / "digest.jinja").write_text("{% block sentence %}{{ count }} × {{ first.sentence }}{% endblock %}")
    writer = Writer(Languages(), tmp_path)
    assert writer.word(digest(likes("Ana"), follow("Eva"))).sentence == "2 × Ana liked your post: Sunset"
