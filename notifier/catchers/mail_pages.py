"""The pages of the mail catcher: the list, one mail, its HTML in a sandbox, and the switches."""

from collections import Counter
from typing import Any

from flask import Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from notifier.catchers.faults import MailFault
from notifier.catchers.given import PAGE, given, rows_asked, switch_asked
from notifier.catchers.mail_checks import checks, links
from notifier.catchers.mailbox import CaughtMail, readable

LONGEST_SHOWN = 200_000  # characters of a text on a page; the rest is in the download
VIEWS = ("html", "text", "headers", "raw")
FAULTS = {
    MailFault.BUSY: "421 try again later, connection closed",
    MailFault.GREYLISTED: "451 4.7.1 greylisted",
    MailFault.NO_MAILBOX: "550 5.1.1 no such mailbox",
    MailFault.REJECTED: "554 5.7.1 refused by policy",
    MailFault.DROPPED: "drop the connection after the final dot (the mail is kept)",
}
# No script, no form, no request leaves the frame, but for the versions of pictures that we made ourselves.
_SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data: {images}"


def mail_list() -> str:
    """Every mail caught, newest first; `?to=` finds a recipient, `?before=` goes back, `?live=1` looks again."""
    mailbox, to = given().mailbox, request.args.get("to", "").strip()
    mails = mailbox.recent(PAGE, request.args.get("before", ""), to=to)
    times = Counter(mail.message_id for mail in mails if mail.message_id)
    return render_template(
        "dev/mails.html",
        mails=mails,
        again={message_id for message_id, count in times.items() if count > 1},
        to=to,
        count=mailbox.count(),
        older=mails[-1].id if len(mails) == PAGE else "",
        switch=given().faults.switches().mail,
        faults=FAULTS,
    )


def mail_list_json() -> Response:
    """The list for scripts: `?to=`, `?limit=`, `?before=`."""
    limit = rows_asked()
    mails = given().mailbox.recent(limit, request.args.get("before", ""), to=request.args.get("to", "").strip())
    older = mails[-1].id if len(mails) == limit else None
    return jsonify({"data": [_line(mail) for mail in mails], "next_cursor": older})


def mail_page(id: str) -> str:
    """One mail: as HTML in a frame, as text, its headers, or as it came."""
    mail = given().mailbox.open(id)
    asked = request.args.get("view", "")
    view = asked if asked in VIEWS else "html" if mail.html else "text"
    return render_template(
        "dev/mail.html",
        mail=mail,
        view=view,
        views=VIEWS,
        phone=request.args.get("width") == "phone",
        images=request.args.get("images") == "1",
        checks=checks(mail),
        links=links(mail),
        shown=_shown(mail, view),
    )


def mail_page_json(id: str) -> Response:
    """One mail for scripts, with its headers, text and HTML."""
    mail = given().mailbox.open(id)
    headers = [{"name": name, "value": value} for name, value in mail.headers]
    return jsonify(_line(mail) | {"headers": headers, "text": readable(mail.text), "html": readable(mail.html)})


def mail_html(id: str) -> Response:
    """The mail's HTML for the sandboxed frame; `?images=1` lets it load pictures of others."""
    html = given().mailbox.open(id).html
    answer = Response(html.encode("utf-8", "replace"), content_type="text/html; charset=utf-8")
    images = "https: http:" if request.args.get("images") == "1" else f"{request.host_url}media/"
    answer.headers["Content-Security-Policy"] = _SANDBOX.format(images=images)
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


def mail_raw(id: str) -> Response:
    """The mail as it came, to be saved and opened elsewhere."""
    mail = given().mailbox.open(id)
    answer = Response(mail.raw, content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{mail.id}.eml"'
    return answer


def set_mail_faults() -> ResponseReturnValue:
    """Put the mail catcher's switch in the posted position."""
    given().faults.set_mail(switch_asked(FAULTS))
    return redirect(url_for("dev.mail_list"), 303)


def clear_mail() -> ResponseReturnValue:
    """Throw all mails away."""
    given().mailbox.clear()
    return redirect(url_for("dev.mail_list"), 303)


def _shown(mail: CaughtMail, view: str) -> str:
    text = mail.raw.decode("utf-8", "replace") if view == "raw" else mail.text
    return readable(text[:LONGEST_SHOWN])


def _line(mail: CaughtMail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "received_at": mail.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "envelope_from": mail.envelope_from,
        "to": mail.recipients,
        "from": mail.sender,
        "subject": mail.subject,
        "message_id": mail.message_id,
        "size": mail.size,
        "links": {
            "page": url_for("dev.mail_page", id=mail.id),
            "json": url_for("dev.mail_page_json", id=mail.id),
            "html": url_for("dev.mail_html", id=mail.id),
            "raw": url_for("dev.mail_raw", id=mail.id),
        },
    }
