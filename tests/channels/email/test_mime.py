"""A written mail, read back by the standard library's parser: it says what was meant, whatever it was given."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import Person, TemplateFault
from notifier.channels.email import EmailChannel, EmailSettings, Mail
from notifier.channels.email.mime import NAME, SUBJECT, Letter, write_mail
from notifier.policy.events import Actor, one_line
from tests.channels.email.conftest import NOW, a_notice, an_event, clock

LETTER = Letter(
    delivery_id="dlv_1",
    host="acme.example",
    type="comment",
    created_at=NOW,
    from_name="Acme",
    from_address="news@acme.example",
    to_name="Bob",
    to_address="bob@app.example",
    subject="Hello",
    text="Text",
    html="<p>Text</p>",
)
HOSTILE = [
    "Doe, John",
    "bob@evil.example",
    'Quote " and \\ backslash',
    "<script>alert(1)</script>",
    "Ann\r\nBcc: eve@evil.example",
    "Ann\r\n\r\nBody",
    "a\u202egnp.exe",
    "עברית ואנגלית",
    "🎉 Partý 👩‍👩‍👧",
    "=?utf-8?q?evil?=",
    "Ann\x00\x1b[31m",
    "Ann\u2028Bcc: eve",
    "(comment)",
    "a; b: c, d <e>",
    "x" * 500,
    "ж" * 500,
    "word " * 100,
    "\ud800 lone",
    "",
    " ",
]


def read(mail: Mail) -> EmailMessage:
    """The mail as a receiver reads it, after a check of every octet."""
    content = mail.content
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    assert b"\x00" not in content
    assert content.endswith(b"\r\n")
    head, _, body = content.partition(b"\r\n\r\n")
    assert body.isascii()
    # Only the one-click link may be long: folding would break it.
    assert all(len(line) <= 78 or line.startswith((b"List-Unsubscribe:", b"List-ID")) for line in head.split(b"\r\n"))
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    assert not any(part.defects for part in message.walk())
    assert [header.lower() for header in message].count("bcc") == 0
    assert len({header.lower() for header in message}) == len(message.keys())
    return message


def meant(text: str) -> str:
    return one_line(text).encode("utf-8", "replace").decode()


def display_name(mail: Mail, header: str) -> str:
    """The name as mail clients decode it: the newer parser puts spaces between encoded words (cf. RFC 2047, 6.2)."""
    raw = message_from_bytes(mail.content)[header]
    return str(make_header(decode_header(parseaddr(raw)[0])))


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_the_skeleton_is_what_the_standards_ask() -> None:
    letter = replace(LETTER, group="comment:post-7", unsubscribe_url="https://app.example/u/token")
    message = read(write_mail(letter))
    assert list(message.items()) == [
        ("From", "Acme <news@acme.example>"),
        ("To", "Bob <bob@app.example>"),
        ("Subject", "Hello"),
        ("Date", "Wed, 04 Mar 2026 05:06:07 +0000"),
        ("Message-ID", "<dlv_1@acme.example>"),
        ("MIME-Version", "1.0"),
        ("Content-Type", 'multipart/alternative; boundary="=_dlv_1"'),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("List-ID", "Comment notifications <comment.acme.example>"),
        ("In-Reply-To", message["References"]),
        ("References", message["References"]),
        ("List-Unsubscribe", "<https://app.example/u/token>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_a_mail_that_cannot_be_turned_off_has_no_unsubscribe_header() -> None:
    message = read(write_mail(LETTER))
    assert message["List-Unsubscribe"] is None
    assert message["List-Unsubscribe-Post"] is None
    assert message["References"] is None


@pytest.mark.parametrize("length", [30, 78, 200, 900])
def test_the_unsubscribe_link_is_never_folded_nor_encoded(length: int) -> None:
    url = "https://app.example/u/" + "a" * length
    content = write_mail(replace(LETTER, unsubscribe_url=url)).content
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in content


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/\r\nBcc: x",
        "https://a.example/ü",
        "https://a.example/>",
        "mailto:a@b",
        "https://a/" + "x" * 990,
    ],
)
def test_an_unsubscribe_link_that_fits_no_header_is_a_fault(url: str) -> None:
    with pytest.raises(TemplateFault, match="unsubscribe"):
        write_mail(replace(LETTER, unsubscribe_url=url))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name(name: str) -> None:
    mail = write_mail(replace(LETTER, from_name=name, to_name=name, subject=name))
    message = read(mail)
    for header, address in (("From", "news@acme.example"), ("To", "bob@app.example")):
        (found,) = message[header].addresses
        assert found.addr_spec == address
        assert display_name(mail, header) == meant(name)[:NAME].rstrip()
    assert message["Subject"] == meant(name)[:SUBJECT].rstrip()


@given(name=st.text(max_size=150), subject=st.text(max_size=400), text=st.text(), html=st.text())
def test_whatever_it_says_a_mail_reads_back_as_meant(name: str, subject: str, text: str, html: str) -> None:
    mail = write_mail(replace(LETTER, from_name=name, to_name=name, subject=subject, text=text, html=html))
    message = read(mail)
    assert message["To"].addresses[0].addr_spec == "bob@app.example"
    assert display_name(mail, "To") == meant(name)[:NAME].rstrip()
    assert message["Subject"] == meant(subject[:SUBJECT]).rstrip()
    for kind, given_text in (("plain", text), ("html", html)):
        lines = given_text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
        assert body(message, kind) == lines


@given(group=st.text(min_size=1), type_=st.text(min_size=1, max_size=60))
def test_whatever_the_group_and_type_hold_the_ids_are_plain(group: str, type_: str) -> None:
    message = read(write_mail(replace(LETTER, group=group, type=type_)))
    assert re.fullmatch(r"<thread-[0-9a-f]{32}@acme\.example>", message["References"])
    assert re.fullmatch(r"[\w. -]+ notifications <[a-z0-9.-]+\.acme\.example>", message["List-ID"])


def channel(**settings: Any) -> EmailChannel:
    return EmailChannel(EmailSettings("127.0.0.1", 25, "Acme <news@acme.example>", **settings), clock)


def test_every_try_has_the_same_octets() -> None:
    notice = a_notice()
    first, second = channel().render(notice, NOW), channel().render(notice, NOW + timedelta(days=1))
    assert first.content == second.content


def test_mails_of_a_group_share_their_thread_and_subject() -> None:
    one, other = (read(channel().render(a_notice(n, events=(an_event(n, name=f"N{n}"),)), NOW)) for n in (1, 2))
    assert one["References"] == other["References"]
    assert one["Subject"] == other["Subject"]
    assert one["Message-ID"] != other["Message-ID"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_rendered_mail_with_hostile_names_reads_back(name: str) -> None:
    event = replace(an_event(content=name, title=name), actor=Actor("ann", one_line(name)))
    notice = a_notice(name=name, events=(event,), unsubscribe_url="https://app.example/u/" + "t" * 200)
    mail = channel().render(notice, NOW)
    message = read(mail)
    assert message["From"].addresses[0].addr_spec == "news@acme.example"
    assert "@" not in display_name(mail, "From")
    assert display_name(mail, "To") == meant(name)[:NAME].rstrip()
    assert "<script>alert" not in body(message, "html")


@pytest.mark.parametrize(
    ("actors", "name"),
    [
        (["Ann"], "Ann via Acme"),
        (["bob@evil.example"], "Acme"),
        (["bob＠evil.example"], "Acme"),
        (["x" * 61], "Acme"),
        (["Ann", "Ben"], "Acme"),
    ],
)
def test_the_sender_names_who_acted_unless_the_name_poses_as_an_address(actors: list[str], name: str) -> None:
    events = tuple(an_event(number, name=actor) for number, actor in enumerate(actors))
    message = read(channel().render(a_notice(events=events), NOW))
    assert message["From"].addresses[0].display_name == name


def test_the_date_keeps_its_zone_numeric() -> None:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    assert read(channel().render(a_notice(created_at=created), NOW))["Date"].endswith("+0000")


def test_an_address_that_cannot_be_sent_to_is_a_fault_of_the_mail() -> None:
    with pytest.raises(TemplateFault, match="stored address"):
        channel().render(a_notice(to="bob@app.example\r\nRCPT TO:<eve@evil.example>"), NOW)


def test_an_internationalised_mailbox_stands_raw_in_its_header() -> None:
    notice = replace(a_notice(to="jürgen@app.example"), person=Person("j", "Jürgen"))
    mail = channel().render(notice, NOW)
    assert "<jürgen@app.example>\r\n".encode() in mail.content
