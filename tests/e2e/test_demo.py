"""The page `/demo` in a real browser: two people, what they do, and what becomes of it before one's eyes."""

from collections.abc import Iterator
from typing import Any

import pytest

from notifier.catchers.demo.story import PEOPLE
from tests.e2e import tabs
from tests.e2e.tabs import Page, Window, expect
from tests.media.pictures import photo
from tests.stack import Stack

ANA, BOB = PEOPLE
NARROW, WIDE = 360, 1280


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("demo"), MAIL_SERVER="", GATHER_SCALE="1") as running:
        yield running


@pytest.fixture
def window(chromium: Any) -> Iterator[Window]:
    with tabs.window(chromium) as opened:
        yield opened


@pytest.fixture
def page(window: Window, stack: Stack) -> Page:
    return ready(window.tab(f"{stack.ready['url']}/demo"))


def ready(page: Page) -> Page:
    """The page once its people are there and its buttons do something."""
    page.wait_for_selector("html[data-ready]")
    return page


def card(page: Page, name: str) -> Any:
    return page.get_by_role("region", name=name, exact=True)


def test_a_comment_becomes_a_mail_a_push_and_a_line_behind_the_bell(page: Page):
    card(page, "Ana").get_by_label("Comment by Ana").fill("Looks <b>delicious</b>!")
    card(page, "Ana").get_by_role("button", name="Comment").click()
    entry = page.locator("#chain > li").first
    expect(entry.get_by_role("heading")).to_contain_text("Looks <b>delicious</b>!")
    mail = entry.frame_locator("iframe")
    expect(mail.locator(".excerpt")).to_have_text("Looks <b>delicious</b>!")
    expect(entry.locator(".notification .title")).to_have_text(f"Ana commented on your post: {BOB.title}")
    expect(entry.locator(".why tbody tr")).to_have_count(3)
    entry.get_by_text("The signed request").click()
    expect(entry.locator("pre").first).to_contain_text("webhook-signature: v1,")
    bob = card(page, "Bob")
    bob.get_by_role("button", name="unread").click()
    expect(bob.locator("[part~=unread]").first).to_contain_text(f"Ana commented on your post: {BOB.title}")


def test_a_photo_is_posted_at_once_and_its_versions_appear_as_they_are_made(page: Page, window: Window):
    octets = photo(6, 3000, 4000)
    ana = card(page, "Ana")
    ana.get_by_label("Post a photo").set_input_files([{"name": "sea.jpg", "mimeType": "image/jpeg", "buffer": octets}])
    ana.get_by_label("What it shows").fill("The sea")
    ana.get_by_role("button", name="Post", exact=True).click()
    entry = page.locator("#chain > li").first
    expect(entry.get_by_role("heading")).to_contain_text("Ana posts The sea")
    expect(entry.locator(".versions li")).to_have_count(8)
    expect(entry.locator(".versions a")).to_have_count(8, timeout=30_000)
    expect(entry.get_by_text("Versions, as they are made: 8 of 8")).to_be_visible()
    shown = entry.locator(".versions img").first
    assert shown.evaluate("one => one.decode().then(() => one.naturalWidth)") == 2048
    expect(entry.locator(".why tbody th", has_text="demo-bob").first).to_be_visible()
    decoded = "one => one.decode().then(() => one.naturalWidth)"
    assert entry.frame_locator("iframe").get_by_alt_text("The sea").evaluate(decoded) == 640
    assert entry.locator(".notification img.wide").evaluate(decoded) == 1080
    ana.get_by_label("Post a photo").set_input_files([{"name": "no.jpg", "mimeType": "image/jpeg", "buffer": b"no"}])
    ana.get_by_role("button", name="Post", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("It is neither JPEG, PNG")
    [refused] = window.faults
    assert "422" in refused
    window.faults.clear()


def test_what_gathers_is_sent_at_once_by_a_button_and_an_undo_is_told_of(page: Page):
    bob = card(page, "Bob")
    bob.get_by_role("button", name="Follow Ana").click()
    first = page.locator("#chain > li").first
    first.get_by_role("button", name="Do not wait").click()
    expect(first.locator(".notification .title")).to_have_text("Bob follows you now")
    bob.get_by_role("button", name="Like").click()
    expect(page.locator("#chain > li").first.get_by_text("waiting").first).to_be_visible()
    bob.get_by_role("button", name="Undo").click()
    expect(page.locator("#chain > li")).to_have_count(3)
    expect(page.locator("#chain > li").nth(1).get_by_text("cancelled").first).to_be_visible()


def test_a_browser_that_may_not_subscribe_is_told_why(page: Page):
    ana = card(page, "Ana")
    ana.get_by_text("Devices of Ana").click()
    ana.get_by_role("button", name="Push to this browser").click()
    # A headless browser has no push service, and no one who could allow it.
    expect(ana.locator(".device").get_by_role("status")).to_have_text(
        "Notifications are blocked for this site. Allow them in the browser's settings."
    )


def test_a_service_that_is_away_is_told_of(page: Page, window: Window):
    window.context.route("**/demo/acts", lambda route: route.fulfill(status=500, body="broken"))
    card(page, "Ana").get_by_role("button", name="Like").click()
    expect(page.get_by_role("alert")).to_contain_text("The service answered 500")
    window.faults.clear()  # the browser complains of the 500, as it should


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_nothing_is_wider_than_the_screen(chromium: Any, stack: Stack, scheme: str, width: int):
    with tabs.window(chromium, color_scheme=scheme, viewport={"width": width, "height": 800}) as window:
        page = ready(window.tab(f"{stack.ready['url']}/demo"))
        card(page, "Ana").get_by_role("button", name="Comment").click()
        page.wait_for_selector("iframe")
        card(page, "Bob").get_by_role("button", name="Notifications").click()
        page.wait_for_selector("notifier-bell [part=list] li")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(246, 247, 249)") is (scheme == "light")
