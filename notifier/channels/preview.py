"""Previews: a notice as each channel would word it, and what is wrong with that; nothing is sent."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser

from notifier.channels import Answer, Notice
from notifier.channels.email import EmailChannel
from notifier.channels.email.filling import stop_page
from notifier.channels.email.mime import Mail
from notifier.channels.push.encoder import LARGEST
from notifier.channels.push.payload import payload
from notifier.channels.wording import Writer
from notifier.policy.outcomes import Outcome

CLIPPED = 102 * 1024  # octets of HTML after which Gmail cuts a mail off
SUBJECT = 78  # characters; phones show fewer still
# What a template leaves behind where a variable was not filled in.
_UNFILLED = re.compile(r"\{\{|\{%|%\(\w+\)s")


@dataclass(frozen=True, slots=True)
class Shown:
    """A push as a browser shows it."""

    title: str
    body: str
    navigate: str
    octets: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A notice in the words of each channel; `raw` is the mail with its headers, `lang` what it is written in."""

    subject: str
    text: str
    html: str
    raw: bytes
    push: Shown
    lang: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, whether it is as it should be, and what was found."""

    name: str
    fine: bool
    says: str


class Previewer:
    """Words notices as the mail and push channels do."""

    def __init__(self, email: EmailChannel, writer: Writer) -> None:
        self._email = email
        self.writer = writer

    def preview(self, notice: Notice, now: datetime) -> Preview:
        """The notice on every channel at this moment (aware UTC). Raises `TemplateFault`."""
        mail = self._email.render(notice, now)
        octets = payload(notice, self.writer)
        shown = json.loads(octets)["notification"]
        push = Shown(shown["title"], shown.get("body", ""), shown.get("navigate", ""), len(octets))
        return Preview(mail.subject, mail.text, mail.html, mail.content, push, shown["lang"])

    def send(self, notice: Notice, now: datetime) -> Outcome:
        """Send the mail alone to the notice's address; what the relay answered. Raises `TemplateFault`."""
        return self._sent(self._email.render(notice, now))

    def send_copy(self, notice: Notice) -> Outcome:
        """Send the mail marked as a copy, likewise. Raises `TemplateFault`."""
        return self._sent(self._email.copy(notice))

    def _sent(self, mail: Mail) -> Outcome:
        answers: list[Answer] = []
        self._email.send([mail], answers.append)
        return answers[0].outcome

    def lacks(self, type_: str, locale: str) -> list[str]:
        """The messages of a type's template that a language has no words for. Raises `TemplateFault`."""
        return self.writer.lacks(type_, locale)


def checks(notice: Notice, preview: Preview) -> list[Check]:
    """What is looked at in a preview, in the order of how much it would hurt."""
    return list(_checks(notice, preview))


def _checks(notice: Notice, preview: Preview) -> Iterator[Check]:
    found, size = _Found(preview.html), len(preview.html.encode())
    words = f"{preview.subject}\n{preview.text}\n{preview.html}\n{preview.push.title}\n{preview.push.body}"
    left = sorted(set(_UNFILLED.findall(words)))
    yield Check("Variables", not left, f"left as they stand: {' '.join(left)}" if left else "all are filled in")
    yield _unsubscribe(notice, preview, found)
    yield Check("Text part", bool(preview.text.strip()), f"{len(preview.text.split())} words")
    bare = found.without_alt
    says = f"{bare} of {found.images} lack one" if bare else f"{found.images} images, each with its text"
    yield Check("Alternative texts", not bare, says)
    yield Check("Size", size < CLIPPED, f"{size / 1024:,.1f} KB of HTML; Gmail cuts a mail off at 102 KB")
    length = len(preview.subject)
    yield Check("Subject", 0 < length <= SUBJECT, f"{length} characters; up to {SUBJECT} are shown")
    octets = preview.push.octets
    yield Check("Push", octets <= LARGEST, f"{octets:,} octets of at most {LARGEST:,}")


def _unsubscribe(notice: Notice, preview: Preview, found: "_Found") -> Check:
    if not notice.unsubscribe_url:
        return Check("Unsubscribe", True, "nobody can turn this type off, so it has no link")
    in_header = b"List-Unsubscribe:" in preview.raw.partition(b"\r\n\r\n")[0]
    in_both = stop_page(notice) in found.links and stop_page(notice) in preview.text
    says = "in the header, the HTML and the text" if in_header and in_both else "must be in header, HTML and text"
    return Check("Unsubscribe", in_header and in_both, says)


class _Found(HTMLParser):
    """What stands in a mail's HTML: its links, and its images."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.images = 0
        self.without_alt = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.links.add(given.get("href") or "")
        if tag == "img":
            self.images += 1
            self.without_alt += "alt" not in given
