"""The mailbox keeps what comes, however broken, and shows as much of it as can be shown."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from notifier.catchers.mailbox import CaughtMail, Mailbox
from notifier.catchers.shelf import NotKept

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOSTILE = {
    "nothing": b"",
    "no headers": b"\r\njust a body",
    "no body": b"Subject: only",
    "binary": bytes(range(256)) * 20,
    "latin-1 header": b"Subject: caf\xe9\r\nFrom: J\xf6rg <j@x>\r\n\r\nna\xefve",
    "unknown charset": b"Content-Type: text/plain; charset=klingon\r\n\r\nQapla' \xff",
    "charset that is none": b"Subject: =?idna?q?=C3?=\r\nContent-Type: text/plain; charset=idna\r\n\r\n\xc3",
    "broken encoded word": b"Subject: =?utf-8?b?!!!?= =?x?q?=zz?=\r\n\r\n",
    "broken base64": b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!a",
    "broken continuation": b"Content-Type: text/plain; charset*=''%; charset*0=a; charset*1*=b; x*0*=\r\n\r\nhi",
    "no boundary": b"Content-Type: multipart/alternative\r\n\r\n--x\r\n\r\nhi",
    "broken boundary": b"Content-Type: multipart/mixed; boundary*0=a; boundary*=b; boundary*x=c\r\n\r\n--a\r\n\r\nhi",
    "no dates": b"Date: the day after\r\nTo: <<<>>>,,;;\r\nMessage-ID: <<\r\n\r\n",
    "huge subject": b"Subject: " + b"\r\n ".join([b"=?utf-8?q?" + b"x" * 60 + b"?="] * 15_000) + b"\r\n\r\nhi",
    "deep nesting": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1_100)
    ),
    "broken declaration": b"Content-Type: text/html\r\n\r\n<a href='https://x/'>x</a><![-",
    "null octets": b"Subject: a\x00b\r\nContent-Type: text/plain; charset=u\x00tf\r\n\r\nhi\x00",
}


def keep(mailbox: Mailbox, raw: bytes, to: str = "bob@app.example") -> CaughtMail:
    return mailbox.open(mailbox.keep("n@app.example", [to], raw=raw, received_at=NOW))


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mail_is_kept_whole_and_can_be_looked_at(mailbox: Mailbox, raw: bytes) -> None:
    started = time.process_time()
    mail = keep(mailbox, raw)
    assert mail.raw == raw
    for text in (mail.subject, mail.sender, mail.text, mail.html, *(value for _, value in mail.headers)):
        assert len(text.encode()) <= len(raw) * 3
    assert len(mail.subject) <= 300
    assert mailbox.recent(1)[0].id == mail.id
    assert time.process_time() - started < 2


def test_words_in_other_encodings_are_read(mailbox: Mailbox) -> None:
    mail = keep(
        mailbox,
        b"Subject: =?iso-8859-1?q?caf=E9?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\nna=EFve",
    )
    assert (mail.subject, mail.text) == ("café", "naïve")


def test_headers_stand_in_their_order_with_doubles(mailbox: Mailbox) -> None:
    mail = keep(mailbox, b"B: 1\r\nA: 2\r\nb: 3\r\n\r\n")
    assert mail.headers == (("B", "1"), ("A", "2"), ("b", "3"))
    assert mail.header("b") == "1"


def test_an_attachment_is_not_taken_for_the_text(mailbox: Mailbox) -> None:
    mail = keep(
        mailbox,
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n"
        b"Content-Disposition: attachment; filename=a.txt\r\n\r\nattached\r\n"
        b"--x\r\nContent-Type: text/plain\r\n\r\nread me\r\n--x--\r\n",
    )
    assert mail.text.strip() == "read me"


def test_newest_come_first_and_pages_follow_each_other(mailbox: Mailbox) -> None:
    for number in range(5):
        keep(mailbox, b"Subject: %d\r\n\r\n" % number)
    page = mailbox.recent(3)
    rest = mailbox.recent(3, before=page[-1].id)
    assert [mail.subject for mail in page + rest] == ["4", "3", "2", "1", "0"]


def test_a_recipient_is_found_in_any_case(mailbox: Mailbox) -> None:
    keep(mailbox, b"Subject: for ana\r\n\r\n", to="Ana@App.example")
    keep(mailbox, b"Subject: for bob\r\n\r\n")
    assert [mail.subject for mail in mailbox.recent(10, to="ana@")] == ["for ana"]


def test_of_1001_mails_the_newest_1000_are_kept(mailbox: Mailbox, tmp_path: Path) -> None:
    for number in range(1_001):
        keep(mailbox, b"Subject: %d\r\n\r\n" % number)
    kept = mailbox.recent(2_000)
    assert mailbox.count() == len(kept) == 1_000
    assert (kept[0].subject, kept[-1].subject) == ("1000", "1")


def test_files_do_not_pile_up(mailbox: Mailbox, tmp_path: Path) -> None:
    for _ in range(1_100):
        mailbox.keep("n@app.example", ["bob@app.example"], raw=b"\r\n", received_at=NOW)
    assert len(list((tmp_path / "mail").iterdir())) <= 1_010


@pytest.mark.parametrize("id", ["", ".", "..", "../faults.json", "0" * 31, "0" * 32, "G" * 32, "/etc/passwd", "\x00"])
def test_what_is_no_id_of_a_mail_opens_nothing(mailbox: Mailbox, id: str) -> None:
    with pytest.raises(NotKept):
        mailbox.open(id)


def test_a_cleared_mail_is_gone_for_a_reader_who_still_holds_it(mailbox: Mailbox) -> None:
    mail = keep(mailbox, b"Subject: x\r\n\r\n")
    held = mailbox.recent(1)[0]
    mailbox.clear()
    assert mailbox.recent(1) == []
    with pytest.raises(NotKept):
        held.raw  # noqa: B018 (reading it is the test)
    with pytest.raises(NotKept):
        mailbox.open(mail.id)


def test_another_process_sees_what_was_kept(mailbox: Mailbox, tmp_path: Path) -> None:
    keep(mailbox, b"Subject: shared\r\n\r\n")
    assert Mailbox(tmp_path).recent(1)[0].subject == "shared"
