"""Tabs of a real Chromium, whose complaints are noted: for the tests of the bell and of the demo page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

try:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
except ImportError as missing:
    NO_CHROMIUM = f"no Playwright ({missing}): pip install -r requirements-dev.txt"
    Browser = BrowserContext = ConsoleMessage = Page = expect = sync_playwright = Any
else:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    NO_CHROMIUM = "" if found else "no Chromium on the PATH: `apt install chromium`, or name one: CHROMIUM=/path"

# A violation is told to the page as well as to the console; both count.
TELL = """document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`CSP: ${event.violatedDirective} refuses ${event.blockedURI || event.sample}`));"""


@dataclass
class Window:
    """An empty profile, whose tabs share what a browser's tabs share. `asked` are the addresses asked for."""

    context: BrowserContext
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(15_000)
        self.context.add_init_script(TELL)
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.faults.append(str(error.error)))
        self.context.on("request", lambda request: self.asked.append(request.url))

    def tab(self, url: str) -> Page:
        """The page in a tab of its own."""
        page = self.context.new_page()
        page.goto(url)
        return page

    def streams(self, user: str) -> int:
        """How many streams of this person's feed were asked for."""
        return sum(f"/users/{user}/feed/stream" in url for url in self.asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"{message.location['url']}: {message.text}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, headless."""
    with sync_playwright() as playwright:
        # Chromium's own sandbox wants a user that is not root; the pages are ours.
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        yield browser
        browser.close()


@contextmanager
def window(browser: Browser, **options: Any) -> Iterator[Window]:
    """A window; at its end nothing may have been complained of, but what the test took out of `faults`."""
    opened = Window(browser.new_context(locale="en-GB", **options))
    yield opened
    opened.context.close()
    assert not opened.faults, "\n".join(opened.faults)
