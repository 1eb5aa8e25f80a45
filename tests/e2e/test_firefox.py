"""A real push, from an event to what Firefox shows: encrypted by us, decrypted by the browser, drawn by our worker."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.firefox import NO_FIREFOX, Firefox, firefox_path
from tests.e2e.places import links_of, mails
from tests.e2e.push_service import DECRYPTED, PushService
from tests.e2e.shop import Shop
from tests.stack import Stack, comment, eventually

pytestmark = pytest.mark.skipif(not firefox_path(), reason=NO_FIREFOX)

NOTIFIER = "const { notifier } = document.querySelector('notifier-bell');"
READY = "return Boolean(document.querySelector('notifier-bell')?.notifier);"
SHOWN = """
    const worker = await navigator.serviceWorker.ready;
    return (await worker.getNotifications()).map(({ title, body, tag, data }) => ({ title, body, tag, data }));
"""

MARKED = "return document.querySelector('.devices .own:not([hidden])') !== null;"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with Shop() as opened:
        yield opened


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Iterator[Stack]:
    """A service that the shop's pages may call."""
    with Stack(tmp_path_factory.mktemp("firefox"), MAIL_SERVER="", ALLOWED_ORIGINS=shop.origin) as running:
        shop.notifier = running.ready["url"]
        shop.tokens = lambda user: running.call("POST", f"/v1/users/{user}/token", {}).json["token"]
        yield running


@pytest.fixture
def pushes() -> Iterator[PushService]:
    """The push service that Firefox is connected to."""
    with PushService() as running:
        yield running


@pytest.fixture
def visitor(tmp_path: Path, stack: Stack, shop: Shop, pushes: PushService) -> Iterator[Firefox]:
    """Firefox on a page of the shop, which may show notifications; somebody is signed in there."""
    shop.user = f"fay-{uuid.uuid4().hex}"
    stack.person(shop.user, email=False)
    with Firefox(tmp_path, pushes.address) as running:
        running.grant("notifications", shop.origin)
        running.open(shop.origin)
        eventually(lambda: running.evaluate(READY))
        yield running


def test_firefox_decrypts_a_push_and_shows_what_happened(
    stack: Stack, shop: Shop, pushes: PushService, visitor: Firefox
):
    assert visitor.evaluate(f"{NOTIFIER} return notifier.subscribe();") == "on"
    stack.post(comment("gus", to=shop.user))
    eventually(lambda: pushes.acks or pushes.faults)
    assert (pushes.faults, set(pushes.acks.values())) == ([], {DECRYPTED})
    [shown] = eventually(lambda: visitor.evaluate(SHOWN))
    assert shown["title"].startswith("Gus commented on your post")
    assert shown["data"]["url"] == "https://app.example/p/7"
    # Firefox may show it before the push service's answer is on record.
    [delivery] = eventually(lambda: stack.deliveries(user=shop.user, channel="push", state="sent"))
    assert shown["data"]["delivery"] == delivery["id"]


def test_after_unsubscribing_firefox_is_sent_nothing(stack: Stack, shop: Shop, pushes: PushService, visitor: Firefox):
    visitor.evaluate(f"{NOTIFIER} await notifier.subscribe();")
    assert visitor.evaluate(f"{NOTIFIER} return notifier.unsubscribe();") == "off"
    stack.post(comment("gus", to=shop.user))
    [delivery] = eventually(lambda: stack.deliveries(user=shop.user, channel="push"))
    assert (delivery["state"], delivery["reason"]) == ("skipped", "no_address")
    assert pushes.posted == []


def test_the_settings_page_turns_push_on_in_its_browser_and_off_again(
    stack: Stack, pushes: PushService, tmp_path: Path
):
    user = f"fay-{uuid.uuid4().hex}"
    stack.person(user)
    stack.post(comment("gus", to=user))
    mail = eventually(lambda: mails(stack, to=f"{user}@app.example"))[0]
    origin = stack.ready["url"]
    with Firefox(tmp_path, pushes.address) as firefox:
        firefox.grant("notifications", origin)
        firefox.open(origin + links_of(stack, mail)["p"])
        eventually(lambda: firefox.evaluate("return !document.getElementById('this-browser').hidden;"))
        firefox.evaluate("document.querySelector('#this-browser button').click();")
        eventually(lambda: firefox.evaluate(MARKED))
        stack.post(comment("hal", to=user))
        eventually(lambda: pushes.acks or pushes.faults)
        assert (pushes.faults, set(pushes.acks.values())) == ([], {DECRYPTED})
        [shown] = eventually(lambda: firefox.evaluate(SHOWN))
        assert shown["title"].startswith("Hal commented on your post")
        firefox.evaluate("document.querySelector('.devices button').click();")
        eventually(lambda: firefox.evaluate("return document.querySelector('.devices') === null;"))
        stack.post(comment("ian", to=user))
        eventually(lambda: stack.deliveries(user=user, channel="push", reason="no_address"))
        assert len(pushes.posted) == 1


def test_a_subscription_that_ended_without_a_word_is_found_out_at_the_next_push(
    stack: Stack, shop: Shop, pushes: PushService, visitor: Firefox
):
    visitor.evaluate(f"{NOTIFIER} await notifier.subscribe();")
    silently = "return (await (await navigator.serviceWorker.ready).pushManager.getSubscription()).unsubscribe();"
    assert visitor.evaluate(silently)
    stack.post(comment("gus", to=shop.user))
    eventually(lambda: stack.deliveries(user=shop.user, channel="push", state="failed", reason="address_gone"))
    assert pushes.posted == []
