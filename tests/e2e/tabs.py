"""Tabs of a real Chromium, whose complaints are noted: for the tests of the bell and of the demo page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.browser import TELL_VIOLATIONS, Browser, BrowserContext, ConsoleMessage, Page, expect

__all__ = ["Page", "Window", "expect", "window"]


@dataclass
class Window:
    """An empty profile, whose tabs share what a browser's tabs share. `asked` are the addresses asked for."""

    context: BrowserContext
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(15_000)
        self.context.add_init_script(TELL_VIOLATIONS)
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
        self.context.cookies()  # what the browser tells comes in while it is asked something
        return sum(f"/users/{user}/feed/stream" in url for url in self.asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"{message.location['url']}: {message.text}")


@contextmanager
def window(browser: Browser, **options: Any) -> Iterator[Window]:
    """A window; at its end nothing may have been complained of, but what the test took out of `faults`."""
    opened = Window(browser.new_context(locale="en-GB", **options))
    yield opened
    opened.context.close()
    assert not opened.faults, "\n".join(opened.faults)
