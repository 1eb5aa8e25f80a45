"""The bell on a page of another origin, in a real browser: live, of one mind in all tabs, there when things fail."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e import tabs
from tests.e2e.shop import Shop
from tests.e2e.tabs import Page, Window, expect
from tests.stack import Stack, comment, eventually

STATE = "window.bell.notifier.pushState()"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with Shop() as opened:
        yield opened


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Iterator[Stack]:
    """A service that the shop's pages may call."""
    with Stack(tmp_path_factory.mktemp("bell"), MAIL_SERVER="", ALLOWED_ORIGINS=shop.origin) as running:
        shop.notifier = running.ready["url"]
        yield running


@pytest.fixture
def bob(shop: Shop, stack: Stack) -> str:
    """A new person, who is signed in at the shop."""
    shop.user, shop.lang, shop.tokens = f"bob-{uuid.uuid4().hex}", "en", token_of(stack)
    stack.person(shop.user, email=False)
    return shop.user


def token_of(stack: Stack, seconds: int = 3_600) -> Callable[[str], str]:
    path = "/v1/users/{}/token"
    return lambda user: stack.call("POST", path.format(user), {"ttl_seconds": seconds}).json["token"]


@pytest.fixture
def window(chromium: Any, bob: str) -> Iterator[Window]:
    with tabs.window(chromium) as opened:
        yield opened


def bell(page: Page, unread: int) -> Any:
    """The bell, as a screen reader names it."""
    name = f"Notifications: {unread} unread" if unread else "Notifications"
    return page.get_by_role("button", name=name, exact=True)


def tell(stack: Stack, user: str, text: str = "Hello!", actor: str = "ana") -> None:
    """Somebody comments, and it stands in the person's feed; each comment on a post of its own."""
    event = comment(actor, to=user)
    event["data"]["object"] |= {"id": uuid.uuid4().hex, "content": text}
    event["data"]["target"] |= {"id": uuid.uuid4().hex, "name": text}
    event["data"]["actor"] |= {"name": actor.title()}
    stack.post(event)


def rows(page: Page) -> Any:
    return page.locator("notifier-bell [part~=item]")


def test_two_tabs_are_of_one_mind_and_share_one_stream(window: Window, shop: Shop, stack: Stack, bob: str):
    first, second = window.tab(shop.origin), window.tab(shop.origin)
    expect(bell(first, 0)).to_be_visible()
    expect(bell(second, 0)).to_be_visible()
    tell(stack, bob, "One")
    tell(stack, bob, "Two")
    expect(bell(first, 2)).to_be_visible()
    expect(bell(second, 2)).to_be_visible()
    bell(second, 2).click()
    expect(rows(second)).to_have_count(2)
    second.get_by_role("button", name="Mark as read: Ana commented on your post: One").click()
    expect(bell(first, 1)).to_be_visible()
    bell(first, 1).click()
    expect(first.locator("notifier-bell .new")).to_have_count(1)
    first.get_by_role("button", name="Mark all as read").click()
    expect(bell(second, 0)).to_be_visible()
    expect(second.locator("notifier-bell .new")).to_have_count(0)
    assert stack.call("GET", f"/v1/users/{bob}/feed").json["unread"] == 0
    assert window.streams(bob) == 1


def test_when_the_tab_with_the_stream_is_closed_another_goes_on_and_misses_nothing(
    window: Window, shop: Shop, stack: Stack, bob: str
):
    first, second = window.tab(shop.origin), window.tab(shop.origin)
    expect(bell(second, 0)).to_be_visible()
    eventually(lambda: window.streams(bob) == 1)
    first.close()
    tell(stack, bob)
    expect(bell(second, 1)).to_be_visible()
    eventually(lambda: window.streams(bob) == 2)


def test_an_item_that_is_opened_is_read_and_one_that_is_taken_back_goes(
    window: Window, shop: Shop, stack: Stack, bob: str
):
    page = window.tab(shop.origin)
    event = comment("ana", to=bob)
    stack.post(event)
    bell(page, 1).click()
    page.evaluate("bell = document.querySelector('notifier-bell'); opened = [];")
    page.evaluate("bell.addEventListener('notifier-open', (e) => { e.preventDefault(); opened.push(e.detail.type); })")
    rows(page).locator(".go").click()
    expect(bell(page, 0)).to_be_visible()
    assert page.evaluate("opened") == ["comment.created"]
    stack.post(event | {"type": "comment.deleted"})
    expect(rows(page)).to_have_count(0)
    expect(page.get_by_text("Nothing yet.")).to_be_visible()


def test_everything_can_be_done_by_keyboard(window: Window, shop: Shop, stack: Stack, bob: str):
    page = window.tab(shop.origin)
    tell(stack, bob)
    button = bell(page, 1)
    button.focus()
    assert button.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    focused = (
        "(() => { const at = document.activeElement.shadowRoot.activeElement; return at.ariaLabel ?? at.innerText; })()"
    )
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Mark all as read"
    page.keyboard.press("Tab")
    assert "Ana commented on your post" in page.evaluate(focused)
    page.keyboard.press("Tab")
    assert page.evaluate(focused).startswith("Mark as read: Ana")
    page.keyboard.press("Enter")
    expect(bell(page, 0)).to_be_visible()
    assert "Ana commented on your post" in page.evaluate(focused)  # not lost with the button
    page.keyboard.press("Escape")
    expect(bell(page, 0)).to_have_attribute("aria-expanded", "false")
    assert page.evaluate(focused) == "Notifications"


def test_a_screen_reader_is_told_of_what_comes(window: Window, shop: Shop, stack: Stack, bob: str):
    page = window.tab(shop.origin)
    expect(bell(page, 0)).to_be_visible()
    tell(stack, bob, "Good morning")
    expect(page.locator("notifier-bell [role=status]")).to_have_text("Ana commented on your post: Good morning")


def test_where_no_stream_can_be_had_the_bell_asks_from_time_to_time(window: Window, shop: Shop, stack: Stack, bob: str):
    window.context.route("**/feed/stream*", lambda route: route.abort())
    page = window.tab(shop.origin)
    expect(bell(page, 0)).to_be_visible()
    tell(stack, bob)
    expect(bell(page, 1)).to_be_visible(timeout=30_000)
    window.faults.clear()  # the browser complains of each stream that was cut off


def test_a_token_that_has_run_out_is_replaced(window: Window, shop: Shop, stack: Stack, bob: str):
    good, handed = shop.tokens, []

    def tokens(user: str) -> str:
        handed.append(user)
        return "nt_old" if len(handed) == 1 else good(user)

    shop.tokens = tokens
    page = window.tab(shop.origin)
    tell(stack, bob)
    expect(bell(page, 1)).to_be_visible()
    assert handed == [bob, bob]
    assert all("401" in fault for fault in window.faults)
    window.faults.clear()


def test_a_bell_whose_feed_cannot_be_had_says_so_and_tries_again(window: Window, shop: Shop, stack: Stack, bob: str):
    window.context.route("**/feed?*", lambda route: route.fulfill(status=503, body="{}"))
    page = window.tab(shop.origin)
    bell(page, 0).click()
    again = page.get_by_role("button", name="This could not be loaded. Try again")
    expect(again).to_be_visible()
    window.context.unroute("**/feed?*")
    tell(stack, bob)
    again.click()
    expect(rows(page)).to_have_count(1)
    expect(again).to_be_hidden()
    window.faults.clear()


@pytest.mark.parametrize(("lang", "title", "direction"), [("de", "Mitteilungen", "ltr"), ("ar", "الإشعارات", "rtl")])
def test_the_bell_speaks_the_language_of_its_page(
    window: Window, shop: Shop, bob: str, lang: str, title: str, direction: str
):
    shop.lang = lang
    page = window.tab(shop.origin)
    page.get_by_role("button", name=title, exact=True).click()
    panel = page.get_by_role("region", name=title)
    expect(panel).to_have_attribute("dir", direction)
    expect(panel.get_by_role("heading", name=title)).to_be_visible()


def test_more_is_loaded_on_demand_and_nothing_of_the_text_becomes_markup(
    window: Window, shop: Shop, stack: Stack, bob: str
):
    for number in range(24):
        tell(stack, bob, f"<img src=x onerror=alert({number})>")
    page = window.tab(shop.origin)
    bell(page, 24).click()
    expect(rows(page)).to_have_count(20)
    page.get_by_role("button", name="Older").click()
    expect(rows(page)).to_have_count(24)
    expect(page.get_by_role("button", name="Older")).to_be_hidden()
    expect(rows(page).first).to_contain_text("<img src=x")


def test_a_page_may_ask_for_pushes_in_a_click_alone(window: Window, shop: Shop, bob: str):
    page = window.tab(shop.origin)
    page.evaluate("window.bell = document.querySelector('notifier-bell')")
    eventually(lambda: page.evaluate("Boolean(bell.notifier)"))
    said = page.evaluate("bell.notifier.subscribe().catch((error) => error.code)")
    assert said in ("click", "denied")  # a headless browser may have refused before anybody asked


def test_a_push_service_that_cannot_be_reached_is_told_of_in_time(window: Window, shop: Shop, bob: str):
    window.context.grant_permissions(["notifications"], origin=shop.origin)
    page = window.tab(shop.origin)
    page.evaluate("window.bell = document.querySelector('notifier-bell')")
    eventually(lambda: page.evaluate("Boolean(bell.notifier)"))
    assert page.evaluate(STATE) == "off"
    said = page.evaluate("bell.notifier.subscribe().catch(({ code, message }) => ({ code, message }))")
    assert said["code"] == "unreachable", said
    assert "push service cannot be reached" in said["message"]
    assert page.evaluate(STATE) == "off"
    window.faults[:] = [fault for fault in window.faults if "incognito" not in fault]  # such windows have none


@pytest.fixture
def worker(window: Window, shop: Shop, bob: str) -> "Worker":
    window.context.grant_permissions(["notifications"], origin=shop.origin)
    return Worker(window.tab(shop.origin), shop.origin)


def _is_at(registration: dict[str, Any], origin: str) -> bool:
    return registration["scopeURL"] == f"{origin}/" and not registration["isDeleted"]


class Worker:
    """The service worker of a page, to which pushes are handed as a push service's would be."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self._origin = page, origin
        self._tools = page.context.new_cdp_session(page)
        known: list[str] = []
        self._tools.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda said: known.extend(one["registrationId"] for one in said["registrations"] if _is_at(one, origin)),
        )
        self._tools.send("ServiceWorker.enable")
        page.evaluate("navigator.serviceWorker.register('/notifier-sw.js').then(() => navigator.serviceWorker.ready)")
        # A push to one that is still on its way there is lost.
        ready = "navigator.serviceWorker.ready.then((registration) => registration.active.state === 'activated')"
        eventually(lambda: page.evaluate(ready))
        eventually(lambda: page.wait_for_timeout(100) or known)
        self._id = known[-1]
        self._inside = next(one for one in page.context.service_workers if one.url.startswith(origin))
        self._inside.evaluate("""() => {
            const show = registration.showNotification.bind(registration);
            self.count = 0;
            registration.showNotification = (...given) => show(...given).then(() => { self.count += 1; });
        }""")

    def push(self, payload: str) -> None:
        """Deliver a push with this text, and wait until it is shown.

        Whoever asks for what is shown before lets Chromium forget it: what is kept and not on the screen yet is
        tidied away.
        """
        self.push_at_once(payload)

    def push_at_once(self, *payloads: str) -> None:
        """Deliver these, each while those before are still being shown, and wait until all are."""
        before = self._inside.evaluate("self.count")
        for payload in payloads:
            said = {"origin": self._origin, "registrationId": self._id, "data": payload}
            self._tools.send("ServiceWorker.deliverPushMessage", said)
        eventually(lambda: self._inside.evaluate("self.count") == before + len(payloads))

    def know(self, **state: str) -> None:
        """Leave with the worker what a page that subscribes leaves there."""
        put = "caches.open('notifier').then((kept) => kept.put('/notifier-state', new Response(state)))"
        self.page.evaluate(f"(state) => {put}", json.dumps(state))

    def shown(self) -> list[dict[str, Any]]:
        """What the browser shows."""
        return self.page.evaluate("""async () => (await (await navigator.serviceWorker.ready).getNotifications())
            .map(({ title, body, tag, lang, data }) => ({ title, body, tag, lang, data }))""")


def test_a_push_is_shown_and_a_later_one_of_the_same_tag_takes_its_place(worker: Worker, shop: Shop):
    note = {"title": "Ana liked your post", "body": "Sunset", "lang": "en", "dir": "ltr", "tag": "a"}
    note |= {"navigate": "https://app.example/p/7", "data": {"delivery": "dlv_1", "notification": "ntf_1"}}
    worker.push(json.dumps({"web_push": 8030, "notification": note}))
    [shown] = eventually(worker.shown)
    assert (shown["title"], shown["body"], shown["tag"], shown["lang"]) == ("Ana liked your post", "Sunset", "a", "en")
    assert shown["data"] == {"delivery": "dlv_1", "notification": "ntf_1", "url": "https://app.example/p/7"}
    worker.push(json.dumps({"notification": note | {"title": "Ana and Ben liked your post"}}))
    eventually(lambda: [one["title"] for one in worker.shown()] == ["Ana and Ben liked your post"])


@pytest.mark.parametrize(
    "payload", ["", "not JSON", "null", "[]", '{"notification": 7}', '{"notification": {"body": 1}}']
)
def test_a_push_that_makes_no_sense_is_shown_all_the_same(worker: Worker, shop: Shop, payload: str):
    worker.push(payload)
    [shown] = eventually(worker.shown)
    assert shown["title"] == "New notification"
    assert shown["data"] == {"url": f"{shop.origin}/"}


@pytest.mark.parametrize("link", ["javascript:alert(1)", 7, None, "data:text/html,x"])
def test_a_push_leads_nowhere_but_to_web_pages(worker: Worker, shop: Shop, link: Any):
    worker.push(json.dumps({"notification": {"title": "Hi", "navigate": link}}))
    [shown] = eventually(worker.shown)
    assert shown["data"]["url"] == f"{shop.origin}/"


def test_a_push_without_a_link_leads_to_the_page_that_subscribed_to_it(worker: Worker, shop: Shop):
    worker.know(home=f"{shop.origin}/settings")
    worker.push(json.dumps({"notification": {"title": "Hi"}}))
    [shown] = eventually(worker.shown)
    assert shown["data"]["url"] == f"{shop.origin}/settings"


def test_pushes_that_come_at_once_are_all_shown(worker: Worker):
    titles = [f"Ana liked post {n}" for n in range(12)]
    worker.push_at_once(*(json.dumps({"notification": {"title": one, "tag": one}}) for one in titles))
    eventually(lambda: sorted(one["title"] for one in worker.shown()) == sorted(titles))
