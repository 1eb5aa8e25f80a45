"""All pages that are walked through, by name: those of the menu, what their first rows lead to, and all others."""

import re
from typing import Any

from notifier.web.admin.menu import MENU
from tests.e2e.browser import Page, Windows
from tests.stack import Stack

MENU_LABELS = tuple(item.label for group in MENU for item in group.items)
# Lists whose rows are links to a page each.
LISTS = ("Deliveries", "Events", "People", "Digests", "Schedules", "Templates", "Apps & keys", "Media")
ONES = tuple(f"{label}: first row" for label in LISTS)
ADMIN = (*MENU_LABELS, *ONES)
SIGNED_IN = (*ADMIN, "account", "jobs")  # the last two stand beside the menu
PUBLIC = ("preferences", "unsubscribe", "why")
CAUGHT = ("catchers", "mails", "mail", "mail: text", "mail: headers", "mail: raw", "pushes", "push")
OTHERS = ("sign-in", "docs", "demo", *PUBLIC, *CAUGHT)
ALL = (*SIGNED_IN, *OTHERS)


def addresses(windows: Windows, stack: Stack) -> dict[str, str]:
    """Where each of these pages is, found as a person finds it: by links."""
    page = windows.open("/admin")
    found = _menu(page)
    for label, name in zip(LISTS, ONES, strict=True):
        page.goto(found[label])
        found[name] = _first_row(page, found[label])
    alone = {"account": "/admin/account", "jobs": "/admin/jobs", "sign-in": "/admin/login", "docs": "/docs"}
    return found | _caught(stack) | _public(stack) | alone | {"demo": "/demo"}


def links_of(stack: Stack, mail: dict[str, Any]) -> dict[str, str]:
    """The pages that a mail's text leads to: `p`, `u`, and `why`."""
    text = stack.call("GET", mail["links"]["json"]).json["text"]
    return {kind: path for path, kind in re.findall(r"(/(p|u|why)/[\w.~-]+)", text)}


def mails(stack: Stack, to: str = "") -> list[dict[str, Any]]:
    """What the mailbox caught, newest first."""
    return stack.call("GET", f"/dev/mail.json?to={to}&limit=50").json["data"]


def _menu(page: Page) -> dict[str, str]:
    links = page.get_by_role("navigation", name="Pages", exact=True).get_by_role("link").all()
    return {link.inner_text(): link.get_attribute("href") for link in links}


def _first_row(page: Page, path: str) -> str:
    row = page.locator(f'main tbody a[href^="{path}/"]').first
    return row.get_attribute("href")


def _caught(stack: Stack) -> dict[str, str]:
    mail = mails(stack)[0]["links"]["page"]
    push = stack.call("GET", "/dev/push.json?limit=1").json["data"][0]["links"]["page"]
    views = {f"mail: {view}": f"{mail}?view={view}" for view in ("text", "headers", "raw")}
    return {"catchers": "/dev", "mails": "/dev/mail", "mail": mail, "pushes": "/dev/push", "push": push, **views}


def _public(stack: Stack) -> dict[str, str]:
    of_one_type = next(links for mail in mails(stack) if "u" in (links := links_of(stack, mail)))
    return {"preferences": of_one_type["p"], "unsubscribe": of_one_type["u"], "why": of_one_type["why"]}
