"""What a mailbox provider looks for in a notification mail, checked on one that was caught."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

from notifier.catchers.mailbox import CaughtMail

LONGEST_LINE = 998  # octets, RFC 5322 section 2.1.1
GMAIL_CLIPS = 102 * 1024  # octets of HTML
MOST_LINKS = 100
LONGEST_READ = 500_000  # characters of HTML that are searched for links


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and whether the mail keeps it."""

    good: bool
    name: str
    finding: str


@dataclass(frozen=True, slots=True)
class Link:
    """Where the mail leads, and the words that lead there."""

    url: str
    words: str


def checks(mail: CaughtMail) -> list[Check]:
    """The checks, in the order in which a reader would ask."""
    unsubscribe, one_click = mail.header("List-Unsubscribe"), mail.header("List-Unsubscribe-Post")
    longest = max((len(line) for line in mail.raw.splitlines()), default=0)
    html = len(mail.html.encode("utf-8", "replace"))
    return [
        _once(mail, "From"),
        _once(mail, "To"),
        _once(mail, "Subject"),
        _once(mail, "Date"),
        _once(mail, "Message-ID", must=r"<[^<>@\s]+@[^<>@\s]+>"),
        Check("multipart/alternative" in mail.parts, "Text and HTML", " › ".join(mail.parts[:6])),
        Check(bool(re.search(r"<https?://[^>]+>", unsubscribe)), "List-Unsubscribe", unsubscribe or "missing"),
        Check(one_click == "List-Unsubscribe=One-Click", "One-click unsubscribe", one_click or "missing"),
        Check(bool(mail.header("Auto-Submitted")), "Auto-Submitted", mail.header("Auto-Submitted") or "missing"),
        Check(len(mail.recipients) == 1, "One recipient", f"{len(mail.recipients)} in the envelope"),
        Check(longest <= LONGEST_LINE, "Line length", f"longest {longest} octets, at most {LONGEST_LINE}"),
        Check(html <= GMAIL_CLIPS, "Size", f"{mail.size:,} octets, {html:,} of HTML (Gmail clips at {GMAIL_CLIPS:,})"),
    ]


def _once(mail: CaughtMail, name: str, must: str = r".+") -> Check:
    values = [value for found, value in mail.headers if found.lower() == name.lower()]
    if len(values) != 1:
        return Check(False, name, f"{len(values)} times" if values else "missing")
    return Check(bool(re.fullmatch(must, values[0])), name, values[0] or "empty")


def links(mail: CaughtMail) -> list[Link]:
    """The web links of the mail, each once: its headers' first, then the HTML's, else the text's."""
    found = [
        Link(url, "List-Unsubscribe") for url in re.findall(r"<(https?://[^>\s]+)>", mail.header("List-Unsubscribe"))
    ]
    found += _anchors(mail.html) or [Link(url, "") for url in re.findall(r"https?://[^\s<>\"']+", mail.text)]
    return list({link.url: link for link in reversed(found)}.values())[::-1][:MOST_LINKS]


def _anchors(html: str) -> list[Link]:
    reader = _Links()
    try:
        reader.feed(html[:LONGEST_READ])
    except AssertionError:
        # So says the standard library of a declaration like "<![-"; what was found before it stands.
        return reader.found
    return reader.found


class _Links(HTMLParser):
    """Collects the links of an HTML text, with the words inside them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Link] = []
        self._url = ""
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        url = next(_hrefs(attrs), "") if tag == "a" else ""
        if url:
            self._url, self._words = url, []

    def handle_data(self, data: str) -> None:
        if self._url:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._url:
            self.found.append(Link(self._url, " ".join("".join(self._words).split())))
            self._url = ""


def _hrefs(attrs: list[tuple[str, str | None]]) -> Iterator[str]:
    return (value for name, value in attrs if name == "href" and value and value.startswith(("http://", "https://")))
