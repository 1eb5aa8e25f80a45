"""Our own versions of a post's picture, in the size that each channel shows; else the picture that the event names."""

import json
from dataclasses import replace

from notifier.channels import Notice
from notifier.channels.email.layout import lay_out
from notifier.channels.illustration import Image
from notifier.channels.push.payload import payload
from notifier.channels.wording import Writer
from notifier.languages import Languages
from notifier.policy.media import Media
from notifier.policy.pictures import Picture, Standing, Version
from tests.channels.digests import comment, digest, post
from tests.channels.email.test_layout import Read

BASE = "https://notify.example/media"
WRITER = Writer(Languages(), None, BASE)
SIZES = ((2048, 2731), (1080, 1440), (640, 853), (320, 427))
OURS = Picture(
    "ast_1",
    Media.IMAGE,
    Standing.READY,
    (
        *(Version(f"w{width}.jpeg", "jpeg", f"{width}.jpg", width, height, 9) for width, height in SIZES),
        *(Version(f"w{width}.webp", "webp", f"{width}.webp", width, height, 9) for width, height in SIZES),
        Version("square150.jpeg", "jpeg", "square.jpg", 150, 150, 9),
    ),
    alt='The "sea" & sky',
)
POSTER = replace(OURS, versions=(Version("poster.jpeg", "jpeg", "poster.jpg", 320, 180, 9),), alt="")
POST = post("Ana", "Harbour", image="https://app.example/9.jpg")


def showing(notice: Notice, picture: Picture) -> Notice:
    return replace(notice, pictures={notice.events[-1].id: picture})


def images(notice: Notice) -> list[dict[str, str | None]]:
    page = lay_out(notice, brand="Acme", address="bob@app.example", writer=WRITER)
    return [
        attributes for tag, attributes in Read(page.html).tags if tag == "img" and "jpg" in (attributes["src"] or "")
    ]


def test_a_mail_shows_it_as_wide_as_its_card_and_says_what_it_shows():
    (image,) = images(showing(POST, OURS))
    assert {name: image[name] for name in ("src", "width", "height", "alt")} == {
        "src": f"{BASE}/640.jpg",
        "width": "534",
        "height": "712",
        "alt": 'The "sea" & sky',
    }
    text = lay_out(showing(POST, OURS), brand="Acme", address="bob@app.example", writer=WRITER).text
    assert '\n\n[Picture: The "sea" & sky]\n\n' in text
    assert "jpg" not in text


def test_a_small_poster_is_not_blown_up_and_without_words_bears_the_title():
    (image,) = images(showing(POST, POSTER))
    assert (image["src"], image["width"], image["height"], image["alt"]) == (
        f"{BASE}/poster.jpg",
        "320",
        "180",
        "Harbour",
    )
    assert "width: 100%;" not in (image["style"] or "").replace("max-width: 100%;", "")


def test_a_digest_shows_small_squares_beside_what_is_told():
    found = images(digest(showing(POST, OURS), showing(post("Ben", "Hill"), POSTER), comment("Cleo", "Nice!")))
    assert [(one["src"], one["width"], one["height"], one["alt"]) for one in found] == [
        (f"{BASE}/square.jpg", "64", "64", 'The "sea" & sky'),
        (f"{BASE}/poster.jpg", "64", "64", "Hill"),
        ("https://app.example/7.jpg", "64", "64", "Sunset"),
    ]


def test_a_push_shows_it_as_wide_as_a_phone_and_what_is_not_there_is_the_apps_own():
    def image(notice: Notice) -> str:
        return str(json.loads(payload(notice, WRITER))["notification"]["image"])

    assert image(showing(POST, OURS)) == f"{BASE}/1080.jpg"
    assert image(POST) == "https://app.example/9.jpg"
    assert image(showing(POST, replace(OURS, versions=()))) == "https://app.example/9.jpg"
    assert Writer(Languages()).word(showing(POST, OURS)).image.sized(640) == Image("https://app.example/9.jpg")
