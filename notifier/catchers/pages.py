"""The pages under `/dev`: what was caught, drawn and checked, and the switches that make the catchers fail.

For development only. No page needs a script; the only foreign content, a caught mail's HTML, is served into a sandbox.
"""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from notifier.catchers import mail_pages, push_pages
from notifier.catchers.faults import Faults
from notifier.catchers.given import EXTENSION, Catchers, given
from notifier.catchers.mailbox import Mailbox
from notifier.catchers.push import PushCatcher
from notifier.catchers.push_pages import receive_push
from notifier.catchers.shelf import NotKept

_STRICT = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def dev_pages(
    mailbox: Mailbox, push: PushCatcher, faults: Faults, subscribe_user: Callable[[str, dict[str, Any]], str]
) -> Blueprint:
    """The blueprint of `/dev`. The app gives CSRF tokens and exempts `receive_push`, which senders post to.

    `subscribe_user` is handed a user's id and a subscription shaped like `PushSubscription.toJSON()`; see `Catchers`.
    """
    catchers = Catchers(mailbox, push, faults, subscribe_user)
    pages = Blueprint("dev", __name__, url_prefix="/dev", template_folder="templates", static_folder="static")
    pages.record_once(lambda state: state.app.extensions.update({EXTENSION: catchers}))
    pages.register_error_handler(NotKept, _not_kept)
    pages.after_request(_guarded)
    pages.add_url_rule("", "index", index, strict_slashes=False)
    _add_mail_pages(pages)
    _add_push_pages(pages)
    return pages


def _add_mail_pages(pages: Blueprint) -> None:
    pages.add_url_rule("/mail", "mail_list", mail_pages.mail_list)
    pages.add_url_rule("/mail.json", "mail_list_json", mail_pages.mail_list_json)
    pages.add_url_rule("/mail/<id>", "mail_page", mail_pages.mail_page)
    pages.add_url_rule("/mail/<id>.json", "mail_page_json", mail_pages.mail_page_json)
    pages.add_url_rule("/mail/<id>/html", "mail_html", mail_pages.mail_html)
    pages.add_url_rule("/mail/<id>/raw", "mail_raw", mail_pages.mail_raw)
    pages.add_url_rule("/mail/faults", "set_mail_faults", mail_pages.set_mail_faults, methods=["POST"])
    pages.add_url_rule("/mail/clear", "clear_mail", mail_pages.clear_mail, methods=["POST"])


def _add_push_pages(pages: Blueprint) -> None:
    pages.add_url_rule("/push", "push_list", push_pages.push_list)
    pages.add_url_rule("/push.json", "push_list_json", push_pages.push_list_json)
    pages.add_url_rule("/push/<id>", "push_page", push_pages.push_page)
    pages.add_url_rule("/push/e/<id>", "receive_push", receive_push, methods=["POST"])
    pages.add_url_rule("/push/faults", "set_push_faults", push_pages.set_push_faults, methods=["POST"])
    pages.add_url_rule("/push/clear", "clear_pushes", push_pages.clear_pushes, methods=["POST"])
    pages.add_url_rule("/push/subscriptions", "make_subscription", push_pages.make_subscription, methods=["POST"])
    ending = "/push/subscriptions/<id>/end"
    pages.add_url_rule(ending, "end_subscription", push_pages.end_subscription, methods=["POST"])


def index() -> str:
    """What is here."""
    catchers = given()
    return render_template(
        "dev/index.html",
        mails=catchers.mailbox.count(),
        pushes=catchers.push.count(),
        switches=catchers.faults.switches(),
        mail_faults=mail_pages.FAULTS,
        push_faults=push_pages.FAULTS,
    )


def _not_kept(_fault: NotKept) -> ResponseReturnValue:
    return render_template("dev/gone.html"), 404


def _guarded(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", _STRICT)
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", "no-referrer")
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


__all__ = ["dev_pages", "receive_push"]
