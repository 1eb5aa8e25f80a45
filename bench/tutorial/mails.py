"""Mails in the tutorial way: `render_template`, css-inline, and one `mail.send` each."""

from collections.abc import Mapping
from typing import Any

import css_inline
from flask import render_template
from flask_mail import Mail, Message

mail = Mail()


def send_mail(to: str, data: Mapping[str, Any]) -> None:
    """Render and send one mail about a comment."""
    message = Message(
        f"Comments on {data['target']['name']}",
        recipients=[to],
        extra_headers={
            "List-Unsubscribe": "<https://app.example/u/abcdefghijklmnopqrstuvw>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    message.body = render_template("comment.txt", to=to, **data)
    message.html = css_inline.inline(render_template("comment.html", to=to, **data))
    mail.send(message)
