"""What makes an announcement, and what is said of arguments that make none."""

import pytest

from notifier.policy.announcements import (
    Announcement,
    WrongAnnouncement,
    arguments_of,
    data_of,
    read_announcement,
)


def test_a_title_and_an_audience_are_enough():
    assert read_announcement({"title": "News", "everyone": True}) == Announcement("News", everyone=True)
    assert read_announcement({"title": "News", "followers_of": "ana", "to": None, "everyone": False}) == Announcement(
        "News", followers_of="ana"
    )


def test_everything_else_may_be_said_too_and_is_given_back():
    said = {
        "title": "We move",
        "content": "On Sunday.\nFrom 2 to 3.",
        "url": "https://app.example/status",
        "image": "https://app.example/van.png",
        "actor": "ana",
        "from_name": "Ana of support",
        "to": ["bob", "cara"],
    }
    assert arguments_of(read_announcement(said)) == said


def test_a_title_stands_on_one_line():
    assert read_announcement({"title": " We\nmove \u202e", "everyone": True}).title == "We move"


@pytest.mark.parametrize(
    ("changed", "pointer", "said"),
    [
        ({"title": None}, "/title", "An announcement needs a title."),
        ({"title": " \n"}, "/title", "1 to 512 characters"),
        ({"title": "x" * 513}, "/title", "1 to 512 characters"),
        ({"title": 7}, "/title", "1 to 512 characters"),
        ({"title": "half \ud83d"}, "/title", "1 to 512 characters"),
        ({"content": "x" * (64 * 1024 + 1)}, "/content", "at most 65,536 characters"),
        ({"url": "javascript:alert(1)"}, "/url", "http or https address"),
        ({"url": "https://app.example/\n"}, "/url", "http or https address"),
        ({"image": "/van.png"}, "/image", "http or https address"),
        ({"actor": ""}, "/actor", "1 to 255 characters"),
        ({"from_name": ["Ana"]}, "/from_name", "at most 512 characters"),
        ({"everyone": None}, "/everyone", "everyone (true), followers_of (an id) or to"),
        ({"everyone": False}, "/everyone", "everyone (true), followers_of (an id) or to"),
        ({"everyone": "yes"}, "/everyone", "true or false"),
        ({"followers_of": "ana"}, "/followers_of", "either this or everyone"),
        ({"everyone": None, "followers_of": "a\x00"}, "/followers_of", "control characters"),
        ({"everyone": None, "to": []}, "/to", "1 to 1,000 ids"),
        ({"everyone": None, "to": "bob"}, "/to", "1 to 1,000 ids"),
        ({"everyone": None, "to": ["bob", ""]}, "/to/1", "1 to 255 characters"),
        ({"everyone": None, "to": ["bob", 7]}, "/to/1", "a text of 1 to 255"),
        ({"colour/s": "red"}, "/colour~1s", "we know title, content"),
    ],
)
def test_what_is_wrong_is_pointed_at_with_what_would_be_right(changed, pointer, said):
    with pytest.raises(WrongAnnouncement) as wrong:
        read_announcement({"title": "News", "everyone": True} | changed)
    assert [at for at, _ in wrong.value.faults] == [pointer]
    assert said in wrong.value.faults[0][1]


def test_all_faults_are_named_at_once():
    with pytest.raises(WrongAnnouncement) as wrong:
        read_announcement({"url": "ftp://x", "to": ["bob"], "followers_of": "ana"})
    assert sorted(at for at, _ in wrong.value.faults) == ["/title", "/to", "/url"]


def test_its_event_holds_what_is_said_and_not_that_it_is_for_everyone():
    data = data_of(Announcement("News", content="Good ones.", everyone=True), "key-1")
    assert data == {
        "actor": {"id": "notifier"},
        "object": {"id": "key-1", "type": "announcement", "name": "News", "content": "Good ones."},
    }
