"""The mail that lets an admin in: in English, as the admin pages are."""

from dataclasses import dataclass, field
from datetime import datetime

from notifier.channels import Answer
from notifier.channels.email.channel import EmailChannel
from notifier.channels.email.filling import filled, linked
from notifier.channels.email.mime import Letter, Mail, write_mail
from notifier.channels.email.settings import EmailSettings
from notifier.policy.outcomes import Outcome

SUBJECT = "Your link to sign in to %s"


@dataclass(frozen=True, slots=True)
class SignInMail:
    """What such a mail says. `asked_from` is a network address, `more_url` where another link is to be had."""

    id: str
    to: str
    url: str = field(repr=False)
    more_url: str
    asked_from: str
    at: datetime


def send_signin_mail(channel: EmailChannel, settings: EmailSettings, mail: SignInMail) -> Outcome:
    """Send it over the relay, once; what the relay answered."""
    answers: list[Answer] = []
    channel.send([written(settings, mail)], answers.append)
    return answers[0].outcome


def written(settings: EmailSettings, mail: SignInMail) -> Mail:
    """The mail as it goes over the wire."""
    context = _context(settings, mail)
    return write_mail(
        Letter(
            delivery_id=mail.id,
            host=settings.host,
            type="sign-in",
            created_at=mail.at,
            from_name=settings.brand,
            from_address=settings.sender_address,
            to_name="",
            to_address=mail.to,
            subject=SUBJECT % settings.brand,
            text=filled("mail.txt", context),
            html=filled("mail.html", context),
            list_name="Sign-in links",
        )
    )


def _context(settings: EmailSettings, mail: SignInMail) -> dict[str, object]:
    who = f"Somebody at {mail.asked_from} asked for this link" if mail.asked_from else "You were asked in"
    excerpt = [
        "The link works once, for 15 minutes.",
        f"Another one: {mail.more_url}",
        f"{who}. If you do not expect it, do nothing: without this mail nobody gets in.",
    ]
    return {
        "sentence": f"Sign in to {settings.brand}",
        "subject": SUBJECT % settings.brand,
        "excerpt": excerpt,
        "excerpt_direction": "ltr",
        "preheader": excerpt[0],
        "action": "Sign in",
        "url": linked(mail.url),
        "image": "",
        "image_width": 0,
        "image_height": 0,
        "image_fills": False,
        "image_alt": "",
        "image_said": "",
        "avatar": "",
        "actor": "",
        "lines": [],
        "more": "",
        "language": "en",
        "direction": "ltr",
        "brand": settings.brand,
        "note": f"You get this because {mail.to} looks after {settings.brand}.",
        "unsubscribe": "",
        "unsubscribe_url": "",
        "settings": "",
        "preferences_url": "",
        "why_url": "",
    }
