"""What the browser tests share: one service with a history, one Chromium, an admin who is signed in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import browser, places
from tests.e2e.browser import Browser, Windows
from tests.e2e.firefox import NO_FIREFOX, firefox_path
from tests.e2e.lived_in import lived_in
from tests.stack import Stack

HERE = Path(__file__).parent
PATIENCE = 300  # seconds for one test: the first waits until the demo was played


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this folder their time, and skip them where there is nothing to run them with."""
    reason = browser.no_browser()
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(PATIENCE))
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which browsers were there, and how those that were not can be had."""
    terminalreporter.section("browsers")
    why = browser.no_browser()
    terminalreporter.line(f"Chromium: everything was skipped: {why}" if why else f"Chromium: {browser.chromium_path()}")
    terminalreporter.line(f"Firefox: {firefox_path() or NO_FIREFOX}")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service after a little while of the demo."""
    with lived_in(tmp_path_factory.mktemp("e2e"), "--no-scenes", "--rate", "40/s", "--minutes", "0.1") as stack:
        yield stack


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of this run."""
    with browser.chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def known(chromium: Browser, service: Stack) -> Windows:
    """Windows in which the owner is signed in by the link that `notifier up` printed."""
    origin = service.ready["url"]
    return Windows(chromium, origin, browser.sign_in(chromium, origin, service.ready["admin_url"]))


@pytest.fixture
def windows(known: Windows) -> Iterator[Windows]:
    """Windows of one test; it fails if anything goes wrong in one of them."""
    opened = Windows(known.browser, known.origin, known.signed_in)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def addresses(known: Windows, service: Stack) -> dict[str, str]:
    """Where each page is."""
    found = places.addresses(known, service)
    known.close()
    return found
