"""Every mail caught, as it came over the wire, and read as far as it can be read."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from notifier.catchers.shelf import Kept, Shelf
from notifier.policy.events import one_line

SUBJECT = 300  # characters of it in lists
HEADER = 8_000  # characters of one header that are read: decoding takes time with the square of its length
_HEAD = 64 * 1024  # octets in which the headers of a list's line are looked for

# All headers as plain text: the parsers of address and date headers stumble over hostile ones.
_TEXT_HEADERS = HeaderRegistry(use_default_map=False)
_POLICY = policy.default.clone(header_factory=_TEXT_HEADERS)
# What the standard library's parser was seen to raise, or can, on broken parameters, odd charsets and
# thousandfold nesting.
_UNREADABLE = (TypeError, ValueError, LookupError, RecursionError)
_CHARSET = re.compile(r"""charset\*?\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)


@dataclass(frozen=True)
class CaughtMail:
    """One mail. The first fields come from its line in the list; the rest is read from the file when asked for."""

    id: str
    received_at: datetime  # aware UTC
    envelope_from: str
    recipients: tuple[str, ...]  # of the envelope
    subject: str
    sender: str  # the From header
    message_id: str
    size: int  # octets
    kept: Kept

    @cached_property
    def raw(self) -> bytes:
        """The mail as it came. Raises `NotKept` when it was cleared meanwhile."""
        return self.kept.content()

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Name and decoded value, in the order of the mail."""
        return tuple((name, _decoded(value)) for name, value in self._message.raw_items())

    @cached_property
    def html(self) -> str:
        """The HTML part, or nothing."""
        return self._text_of("text/html")

    @cached_property
    def text(self) -> str:
        """The plain text part, or nothing."""
        return self._text_of("text/plain")

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The content types, outermost first."""
        return tuple(part.get_content_type() for part in self._message.walk())

    def header(self, name: str) -> str:
        """The first header of this name, decoded, or nothing."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), "")

    @cached_property
    def _message(self) -> EmailMessage:
        return _parsed(self.raw)

    def _text_of(self, content_type: str) -> str:
        for part in self._message.walk():
            if part.get_content_type() == content_type and not part.is_multipart() and not _attached(part):
                return _content(part)
        return ""


class Mailbox:
    """The mails in `folder`/mail, the newest 1,000."""

    def __init__(self, folder: Path) -> None:
        self._shelf = Shelf(folder / "mail")

    def keep(self, envelope_from: str, recipients: list[str], raw: bytes, received_at: datetime) -> str:
        """Keep a mail as it came; gives its id. Its body is not read."""
        head = _head(raw)
        label = {
            "received_at": received_at.isoformat(),
            "envelope_from": readable(envelope_from),
            "recipients": [readable(recipient) for recipient in recipients],
            "subject": _decoded(head["subject"])[:SUBJECT],
            "sender": _decoded(head["from"])[:SUBJECT],
            "message_id": _decoded(head["message-id"])[:SUBJECT],
            "size": len(raw),
        }
        return self._shelf.put(label, raw)

    def recent(self, limit: int, before: str = "", *, to: str = "") -> list[CaughtMail]:
        """The newest mails, newest first; with `to`, those with a recipient that contains it, in any case."""
        found = (kept for kept in self._shelf.all(before) if to.lower() in " ".join(kept.label["recipients"]).lower())
        return [_mail(kept) for kept in islice(found, limit)]

    def open(self, id: str) -> CaughtMail:
        """The mail of this id. Raises `NotKept`."""
        return _mail(self._shelf.open(id))

    def count(self) -> int:
        """How many mails are kept."""
        return self._shelf.count()

    def clear(self) -> None:
        """Throw all mails away."""
        self._shelf.clear()


def readable(text: str) -> str:
    """The text without what cannot be written in UTF-8."""
    return text.encode("utf-8", "replace").decode()


def _mail(kept: Kept) -> CaughtMail:
    label: dict[str, Any] = kept.label
    return CaughtMail(
        id=kept.id,
        received_at=datetime.fromisoformat(label["received_at"]).astimezone(UTC),
        envelope_from=label["envelope_from"],
        recipients=tuple(label["recipients"]),
        subject=label["subject"],
        sender=label["sender"],
        message_id=label["message_id"],
        size=label["size"],
        kept=kept,
    )


def _head(raw: bytes) -> dict[str, str]:
    message = BytesHeaderParser(policy=policy.compat32).parsebytes(raw[:_HEAD])
    found = {"subject": "", "from": "", "message-id": ""}
    for name, value in reversed(list(message.raw_items())):
        if name.lower() in found:
            found[name.lower()] = value
    return found


def _parsed(raw: bytes) -> EmailMessage:
    try:
        return BytesParser(EmailMessage, policy=_POLICY).parsebytes(raw)
    except _UNREADABLE:
        # Its headers and the rest as one text: still more to look at than an error page.
        return BytesHeaderParser(EmailMessage, policy=_POLICY).parsebytes(raw)


def _decoded(value: str) -> str:
    whole = "".join(str(value).splitlines())
    try:
        text = str(_TEXT_HEADERS("x", whole[:HEADER]))
    except _UNREADABLE:
        text = whole[:HEADER]
    return readable(one_line(text))


def _attached(part: EmailMessage) -> bool:
    return str(part.get("content-disposition", "")).lower().lstrip().startswith("attachment")


def _content(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else b""
    named = _CHARSET.search(str(part.get("content-type", "")))
    try:
        return octets.decode(named.group(1) if named else "utf-8", "replace")
    except _UNREADABLE:
        return octets.decode("utf-8", "replace")
