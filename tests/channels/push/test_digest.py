"""A digest as a push: one notification, which the next digest replaces."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from notifier.channels import Address, Notice, Person
from notifier.channels.push import parse_subscription
from notifier.channels.push.encoder import LARGEST
from notifier.channels.push.messages import rendered
from notifier.channels.push.payload import AIM, payload, topic
from notifier.policy.words import Cadence
from tests.channels.digests import BOB, SUNSET, comment, digest, follow, likes
from tests.channels.push.conftest import NOW, notice, settings
from tests.channels.push.test_subscriptions import subscription

FOUR = (comment("Cleo", "What a sky!"), follow("Eva"), likes("Ana"), likes("Hugo", thing=SUNSET | {"id": "p-8"}))


def shown(of: Notice) -> dict[str, object]:
    octets = payload(of)
    assert len(octets) <= LARGEST
    return json.loads(octets)["notification"]


def test_it_shows_the_first_thing_how_many_more_there_are_and_the_next_of_them():
    one = shown(digest(*FOUR))
    assert one["title"] == "Cleo commented on your post: Sunset, and 3 more"
    assert one["body"] == "Eva follows you now\nAna liked your post: Sunset\n…"
    assert (one["icon"], one["image"]) == ("https://app.example/cleo.png", "https://app.example/7.jpg")
    assert one["navigate"] == "https://app.example/p/7#c-Cleo"
    assert one["data"] == {"delivery": "dlv_1", "notification": "ntf_1", "type": "digest.daily"}


def test_a_new_follower_on_top_leads_to_their_page_as_by_itself():
    assert shown(digest(follow("Eva"), likes("Ana")))["navigate"] == "https://app.example/eva"


def test_one_thing_alone_is_told_as_it_is():
    one = shown(digest(comment("Cleo", "What a sky!")))
    assert (one["title"], one["body"]) == ("Cleo commented on your post: Sunset", "What a sky!")


def test_the_next_digest_of_a_cadence_takes_the_place_of_the_last_and_of_nothing_else():
    today, tomorrow = digest(*FOUR), replace(digest(*FOUR[:2]), notification_id="ntf_2", delivery_id="dlv_2")
    assert topic(today) == topic(tomorrow) == shown(today)["tag"]
    others = [
        digest(*FOUR, cadence=Cadence.WEEKLY),
        digest(*FOUR, person=replace(BOB, id="eve")),
        replace(today, digest=None),
        FOUR[0],
    ]
    assert len({topic(one) for one in [today, *others]}) == 5


@pytest.mark.parametrize(
    ("locale", "title"),
    [
        ("de", "Cleo hat deinen Beitrag kommentiert: Sunset, dazu 3 weitere Neuigkeiten"),
        ("ar", "تعليق من \u2068Cleo\u2069 على منشورك: \u2068Sunset\u2069، و3 إشعارات أخرى"),
        ("ja", "Cleoさんがあなたの投稿にコメントしました：Sunset、他3件"),
    ],
)
def test_it_speaks_the_persons_language(locale: str, title: str):
    one = shown(digest(*FOUR, person=Person("bob", "Bob", locale)))
    assert (one["title"], one["lang"]) == (title, locale)


@pytest.mark.parametrize("locale", ["en", "ar", "ja"])
def test_however_long_the_names_it_fits_and_says_how_many_more(locale: str):
    many = [likes("漢" * 512, thing=SUNSET | {"name": "長" * 512, "id": f"p-{n}"}) for n in range(40)]
    of = digest(*many, person=Person("bob", "Bob", locale))
    assert len(payload(of)) <= AIM
    assert "39" in str(shown(of)["title"])


def test_it_is_not_worth_the_battery_and_expires_as_it_is_told():
    address = Address("adr_1", parse_subscription(subscription(), settings()).value)
    of = replace(digest(*FOUR), address=address, expires_at=NOW + timedelta(hours=3))
    push = rendered(of, NOW)
    assert (push.urgency, push.ttl, push.topic) == ("low", 3 * 3600, topic(of))
    assert rendered(notice(address), NOW).urgency == "normal"
