"""What came to the two people of `/demo`: the caught mails and pushes of some deliveries."""

import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import url_for

from notifier.catchers.mailbox import Mailbox
from notifier.catchers.push import PushCatcher
from notifier.catchers.push_pages import drawn

LOOKED_AT = 100  # of a person's newest messages
_FILE = re.compile(r"/media/[0-9a-f]+\.[a-z]+")
_DELIVERY = re.compile(r"dlv_[0-9a-f]{32}")


def mails(mailbox: Mailbox, to: str, deliveries: Collection[str]) -> Iterator[dict[str, Any]]:
    """The mails of these deliveries, the newest first, each with the address of its HTML."""
    for mail in mailbox.recent(LOOKED_AT, to=to):
        found = _DELIVERY.search(mail.message_id)
        if found and found[0] in deliveries:
            links = {
                "html": url_for("dev.mail_html", id=mail.id, images=1),
                "page": url_for("dev.mail_page", id=mail.id),
            }
            yield {"delivery": found[0], "to": to, "subject": mail.subject, **links}


def pushes(catcher: PushCatcher, user: str, deliveries: Collection[str]) -> Iterator[dict[str, Any]]:
    """The pushes of these deliveries that were taken, the newest first, as a phone would draw them."""
    for push in catcher.recent(LOOKED_AT, user=user):
        found = _DELIVERY.search(push.plaintext)
        if push.status == 201 and found and found[0] in deliveries:
            shown = drawn(push)
            page = url_for("dev.push_page", id=push.id)
            words = {"title": shown.title, "body": shown.body, "image": _of_ours(shown.image)}
            yield {"delivery": found[0], "user": user, "page": page, **words}


def _of_ours(image: str) -> str:
    """The path of a picture that we serve ourselves: the page shows no other."""
    path = urlsplit(image).path
    return path if _FILE.fullmatch(path) else ""
