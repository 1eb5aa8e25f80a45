"""What a mail says and shows: words in both parts, escaped, linked and readable without its styles."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import css_inline
import pytest

from notifier.channels import Person
from notifier.channels.email.filling import TEMPLATES, Page, linked
from notifier.channels.email.layout import LISTED, lay_out
from notifier.policy.events import Actor, Thing
from tests.channels.email.conftest import a_notice, an_event


class Read(HTMLParser):
    """Tags with their attributes, and the words between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(**changes: object) -> Page:
    return lay_out(a_notice(**changes), brand="Acme", address="bob@app.example")


def test_both_parts_say_who_what_and_where() -> None:
    made = page()
    html = Read(made.html)
    for words in (made.text, html.words):
        assert "Ann commented on your post: Sunrise" in words
        assert "Nice!" in words
        assert "Read the comment" in words
        assert "You get this because mail about “comment” is turned on for bob@app.example at Acme." in words
    assert "https://app.example/c/1" in made.text
    assert "https://app.example/u/abcdefghijklmnopqrstuvw" in made.text
    assert [link["href"] for link in html.all("a")] == [
        "https://app.example/c/1",
        "https://app.example/u/abcdefghijklmnopqrstuvw",
    ]


@pytest.mark.parametrize("unsubscribe", ["https://app.example/u/x", ""])
def test_every_mail_leads_to_the_persons_settings(unsubscribe: str) -> None:
    made = page(preferences_url="https://app.example/p/y", unsubscribe_url=unsubscribe)
    assert "Settings: https://app.example/p/y\n" in f"{made.text}\n"
    assert Read(made.html).all("a")[-1]["href"] == "https://app.example/p/y"
    assert "Settings" not in page().text
    german = page(person=Person("bob", "Bob", "de"), preferences_url="https://app.example/p/y")
    assert "Einstellungen: https://app.example/p/y" in german.text


@pytest.mark.parametrize("unsubscribe", ["https://app.example/u/x", ""])
def test_every_mail_leads_to_why_it_came(unsubscribe: str) -> None:
    made = page(why_url="https://app.example/why/y", unsubscribe_url=unsubscribe)
    assert "Why this mail? https://app.example/why/y\n" in f"{made.text}\n"
    assert Read(made.html).all("a")[-1]["href"] == "https://app.example/why/y"
    assert "Why this mail?" not in page().text
    japanese = page(person=Person("bob", "Bob", "ja"), why_url="https://app.example/why/y")
    assert "このメールが届いた理由 https://app.example/why/y" in japanese.text


def test_the_text_stands_alone() -> None:
    made = page(events=(an_event(content="1 < 2 & 3 > 2"),))
    assert "1 < 2 & 3 > 2" in made.text
    assert "1 &lt; 2 &amp; 3 &gt; 2" in made.html


def test_styles_are_inlined_and_the_dark_ones_kept() -> None:
    html = Read(page().html)
    assert all("style" in attributes for attributes in html.all("a") + html.all("h1") + html.all("img"))
    assert "prefers-color-scheme: dark" in html.words
    assert len(html.all("style")) == 1
    assert not html.all("script") + html.all("form") + html.all("link")
    assert all(attributes.get("role") == "presentation" for attributes in html.all("table"))
    assert all(attributes.get("alt") for attributes in html.all("img"))


def test_the_styles_are_those_that_inlining_the_whole_mail_would_give() -> None:
    made = page(events=tuple(an_event(n) for n in range(12)))
    style = (TEMPLATES / "mail.css").read_text(encoding="utf-8")
    bare = re.sub(r' style="[^"]*"', "", made.html)
    whole = css_inline.inline(bare, extra_css=style, keep_style_tags=True, load_remote_stylesheets=False)
    assert [attributes.get("style") for _, attributes in Read(made.html).tags] == [
        attributes.get("style") for _, attributes in Read(whole).tags if _ != "tbody"
    ]


def test_the_preheader_comes_first_and_is_hidden() -> None:
    html = page().html
    body = html[html.index("<body") :]
    assert body.index("Nice!") < body.index("<h1")
    assert "display: none" in body[: body.index("Nice!")]


@pytest.mark.parametrize(
    ("locale", "lang", "direction"),
    [("en", "en", "ltr"), ("de_AT", "de", "ltr"), ("ar-EG", "ar", "rtl"), ("he-IL", "en", "ltr")],
)
def test_language_and_direction_are_those_of_the_words(locale: str, lang: str, direction: str) -> None:
    (html,) = Read(page(person=Person("bob", "Bob", locale)).html).all("html")
    assert (html["lang"], html["dir"]) == (lang, direction)


def test_a_mail_written_from_right_to_left_is_so_throughout_and_leaves_what_people_wrote_as_it_runs() -> None:
    made = page(person=Person("bob", "Bob", "ar"), unsubscribe_url="https://app.example/u/x")
    html = Read(made.html)
    assert "تعليق من \u2068Ann\u2069 على منشورك" in html.words
    assert "إلغاء الاشتراك" in html.words
    assert "إلغاء الاشتراك: https://app.example/u/x" in made.text
    [excerpt] = html.all("p")
    assert excerpt["dir"] == "ltr"
    assert "border-left" in str(excerpt["style"])
    made = page(person=Person("bob", "Bob", "ar"), events=(an_event(content="«رائع!»"),))
    [excerpt] = Read(made.html).all("p")
    assert excerpt["dir"] == "rtl"
    assert "border-right" in str(excerpt["style"])


def test_a_summary_lists_what_it_tells_of_each_with_its_link_and_leads_to_no_single_one() -> None:
    items = tuple(a_notice(number, events=(an_event(number, name=f"Person{number}."),)) for number in range(1, 13))
    made = page(items=items)
    html = Read(made.html)
    for words in (made.text, html.words):
        assert "12 new notifications" in words
        assert words.index("Person1. commented") < words.index("Person10. commented")
        assert "Person11. commented" not in words.partition("Person1. commented")[2]
        assert "and 2 more" in words
        assert "You get this because such mail is turned on for bob@app.example at Acme." in words
    links = [link["href"] for link in html.all("a")]
    assert links == [f"https://app.example/c/{n}" for n in range(1, 11)] + [
        "https://app.example/u/abcdefghijklmnopqrstuvw"
    ]
    assert made.subject == "12 new notifications"
    assert not html.all("img")


def test_markup_of_people_is_shown_not_run() -> None:
    event = an_event(name='<img src=x onerror="alert(1)">', content="</p><script>alert(1)</script>")
    html = Read(page(events=(event,)).html)
    assert not html.all("script")
    assert [image["src"] for image in html.all("img")] == ["https://app.example/ann.png"]
    assert "<script>alert(1)</script>" in html.words


def test_template_words_of_people_are_not_run() -> None:
    made = page(events=(an_event(content="{{ 7 * 7 }} {% raw %}"),))
    assert "{{ 7 * 7 }} {% raw %}" in made.text
    assert "{{ 7 * 7 }} {% raw %}" in made.html


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//x.example", "https://x y", "https://x\ny", ""]
)
def test_only_web_addresses_are_linked(url: str) -> None:
    assert linked(url) == ""
    event = replace(
        an_event(), actor=Actor("ann", "Ann", avatar=url, url=url), object=Thing("c", url=url, image=url), target=None
    )
    html = Read(page(events=(event,), unsubscribe_url="").html)
    assert not html.all("a") + html.all("img")


def test_several_events_are_listed_newest_first_up_to_ten() -> None:
    events = tuple(an_event(n, name=f"Person{n}.", content=f"Comment {n}.") for n in range(1, LISTED + 4))
    made = page(events=events)
    words = Read(made.html).words
    for text in (made.text, words):
        assert text.index("Comment 13.") < text.index("Comment 12.") < text.index("Comment 4.")
        assert "Comment 3." not in text
        assert "and 3 more" in text
        assert "Person13., Person12. and 11 others commented" in text


def test_exactly_ten_events_leave_no_more() -> None:
    assert " more" not in page(events=tuple(an_event(n) for n in range(LISTED))).text


def test_mail_that_cannot_be_turned_off_says_so() -> None:
    made = page(unsubscribe_url="")
    assert "Unsubscribe" not in made.text + made.html
    assert "it concerns your account at Acme" in made.text


def test_a_mail_stays_far_below_what_gmail_clips() -> None:
    events = tuple(an_event(n, name="ж" * 500, content="ж" * 60_000) for n in range(200))
    assert len(page(events=events).html.encode()) < 102_000
