"""The mail catcher takes what a real server takes, and fails only where it is told to."""

import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest

from notifier.catchers.faults import Faults, MailFault, Switch
from notifier.catchers.mailbox import CaughtMail, Mailbox
from tests.catchers.conftest import MailServer, running_mail_server

Served = tuple[MailServer, Path]


@pytest.fixture
def caught(mail_server: Served) -> Mailbox:
    mailbox = Mailbox(mail_server[1])
    mailbox.clear()
    return mailbox


@pytest.fixture
def faults(mail_server: Served) -> Iterator[Faults]:
    faults = Faults(mail_server[1])
    yield faults
    faults.set_mail(Switch())


@contextmanager
def session(server: Served) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", server[0].port, timeout=10) as smtp:
        yield smtp


def letter(to: str = "bob@app.example", subject: str = "Ana liked your post") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Notifier <n@app.example>", to, subject
    message["Message-ID"] = "<one@app.example>"
    message.set_content("Ana liked “Sunset”.")
    message.add_alternative("<p>Ana liked <b>Sunset</b>.</p>", subtype="html")
    return message


def send(server: Served, to: str = "bob@app.example") -> bytes:
    raw = letter(to).as_bytes().replace(b"\n", b"\r\n")
    with session(server) as smtp:
        smtp.sendmail("n@app.example", [to], raw)
    return raw


def only(mailbox: Mailbox) -> CaughtMail:
    (mail,) = mailbox.recent(10)
    return mail


def test_a_mail_is_caught_as_it_was_sent(mail_server: Served, caught: Mailbox) -> None:
    sent = send(mail_server)
    mail = only(caught)
    assert (mail.envelope_from, mail.recipients) == ("n@app.example", ("bob@app.example",))
    assert (mail.subject, mail.message_id) == ("Ana liked your post", "<one@app.example>")
    assert mail.text.strip() == "Ana liked “Sunset”."
    assert mail.html.strip() == "<p>Ana liked <b>Sunset</b>.</p>"
    assert mail.raw == sent


def test_the_server_offers_pipelining_8bitmime_and_smtputf8(mail_server: Served) -> None:
    with session(mail_server) as smtp:
        smtp.ehlo()
        assert {"pipelining", "8bitmime", "smtputf8", "size"} <= set(smtp.esmtp_features)


def test_pipelined_mails_in_one_write_are_all_caught_and_answered_in_order(
    mail_server: Served, caught: Mailbox
) -> None:
    envelope = b"MAIL FROM:<n@app.example>\r\nRCPT TO:<bob@app.example>\r\nDATA\r\n"
    body = b"Subject: piped\r\n\r\n..dot\r\n.\r\n"
    with socket.create_connection(("127.0.0.1", mail_server[0].port), timeout=10) as connection:
        connection.sendall(b"EHLO client\r\n" + (envelope + body) * 20 + b"QUIT\r\n")
        answers = b"".join(iter(lambda: connection.recv(65536), b"")).splitlines()
    codes = [line[:3] for line in answers if line[3:4] != b"-"]
    assert codes == [b"220", b"250"] + [b"250", b"250", b"354", b"250"] * 20 + [b"221"]
    assert [mail.raw for mail in caught.recent(50)] == [b"Subject: piped\r\n\r\n.dot\r\n"] * 20


def test_names_in_any_script_are_taken(mail_server: Served, caught: Mailbox) -> None:
    with session(mail_server) as smtp:
        smtp.ehlo()
        smtp.sendmail("n@app.example", ["jörg@straße.example"], "Subject: hé\r\n\r\nhé".encode(), ["SMTPUTF8"])
    assert only(caught).recipients == ("jörg@straße.example",)


def test_the_null_sender_is_taken(mail_server: Served, caught: Mailbox) -> None:
    with session(mail_server) as smtp:
        smtp.sendmail("", ["bob@app.example"], b"Subject: bounce\r\n\r\n")
    assert only(caught).subject == "bounce"


def test_nobody_lives_at_bounce_test(mail_server: Served, caught: Mailbox) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(mail_server, to="Anyone@Bounce.test")
    assert refused.value.recipients["Anyone@Bounce.test"][0] == 550
    assert caught.count() == 0


@pytest.mark.parametrize("fault", [MailFault.GREYLISTED, MailFault.NO_MAILBOX])
def test_the_next_two_recipients_are_refused_and_the_third_is_taken(
    mail_server: Served, caught: Mailbox, faults: Faults, fault: MailFault
) -> None:
    faults.set_mail(Switch(fault, left=2))
    for _ in range(2):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            send(mail_server)
        assert refused.value.recipients["bob@app.example"][0] == int(fault)
    send(mail_server)
    assert caught.count() == 1


def test_a_421_ends_the_connection(mail_server: Served, faults: Faults) -> None:
    faults.set_mail(Switch(MailFault.BUSY, left=1))
    with session(mail_server) as smtp:
        smtp.ehlo()
        smtp.mail("n@app.example")
        assert smtp.rcpt("bob@app.example")[0] == 421
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.noop()


def test_a_message_refused_by_policy_is_refused_after_its_data(
    mail_server: Served, caught: Mailbox, faults: Faults
) -> None:
    faults.set_mail(Switch(MailFault.REJECTED, left=None))
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(mail_server)
    assert refused.value.smtp_code == 554
    assert caught.count() == 0


def test_a_drop_after_the_final_dot_keeps_the_mail_and_says_nothing(
    mail_server: Served, caught: Mailbox, faults: Faults
) -> None:
    faults.set_mail(Switch(MailFault.DROPPED, left=1))
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mail_server)
    send(mail_server)
    assert [mail.message_id for mail in caught.recent(10)] == ["<one@app.example>"] * 2


def test_a_delay_outlasts_an_impatient_sender_and_the_mail_is_not_taken(
    mail_server: Served, caught: Mailbox, faults: Faults
) -> None:
    faults.set_mail(Switch(delay=60))
    with session(mail_server) as smtp:
        smtp.ehlo()
        assert smtp.sock is not None
        smtp.sock.settimeout(0.2)
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            smtp.send_message(letter())
    faults.set_mail(Switch())
    send(mail_server)
    assert caught.count() == 1


def test_a_line_that_is_too_long_is_refused_as_elsewhere(mail_server: Served, caught: Mailbox) -> None:
    with session(mail_server) as smtp, pytest.raises(smtplib.SMTPDataError):
        smtp.sendmail("n@app.example", ["bob@app.example"], b"Subject: x\r\n\r\n" + b"x" * 2000)
    assert caught.count() == 0


def test_a_mail_that_cannot_be_written_is_deferred_not_refused(mail_server: Served, caught: Mailbox) -> None:
    folder = mail_server[1] / "mail"
    send(mail_server)  # now the server is up: it makes its folder when it starts
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(smtplib.SMTPDataError) as deferred:
        send(mail_server)
    folder.with_name("elsewhere").rename(folder)
    assert deferred.value.smtp_code == 451
    send(mail_server)
    assert caught.count() == 2


def test_sigterm_ends_the_server_with_0_even_while_senders_hold_connections(tmp_path: Path) -> None:
    with running_mail_server(tmp_path) as server, smtplib.SMTP("127.0.0.1", server.port, timeout=10) as held:
        held.ehlo()
        server.process.terminate()
        server.process.join(10)
        assert server.process.exitcode == 0
        held.close()
