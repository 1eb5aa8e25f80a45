"""What a browser is given to show: valid, small, and never cut inside a character."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import Address, Notice, Person, TemplateFault
from notifier.channels.push.encoder import LARGEST
from notifier.channels.push.payload import AIM, cut, payload, time_to_live, topic
from notifier.policy.events import Actor, Thing
from tests.channels.push.conftest import NOW, event, notice

FAMILY = "👨‍👩‍👧‍👦"
THUMB = "👍🏽"
FLAG = "🇩🇪"
SCOTLAND = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
CLUSTERS = [
    "a",
    " ",
    "é",
    "e\u0301",
    '"',
    "\\",
    "\n",
    "ש",
    "שּׁ",
    "مُ",
    "क्षि",
    "가",
    "각",
    "1️⃣",
    FAMILY,
    THUMB,
    FLAG,
    SCOTLAND,
    "漢",
]


def shown(of: Notice) -> dict[str, object]:
    octets = payload(of)
    assert len(octets) <= LARGEST
    return json.loads(octets)["notification"]


def comment(content: str = "", name: str = "Ben", **links: str) -> Notice:
    thing = Thing("c-1", "comment", content=content, url=links.get("url", ""), image=links.get("image", ""))
    return notice(events=(event(object=thing, target=None, actor=Actor("ben", name, avatar=links.get("avatar", ""))),))


def test_a_comment_shows_who_and_what_and_leads_there():
    assert json.loads(payload(notice())) == {
        "web_push": 8030,
        "notification": {
            "title": "Ben commented on your post: Sunset",
            "body": "What a sky!",
            "navigate": "https://app.example/p/7#c1",
            "lang": "en",
            "dir": "ltr",
            "icon": "https://app.example/ben.png",
            "image": "https://app.example/7.jpg",
            "tag": topic(notice()),
            "timestamp": int(NOW.timestamp() * 1000),
            "data": {"delivery": "dlv_1", "notification": "ntf_1", "type": "comment.created"},
        },
    }


def test_it_names_the_language_that_its_words_are_in():
    said = {locale: shown(notice(person=Person("ann", "Ann", locale))) for locale in ("ar-EG", "fr", "ja")}
    assert {locale: one["lang"] for locale, one in said.items()} == {"ar-EG": "ar", "fr": "en", "ja": "ja"}
    assert said["ja"]["title"] == "Benさんがあなたの投稿にコメントしました：Sunset"
    assert {locale: one["dir"] for locale, one in said.items()} == {"ar-EG": "rtl", "fr": "ltr", "ja": "ltr"}


def test_a_summary_shows_how_many_and_the_first_three():
    one = shown(notice(items=(notice(),) * 4))
    assert one["title"] == "4 new notifications"
    assert str(one["body"]).split("\n") == ["Ben commented on your post: Sunset"] * 3 + ["…"]
    assert one["navigate"] == "https://app.example/p/7#c1"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "/relative", "ftp://app.example/x"])
def test_only_web_links_are_sent(link):
    assert not {"navigate", "icon", "image"} & set(shown(comment(url=link, avatar=link, image=link)))


def test_a_long_comment_is_shortened_to_the_aim():
    octets = payload(comment("Lorem ipsum dolor " * 4000, "B" * 512, url="https://app.example/" + "x" * 900))
    assert len(octets) <= AIM
    assert json.loads(octets)["notification"]["body"].endswith("…")


def test_pictures_are_given_up_before_the_link():
    long = "https://app.example/" + "x" * 1500
    note = shown(comment("Lorem " * 300, url=long, image=long, avatar=long))
    assert note["navigate"] == long
    assert note["body"]
    assert not {"icon", "image"} & set(note)


def test_a_link_that_fits_nowhere_is_left_out():
    note = shown(comment("Lorem " * 300, url="https://app.example/" + "x" * 5000))
    assert "navigate" not in note
    assert note["title"]


def test_a_text_that_is_no_text_stays_valid():
    assert shown(comment("half \ud83d a pair"))["body"] == "half ? a pair"


def test_a_second_try_of_what_was_too_large_carries_title_and_link():
    first = notice()
    again = notice(last_code="413")
    assert shown(again)["title"] == shown(first)["title"]
    assert not {"body", "icon", "image"} & set(shown(again))


@given(
    st.text(max_size=3000),
    st.text(max_size=700),
    st.lists(st.integers(0, 4500), min_size=3, max_size=3),
    st.text(max_size=50),
)
def test_every_notice_fits_and_is_valid_json(content, name, links, locale):
    url, image, avatar = ("https://app.example/" + "ü" * length for length in links)
    of = comment(content, name, url=url, image=image, avatar=avatar)
    note = shown(notice(events=of.events, person=Person("a" * 255, locale=locale)))
    assert note["title"]


@given(st.lists(st.sampled_from(CLUSTERS), max_size=60), st.integers(3, 200))
def test_a_text_is_only_cut_between_what_readers_take_for_characters(clusters, octets):
    text = "".join(clusters)
    short = cut(text, octets)
    assert len(json.dumps(short, ensure_ascii=False).encode()) - 2 <= octets
    if short == text or not short:
        return
    kept = short.removesuffix("…")
    boundaries = {"".join(clusters[:end]).rstrip() for end in range(len(clusters) + 1)}
    assert kept.rstrip() in boundaries


@pytest.mark.parametrize("cluster", [each for each in CLUSTERS if len(each) > 1])
def test_a_character_of_many_parts_stays_whole(cluster):
    for octets in range(3, 120):
        kept = cut(f"ab{cluster * 20}", octets).removesuffix("…").removeprefix("ab")
        assert kept == cluster * (len(kept) // len(cluster)) or kept == "a"


def test_right_to_left_text_is_cut_at_a_word():
    assert cut("שלום עולם יפה ומופלא מאוד היום", 40) == "שלום עולם יפה ומופלא…"


def test_what_fits_exactly_is_not_cut():
    assert cut("x" * 50, 50) == "x" * 50
    assert cut("x" * 51, 50) == "x" * 47 + "…"


def test_a_push_is_kept_a_day_or_as_long_as_it_is_of_use():
    assert time_to_live(notice(), NOW) == 86_400
    assert time_to_live(notice(expires_at=NOW + timedelta(seconds=90.9)), NOW) == 90
    assert time_to_live(notice(expires_at=NOW - timedelta(hours=1)), NOW) == 0
    assert time_to_live(notice(expires_at=NOW + timedelta(days=400)), NOW) == 28 * 86_400


def test_the_topic_is_the_groups_so_that_newer_news_replaces_older():
    other = notice(notification_id="ntf_2", delivery_id="dlv_2")
    assert topic(notice()) == topic(other)
    assert topic(notice()) != topic(notice(person=Person("cara")))
    assert topic(notice()) != topic(notice(group="comment:post-8"))


def test_without_a_group_only_a_try_of_the_same_notice_replaces_it():
    alone = notice(group="")
    assert topic(alone) == topic(notice(group="", delivery_id="dlv_2"))
    assert topic(alone) != topic(notice(group="", notification_id="ntf_2"))
    assert topic(alone) != topic(notice(group="ntf_1"))


def test_a_subscription_that_cannot_be_read_is_told_of_the_delivery(channel):
    for value in ("", "{}", "[]", '{"endpoint": 1}', '{"endpoint": "https://x.example", "p256dh": "!", "auth": null}'):
        with pytest.raises(TemplateFault):
            channel.render(notice(Address("adr_1", value)), NOW)
