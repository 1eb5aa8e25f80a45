"""Writes a mail as the octets that go over the wire: RFC 5322 headers, RFC 2045 parts, CRLF, no line too long.

By hand, because the standard library folds a long `List-Unsubscribe` into encoded words, which removes the button at
the receiver, and takes many times as long. What comes from people is encoded or quoted here, whatever it holds.
"""

import binascii
import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

from notifier.channels import Shown, TemplateFault
from notifier.policy.events import one_line

NAME = 100  # characters of a display name; what is longer is no name
SUBJECT = 250
_LINE = 76
_WORD = 39  # octets per encoded word, so that even the first line of a header stays within 76
# Without quotes a header keeps no others apart; `=?` would be read as an encoded word.
_PLAIN = re.compile(r"[\x20-\x7e]*")
_HEADER_URL = re.compile(r"https?://[\x21-\x3b\x3d\x3f-\x7e]{1,940}")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one recipient, written once: the same octets on every try."""

    delivery_id: str
    sender: str  # envelope
    recipient: str
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    content: bytes = field(repr=False)  # headers and parts, CRLF, not dot-stuffed

    def shown(self) -> Shown:
        """What it says, for people to read."""
        head = self.content.partition(b"\r\n\r\n")[0].decode()
        lines = [line.partition(":") for line in re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n")]
        headers = tuple((name, value.strip()) for name, _, value in lines)
        return Shown(
            self.subject, self.text, self.html, headers, raw=self.content, suffix=".eml", media_type="message/rfc822"
        )


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says, before it is written."""

    delivery_id: str
    host: str  # right side of the ids
    type: str  # short form, "comment"; of a digest "digest-daily"
    created_at: datetime  # aware; the Date of every try
    from_name: str
    from_address: str
    to_name: str
    to_address: str
    subject: str
    text: str
    html: str
    list_name: str = ""  # printable ASCII; without one, the type's
    group: str = ""
    unsubscribe_url: str = ""


def write_mail(letter: Letter) -> Mail:
    """Write the letter. Raises `TemplateFault` where the unsubscribe link cannot stand in a header."""
    content = "\r\n".join((*_headers(letter), "", "")).encode() + _parts(letter)
    return Mail(
        letter.delivery_id,
        letter.from_address,
        letter.to_address,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        content=content,
    )


def message_id(delivery_id: str, host: str) -> str:
    """The Message-ID of a delivery, the same on every try, so that a receiver can fold a mail that came twice."""
    return f"<{delivery_id}@{host}>"


def thread_id(group: str, host: str) -> str:
    """The root of a group's thread; never sent itself. A hash, because a group may hold what no header may."""
    return f"<thread-{hashlib.sha256(group.encode('utf-8', 'replace')).hexdigest()[:32]}@{host}>"


def _headers(letter: Letter) -> list[str]:
    lines = [
        f"From: {mailbox(letter.from_name, letter.from_address)}",
        f"To: {mailbox(letter.to_name, letter.to_address)}",
        f"Subject: {unstructured(letter.subject[:SUBJECT])}",
        f"Date: {format_datetime(letter.created_at)}",
        f"Message-ID: {message_id(letter.delivery_id, letter.host)}",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{_boundary(letter)}"',
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        f"List-ID: {_list_id(letter)}",
    ]
    if letter.group:
        root = thread_id(letter.group, letter.host)
        lines += [f"In-Reply-To: {root}", f"References: {root}"]
    if letter.unsubscribe_url:
        lines += _unsubscribe(letter.unsubscribe_url)
    return lines


def _unsubscribe(url: str) -> list[str]:
    # RFC 8058: one https URI, on one line, never encoded.
    if not _HEADER_URL.fullmatch(url):
        raise TemplateFault("The unsubscribe link must be an http(s) URL of at most 940 printable ASCII characters.")
    return [f"List-Unsubscribe: <{url}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]


def _list_id(letter: Letter) -> str:
    label = re.sub(r"[^a-z0-9.-]+", "-", letter.type.lower()).strip("-.") or "news"
    return f"{letter.list_name or f'{label.capitalize()} notifications'} <{label}.{letter.host}>"


def mailbox(name: str, address: str) -> str:
    """A display name and address as header text (RFC 5322 section 3.4), the name quoted or encoded where it must be."""
    name = one_line(name)[:NAME].rstrip()
    if not name:
        return address
    if not _is_plain(name) or len(name) > _WORD:
        return f"{encoded(name)}\r\n <{address}>"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>'


def unstructured(text: str) -> str:
    """Text as the value of a header like Subject, folded (RFC 5322 section 2.2.3) or encoded (RFC 2047)."""
    text = one_line(text)
    if not _is_plain(text) or any(len(word) > _WORD for word in text.split(" ")):
        return encoded(text)
    return folded(text)


def folded(text: str) -> str:
    """Plain words on lines of at most 76 octets, room for a header's name included."""
    lines = [""]
    for word in text.split(" "):
        if len(lines[-1]) + len(word) > _LINE - 12 and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def encoded(text: str) -> str:
    """The text as RFC 2047 encoded words, each whole characters, one a line."""
    words, start = [], 0
    octets = text.encode("utf-8", "replace")
    while start < len(octets):
        end = min(start + _WORD, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        words.append(f"=?utf-8?b?{b64encode(octets[start:end]).decode()}?=")
        start = end
    return "\r\n ".join(words)


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and "=?" not in text


def _parts(letter: Letter) -> bytes:
    boundary = _boundary(letter).encode()
    return b"".join(
        (
            b"--%b\r\nContent-Type: text/plain; charset=utf-8\r\n" % boundary,
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
            quoted_printable(letter.text),
            b"\r\n--%b\r\nContent-Type: text/html; charset=utf-8\r\n" % boundary,
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
            quoted_printable(letter.html),
            b"\r\n--%b--\r\n" % boundary,
        )
    )


def quoted_printable(text: str) -> bytes:
    """The text as quoted-printable UTF-8 with CRLF (RFC 2045 section 6.7); no line is over 76 octets."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    # b2a_qp breaks lines the way that it finds them broken, so it must find one; it is taken off again.
    return binascii.b2a_qp(f"{lines}\r\n".encode("utf-8", "replace"), istext=True)[:-2]


def _boundary(letter: Letter) -> str:
    # No line of quoted-printable can hold "=_" (RFC 2045, section 6.7).
    return f"=_{letter.delivery_id}"
