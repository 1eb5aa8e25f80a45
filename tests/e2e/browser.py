"""A real Chromium, watched: whatever its console complains about is a fault, and so is a request to elsewhere."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright
except ImportError as missing:  # `make test` does without; each test of this folder then says so
    NO_PLAYWRIGHT = f"no Playwright ({missing}): `make e2e` installs it"
    Axe = Browser = BrowserContext = ConsoleMessage = Page = Request = expect = sync_playwright = Any
else:
    NO_PLAYWRIGHT = ""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, NARROW, NARROWEST = 1280, 360, 320
# A violation that a page brings about later is told to the page as well as to the console; here both count.
TELL_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`CSP: ${event.violatedDirective} refuses ${event.blockedURI || event.sample}`));"""


def chromium_path() -> str:
    """The Chromium of this machine: what `CHROMIUM` names, else the first on the PATH; empty where there is none."""
    return os.environ.get("CHROMIUM", "") or next(filter(None, map(shutil.which, CHROMIUM)), "")


def no_browser() -> str:
    """Why no test can run here; empty where they can."""
    if NO_PLAYWRIGHT or chromium_path():
        return NO_PLAYWRIGHT
    return "no Chromium on the PATH: `apt install chromium`, or name one: CHROMIUM=/path/to/chrome"


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, headless."""
    with sync_playwright() as playwright:
        # Chromium's own sandbox wants a user that is not root; the pages are ours.
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    scheme: str = "light"
    width: int = WIDE
    height: int = 800
    javascript: bool = True
    scale: float = 1


@dataclass
class Windows:
    """Windows on the service at `origin`, with what its pages did wrong. `signed_in` are the cookies of an admin."""

    browser: Browser
    origin: str
    signed_in: Any = None
    faults: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, path: str, look: Look | None = None, *, admin: bool | None = None) -> Page:
        """A page in a window of its own, with an empty cache; signed in where the path is an admin page's."""
        admin = path.startswith("/admin") and not path.startswith("/admin/login") if admin is None else admin
        look = look or Look()
        page = self.context(look, admin=admin).new_page()
        page.goto(path)
        if look.javascript and page.locator("notifier-bell").count():
            page.wait_for_selector("html[data-ready]")  # the demo page: until then its people are not there
        return page

    def context(self, look: Look, *, admin: bool = False) -> BrowserContext:
        """An empty window, in which several tabs may be opened."""
        context = self.browser.new_context(
            base_url=self.origin,
            storage_state=self.signed_in if admin else None,
            color_scheme=look.scheme,
            viewport={"width": look.width, "height": look.height},
            java_script_enabled=look.javascript,
            device_scale_factor=look.scale,
            locale="en-GB",
        )
        context.set_default_timeout(15_000)
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.faults.append(f"{error.page.url}: {error.error}"))
        context.on("request", self._asked)
        self.contexts.append(context)
        return context

    def close(self) -> None:
        """Close all windows. Raises `AssertionError` with whatever went wrong in them."""
        for context in self.contexts:
            context.close()
        assert not self.faults, "\n".join(self.faults)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type != "error" or _is_kept_out(message):
            return
        where = message.location
        self.faults.append(f"{where['url']}:{where['lineNumber']}: {message.text}")

    def _asked(self, request: Request) -> None:
        inside = (self.origin, "data:", "blob:", "about:")
        if request.is_navigation_request() or request.url.startswith(inside):
            return
        self.faults.append(f"{request.frame.url} asks for {request.url}")


def _is_kept_out(message: ConsoleMessage) -> bool:
    """Whether this is a picture in a mail: the frame that shows the mail keeps those out, which is what it is for."""
    return message.location["url"].endswith("/html") and "image" in message.text


def sign_in(browser: Browser, origin: str, link: str) -> Any:
    """The cookies of the admin whom the one-time link signs in."""
    context = browser.new_context(base_url=origin)
    page = context.new_page()
    page.goto(link)
    expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
    state = context.storage_state()
    context.close()
    return state


def serious_findings(page: Page) -> list[str]:
    """What axe finds on the page that keeps somebody from using it: rule, element and what would be right."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['html'][:200]} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"][:5]
    ]
