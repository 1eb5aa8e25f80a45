"""Every page, wide and narrow, light and dark, by keyboard alone: nobody is kept out, and no page is too large."""

import re

import pytest

from tests.e2e.browser import NARROW, NARROWEST, WIDE, Look, Page, Windows, expect, serious_findings
from tests.e2e.places import ADMIN, ALL, MENU_LABELS, SIGNED_IN
from tests.stack import eventually

MOST = 150_000  # octets over the wire of a first load
TABS = 400  # more than there are stops on any page


@pytest.mark.parametrize("place", ALL)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(windows: Windows, addresses: dict[str, str], place: str, scheme: str):
    page = windows.open(addresses[place], Look(scheme=scheme))
    found = {WIDE: serious_findings(page)}
    page.set_viewport_size({"width": NARROW, "height": 740})
    found[NARROW] = serious_findings(page)
    assert found == {WIDE: [], NARROW: []}


@pytest.mark.parametrize("place", ALL)
def test_no_page_scrolls_sideways_on_a_phone(windows: Windows, addresses: dict[str, str], place: str):
    page = windows.open(addresses[place], Look(width=NARROW))
    for width in (NARROW, NARROWEST):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate(TOO_WIDE) == []


# What sticks out of the page, and not within a part that scrolls by itself.
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const hides = (one) => /auto|scroll|hidden/.test(getComputedStyle(one).overflowX);
  const scrolls = (one) => one && (hides(one) || scrolls(one.parentElement));
  return [...document.body.querySelectorAll("*")]
    .filter((one) => one.getBoundingClientRect().right > width + 1 && !scrolls(one.parentElement))
    .map((one) => `${one.outerHTML.slice(0, 120)} ends at ${one.getBoundingClientRect().right} of ${width}`);
}"""


@pytest.mark.parametrize("place", ALL)
def test_a_first_visit_is_a_small_load(windows: Windows, addresses: dict[str, str], place: str):
    page = windows.context(Look(), admin=place in SIGNED_IN).new_page()
    sizes: list[int] = []
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    page.goto(addresses[place])
    page.wait_for_timeout(300)  # what comes after the page itself, such as a part that htmx asks for
    assert 0 < sum(sizes) <= MOST, sizes


@pytest.mark.parametrize("place", ADMIN)
def test_a_page_says_what_it_is_and_where_one_is(windows: Windows, addresses: dict[str, str], place: str):
    page = windows.open(addresses[place])
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("main")).to_have_count(1)
    heading = page.get_by_role("heading", level=1).inner_text()
    assert page.title().endswith("· Notifier")
    assert len(page.title()) > len("· Notifier"), heading
    here = page.get_by_role("navigation", name="Pages", exact=True).locator("[aria-current=page]")
    assert here.all_inner_texts() == [place.partition(":")[0]]


@pytest.mark.parametrize("place", MENU_LABELS)
def test_the_keyboard_alone_reaches_the_menu_and_the_rows(windows: Windows, addresses: dict[str, str], place: str):
    page = windows.open(addresses[place])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    stops = _stops(page)
    assert {"nav", "main"} <= {stop["within"] for stop in stops} | ({"main"} if not _has_stops(page) else set())
    assert [stop["what"] for stop in stops if not stop["ring"]] == []
    if page.locator("main tbody tr a").count():
        assert any(stop["row"] for stop in stops)


@pytest.mark.parametrize("place", MENU_LABELS)
def test_the_skip_link_leads_past_the_menu_and_a_slash_to_the_search(
    windows: Windows, addresses: dict[str, str], place: str
):
    page = windows.open(addresses[place])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    if _has_stops(page):
        page.keyboard.press("Tab")
        assert page.evaluate("Boolean(document.activeElement.closest('main'))")
    search = page.get_by_role("searchbox").first
    if search.count():
        page.locator("h1").click()
        page.keyboard.press("/")
        expect(search).to_be_focused()
        expect(search).to_have_value(search.input_value())


def test_single_keys_lead_about_but_not_while_one_writes_or_once_they_are_off(windows: Windows):
    page = windows.open("/admin")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys.get_by_text("Dead letters")).to_be_visible()
    expect(keys.get_by_role("button", name="Close")).to_be_focused()
    assert serious_findings(page) == []
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.get_by_role("searchbox").first.focus()
    page.keyboard.type("gl")
    expect(page.get_by_role("searchbox").first).to_have_value("gl")
    page.locator("h1").click()
    page.keyboard.type("gl")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dead letters")
    with page.expect_event("load"):
        page.keyboard.press("r")
    page.get_by_role("button", name="Keys", exact=True).click()
    keys.get_by_role("button", name="Turn them off").click()
    page.keyboard.press("Escape")
    page.keyboard.type("go")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dead letters")


def _has_stops(page: Page) -> bool:
    return page.locator("main a, main button, main input, main select, main summary").count() > 0


def _stops(page: Page) -> list[dict[str, object]]:
    """Where the Tab key leads, from the skip link to the end of the page."""
    stops: list[dict[str, object]] = []
    for _ in range(TABS):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None or (stops and stop == stops[0]):
            break
        stops.append(stop)
    return stops


STOP = """() => {
  const one = document.activeElement;
  if (!one || one === document.body || one.classList.contains("skip")) return null;
  const style = getComputedStyle(one);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const within = one.closest("nav.side") ? "nav" : one.closest("main") ? "main" : "frame";
  const what = one.outerHTML.slice(0, 160), row = Boolean(one.closest("tbody tr"));
  return { what, ring: ring || one.tagName === "IFRAME", within, row };
}"""


@pytest.mark.parametrize("javascript", [True, False], ids=["with a script", "without a script"])
def test_on_a_phone_the_menu_opens_at_a_touch_and_leads_on(windows: Windows, javascript: bool):
    page = windows.open("/admin/deliveries", Look(width=NARROW, javascript=javascript))
    menu = page.get_by_role("navigation", name="Pages", exact=True)
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(menu.get_by_role("link", name="Deliveries")).to_have_attribute("aria-current", "page")
    menu.get_by_role("link", name="Schedules").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Schedules")


def test_a_table_that_is_wider_than_the_window_is_scrolled_by_keyboard(windows: Windows):
    page = windows.open("/admin/deliveries", Look(width=NARROW))
    table = page.get_by_role("region", name=re.compile("newest first", re.IGNORECASE))
    table.focus()
    page.keyboard.press("ArrowRight")
    eventually(lambda: page.evaluate("document.activeElement.scrollLeft > 0"))
    page.set_viewport_size({"width": 2400, "height": 800})
    expect(page.locator("main .scroll").first).not_to_have_attribute("tabindex", "0")
