"""A digest as a mail: grouped by thing, counted exactly, the same in both parts, and never longer than is shown."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import css_inline
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.catchers.mail_checks import checks, links
from notifier.catchers.mailbox import Mailbox
from notifier.channels import Notice, Person
from notifier.channels.email import EmailChannel, EmailSettings
from notifier.channels.email.digest import LISTED
from notifier.channels.email.filling import TEMPLATES, Page
from notifier.channels.email.layout import lay_out
from notifier.channels.wording import Writer
from notifier.languages import Languages
from notifier.policy.words import Cadence
from tests.channels.digests import BOB, EIGHT, SUNSET, URL, comment, digest, follow, happened, likes, post, told
from tests.channels.email.conftest import clock
from tests.channels.email.test_layout import Read

DAWN = SUNSET | {"id": "post-8", "name": "Dawn", "url": "https://app.example/p/8", "image": "https://app.example/8.jpg"}
SHARE = told(happened("share", "Ivy"), group="share:post-7@app_1")
SEVEN = (
    comment("Cleo", "What a sky!"),
    comment("Dan", "Wonderful light.", on=DAWN),
    follow("Eva", "Finn", "Gil"),
    likes("Ana", "Ben", "Cleo"),
    likes("Hugo", thing=DAWN),
    SHARE,
    post("Jo", "Hills", image="https://app.example/9.jpg", content="Up at five."),
)


def page(of: Notice) -> Page:
    return lay_out(of, brand="Acme", address="bob@app.example")


def channel() -> EmailChannel:
    return EmailChannel(EmailSettings(server="127.0.0.1", port=25, sender="Acme <news@acme.example>"), clock)


def test_what_happened_to_one_thing_stands_together_below_its_title() -> None:
    made = page(digest(*SEVEN))
    assert made.text.partition("\n-- \n")[0] == (
        "Your daily digest\n"
        "Saturday, November 28, 2026\n"
        "\n"
        "* Sunset\n"
        "  https://app.example/p/7\n"
        "  - Cleo commented on your post\n"
        "    What a sky!\n"
        "    https://app.example/p/7#c-Cleo\n"
        "  - Ana, Ben and 1 other liked your post\n"
        "  - Ivy shared your post\n"
        "\n"
        "* Dawn\n"
        "  https://app.example/p/8\n"
        "  - Dan commented on your post\n"
        "    Wonderful light.\n"
        "    https://app.example/p/8#c-Dan\n"
        "  - Hugo liked your post\n"
        "\n"
        "* Eva, Finn and 1 other follow you now\n"
        "  https://app.example/eva\n"
        "\n"
        "* Jo posted: Hills\n"
        "  Up at five.\n"
        "  https://app.example/p/8\n"
    )


def test_the_html_says_what_the_text_says_in_the_same_order() -> None:
    made = page(digest(*SEVEN))
    html = Read(made.html)
    lines = [line.strip().removeprefix("* ").removeprefix("- ") for line in made.text.split("\n")]
    place = html.words.index("Your daily digest")
    for line in filter(None, lines):
        if line.startswith("https://"):
            assert any(link["href"] == line for link in html.all("a"))
        elif not line.startswith(("--", "Unsubscribe from")):
            place = html.words.index(line, place)
    assert "Unsubscribe from this digest" in html.words


def test_each_thing_has_a_heading_and_its_picture_with_its_name() -> None:
    html = Read(page(digest(*SEVEN)).html)
    assert len(html.all("h1")) == 1
    assert len(html.all("h2")) == 4
    assert [(image["src"], image["alt"]) for image in html.all("img")] == [
        ("https://app.example/7.jpg", "Sunset"),
        ("https://app.example/8.jpg", "Dawn"),
        ("https://app.example/eva.png", "Eva"),
        ("https://app.example/9.jpg", "Hills"),
    ]
    assert all((image["width"], image["height"]) == ("64", "64") for image in html.all("img"))
    assert all(table["role"] == "presentation" for table in html.all("table"))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:image/svg+xml,x", "//x.example/a.png", "https://x y"])
def test_only_pictures_and_links_of_the_web_are_shown(url: str) -> None:
    thing = SUNSET | {"image": url, "url": url}
    html = Read(page(digest(likes("Ana", thing=thing), told(happened("share", object=thing), group="share"))).html)
    assert not html.all("img")
    assert [link["href"] for link in html.all("a")] == [URL]


def test_a_thing_without_a_picture_name_or_link_is_told_of_all_the_same() -> None:
    bare = {"id": "p", "content": "Tonight the moon was very large over the roofs of the town."}
    one = page(digest(likes("Ana", thing=bare))).text
    assert "* Ana liked a post\n  Tonight the moon was very large" in one
    both = page(digest(comment("Cleo", "So it was.", on=bare), likes("Ana", thing=bare))).text
    assert "* Tonight the moon was very large" in both
    assert "  - Cleo commented\n    So it was.\n" in both
    assert "  - Ana liked a post\n    https://app.example/ana\n" in both
    nothing = page(digest(comment("Cleo", "So it was.", on={"id": "p"}), likes("Ana", thing={"id": "p"})))
    assert "* Cleo commented\n  So it was.\n  #c" not in nothing.text
    assert "* Ana liked a post\n" in nothing.text
    assert len(Read(nothing.html).all("h2")) == 1


def test_a_comment_may_begin_as_the_thing_is_called_or_begins() -> None:
    assert "    Sunset, at last!\n" in page(digest(comment("Cleo", "Sunset, at last!"), likes("Ana"))).text
    bare = {"id": "p", "content": "Tonight the moon was large."}
    text = page(digest(comment("Cleo", "Tonight?", on=bare), told(happened("mention", object=bare)))).text
    assert "    Tonight?\n" in text
    assert text.count("Tonight the moon was large.") == 1


def test_a_title_that_a_line_says_already_is_not_said_twice() -> None:
    def sign_in(place: str) -> Notice:
        return told(happened("security", object={"id": "account", "name": f"New sign-in from {place}"}))

    text = page(digest(sign_in("Lima"), sign_in("Rome"))).text
    assert (text.count("New sign-in from Lima"), text.count("New sign-in from Rome")) == (1, 1)


def test_a_post_in_an_album_stands_by_itself_and_a_mention_in_a_comment_with_the_post() -> None:
    album = {"id": "album-1", "name": "Holidays"}
    posts = [told(replace(post("Jo", name).events[0], target=happened("x", object=album).object)) for name in "AB"]
    assert len(Read(page(digest(*posts)).html).all("h2")) == 2
    mention = told(happened("mention", "Dan", object={"id": "c-9", "type": "comment", "content": "See"}, target=SUNSET))
    assert "* Sunset\n" in page(digest(mention, likes("Ana"))).text


def test_things_of_two_apps_with_one_id_are_two_things() -> None:
    other = likes("Ana")
    other = replace(other, events=(replace(other.events[0], app="app_2"),))
    assert len(Read(page(digest(likes("Ana"), other)).html).all("h2")) == 2


def test_what_follows_is_the_same_for_one_thing() -> None:
    made = page(digest(comment("Cleo", "What a sky!")))
    assert made.subject == "Cleo commented on your post: Sunset"
    assert "Your daily digest" in made.text
    assert "* Cleo commented on your post: Sunset\n  What a sky!\n  https://app.example/p/7#c-Cleo\n" in made.text
    assert made.html.index("What a sky!") < made.html.index("<h1"), "the preheader"


def test_the_subject_names_the_first_and_the_preheader_the_next() -> None:
    made = page(digest(*SEVEN))
    assert made.subject == "Cleo commented on your post: Sunset, and 6 more"
    preheader = made.html.partition('class="preheader"')[2] or made.html.partition("<body")[2]
    assert preheader.index("Dan commented on your post: Dawn") < preheader.index("<h1")
    assert page(digest(*SEVEN[:2])).subject == "Cleo commented on your post: Sunset, and 1 more"


def test_a_long_title_leaves_room_for_how_many_there_are() -> None:
    long = SUNSET | {"name": "A " + "very " * 90 + "long title"}
    subject = page(digest(likes("Ana", thing=long), SHARE)).subject
    assert subject.endswith("…, and 1 more")
    assert len(subject) < 120


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
@settings(deadline=None)
def test_what_is_not_shown_is_counted_exactly(about: list[int]) -> None:
    items = [likes(f"Fan{n}", thing=SUNSET | {"id": f"p-{thing}", "name": ""}) for n, thing in enumerate(about)]
    text = page(digest(*items)).text
    shown = len(re.findall(r"Fan\d+ liked", text))
    more = re.search(r"and (\d+) more\n", text)
    assert shown == min(len(items), LISTED)
    assert shown + int(more[1] if more else 0) == len(items)


def test_ten_thousand_things_make_one_small_mail_at_once() -> None:
    items = [likes(f"Fan{n}", thing=SUNSET | {"id": f"p-{n}", "name": f"Title {n}"}) for n in range(10_000)]
    of, started = digest(*items), time.perf_counter()
    made = page(of)
    assert time.perf_counter() - started < 1
    assert "and 9990 more" in made.text
    assert made.subject.endswith(", and 9999 more")
    assert len(made.html.encode()) < 102_000


def test_the_longest_names_and_links_shorten_the_list_not_the_way_out() -> None:
    url = "https://app.example/?" + "&" * 2_027
    long = {"name": '"' * 512, "url": url, "image": url, "type": "post", "owner": "bob"}
    items = [comment('"' * 512, '"' * 60_000, on=SUNSET | long | {"id": f"p-{n}"}) for n in range(12)]
    made = page(digest(*items))
    html = Read(made.html)
    assert len(made.html.encode()) < 102_000
    shown = len(html.all("h2"))
    assert 1 <= shown < LISTED
    assert f"and {12 - shown} more" in html.words
    assert html.all("a")[-1]["href"] == URL


def test_the_same_digest_gives_the_same_octets() -> None:
    first, again = channel().render(digest(*SEVEN), EIGHT), channel().render(digest(*SEVEN), datetime.now(UTC))
    assert first.content == again.content


@pytest.mark.parametrize("locale", ["en", "de", "es", "pt", "ar", "ja", "fr"])
def test_a_digest_passes_every_check_of_a_mailbox(tmp_path: Path, locale: str) -> None:
    mailbox = Mailbox(tmp_path)
    mail = channel().render(digest(*SEVEN, person=Person("bob", "Bob", locale, "Asia/Tokyo")), EIGHT)
    caught = mailbox.open(mailbox.keep(mail.sender, [mail.recipient], raw=mail.content, received_at=EIGHT))
    assert [check.name for check in checks(caught) if not check.good] == []
    assert URL in [link.url for link in links(caught)]
    assert caught.text.replace("\r\n", "\n") == mail.text


def test_its_headers_make_it_a_list_of_its_own_that_replies_to_nothing() -> None:
    found = message_from_bytes(channel().render(digest(*SEVEN), EIGHT).content, policy=policy.default)
    assert found["List-ID"] == "Daily digest <digest-daily.acme.example>"
    assert found["From"] == "Acme <news@acme.example>"
    assert found["Message-ID"] == "<dlv_1@acme.example>"
    assert (found["In-Reply-To"], found["References"]) == (None, None)
    assert found["List-Unsubscribe"] == f"<{URL}>"
    weekly = message_from_bytes(channel().render(digest(*SEVEN, cadence=Cadence.WEEKLY), EIGHT).content)
    assert weekly["List-ID"] == "Weekly digest <digest-weekly.acme.example>"


WHY = " because such mail is turned on for bob@app.example at Acme.\nUnsubscribe from this digest: "


@pytest.mark.parametrize(
    ("cadence", "heading", "period", "why"),
    [
        (Cadence.HOURLY, "Your hourly digest", "Saturday, November 28, 2026, 3:00 AM", "at most once an hour"),
        (Cadence.DAILY, "Your daily digest", "Saturday, November 28, 2026", "once a day (3:00 AM)"),
        (Cadence.WEEKLY, "Your weekly digest", "Nov 21 – 28, 2026", "once a week (Saturday, 3:00 AM)"),
    ],
)
def test_it_says_which_digest_it_is_and_why_one_gets_it(cadence: Cadence, heading: str, period: str, why: str) -> None:
    text = page(digest(*SEVEN, cadence=cadence, person=replace(BOB, timezone="America/New_York"))).text
    said = re.sub(r"[\u2009\u202f]", " ", text)  # Unicode's thin spaces in times and between days
    assert said.startswith(f"{heading}\n{period}\n\n")
    assert f"You get this {why}{WHY}{URL}" in said


def test_the_day_is_that_of_the_persons_place() -> None:
    late = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)
    text = page(digest(*SEVEN, at=late, person=replace(BOB, timezone="Pacific/Auckland"))).text
    assert "Sunday, November 29, 2026" in text


@pytest.mark.parametrize(
    ("locale", "subject", "heading", "period"),
    [
        (
            "de-AT",
            "Cleo hat deinen Beitrag kommentiert: Sunset, dazu 6 weitere Neuigkeiten",
            "Deine tägliche Zusammenfassung",
            "Samstag, 28. November 2026",
        ),
        (
            "es",
            "Cleo comentó tu publicación: Sunset, y 6 novedades más",
            "Tu resumen diario",
            "sábado, 28 de noviembre",
        ),
        ("pt-BR", "Cleo comentou sua publicação: Sunset, e mais 6 novidades", "Seu resumo diário", "28 de novembro"),
        ("ja", "Cleoさんがあなたの投稿にコメントしました：Sunset、他6件", "毎日のまとめ", "2026年11月28日土曜日"),
        (
            "ar",
            "تعليق من \u2068Cleo\u2069 على منشورك: \u2068Sunset\u2069، و6 إشعارات أخرى",
            "ملخّصك اليومي",
            "السبت، 28 نوفمبر 2026",
        ),
    ],
)
def test_it_speaks_the_persons_language(locale: str, subject: str, heading: str, period: str) -> None:
    made = page(digest(*SEVEN, person=Person("bob", "Bob", locale)))
    assert made.subject == subject
    assert made.text.startswith(f"{heading}\n")
    assert period in made.text
    assert " liked" not in made.text + made.html


def test_in_arabic_it_runs_from_right_to_left_and_titles_as_they_are_written() -> None:
    html = Read(page(digest(*SEVEN, person=Person("bob", "Bob", "ar"))).html)
    [root] = html.all("html")
    assert (root["lang"], root["dir"]) == ("ar", "rtl")
    assert len(html.all("bdi")) == 2
    assert all(span["dir"] == "auto" for span in html.all("span"))
    assert "إعجاب من \u2068Ana\u2069 و\u2068Ben\u2069 وشخص آخر بمنشورك" in html.words


def test_what_is_said_in_english_for_want_of_a_translation_is_marked_so_among_the_rest(tmp_path: Path) -> None:
    words = "{% block sentence %}{% trans who %}{{ who }} poked you{% endtrans %}{% endblock %}"
    (tmp_path / "poke.jinja").write_text(words)
    pokes = [told(happened("poke", name, object={"id": f"p-{name}"})) for name in ("Ana", "Ben")]
    of = digest(*pokes, person=Person("bob", "Bob", "ar"))
    made = lay_out(of, brand="Acme", address="bob@app.example", writer=Writer(Languages(), tmp_path))
    html = Read(made.html)
    assert [(heading["lang"], heading["dir"]) for heading in html.all("h2")] == [("en", "ltr")] * 2
    assert html.all("html")[0]["lang"] == "ar"
    assert made.subject == "\u2068Ana poked you\u2069، وإشعار آخر"


def test_markup_of_people_is_shown_not_run() -> None:
    evil = "</h2><script>alert(1)</script>\u202e"
    items = [comment(evil, evil, on=SUNSET | {"name": evil}), likes(evil, thing=SUNSET | {"name": evil})]
    made = page(digest(*items))
    html = Read(made.html)
    assert not html.all("script")
    assert "</h2><script>alert(1)</script> commented on your post" in html.words
    assert "\u202e" not in made.html + made.text + made.subject


def test_its_styles_are_those_that_inlining_the_whole_mail_would_give() -> None:
    made = page(digest(*SEVEN, *(likes("Ana", thing=SUNSET | {"id": f"p-{n}"}) for n in range(9))))
    style = (TEMPLATES / "mail.css").read_text(encoding="utf-8")
    bare = re.sub(r' style="[^"]*"', "", made.html)
    whole = css_inline.inline(bare, extra_css=style, keep_style_tags=True, load_remote_stylesheets=False)
    assert [attributes.get("style") for _, attributes in Read(made.html).tags] == [
        attributes.get("style") for tag, attributes in Read(whole).tags if tag != "tbody"
    ]


def test_a_digest_that_nobody_can_turn_off_offers_no_link() -> None:
    made = page(replace(digest(*SEVEN), unsubscribe_url=""))
    assert "Unsubscribe" not in made.text + made.html
