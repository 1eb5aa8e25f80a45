"""What each reply of a relay comes to, through a real conversation."""

from datetime import timedelta
from typing import Any

import pytest

from notifier.channels.email import replies
from notifier.policy.outcomes import Deferred, Delivered, Gone, Outcome, Refused
from tests.channels.email.conftest import NewSender, Sender
from tests.smtp_server import SmtpServer


def soft(code: str, text: str, **patience: float) -> Deferred:
    return Deferred(code, text, patience=timedelta(**patience))


def settings_are_wrong(code: str, text: str) -> Deferred:
    return Deferred(code, text, patience=timedelta(seconds=60), charged=False, pauses=True)


ROWS: list[tuple[str, str, Outcome]] = [
    ("dot", "250 Queued as 4711", Delivered("250", "Queued as 4711")),
    ("dot", "250 2.0.0 Ok", Delivered("250 2.0.0", "Ok")),
    ("mail", "451 4.3.0 Later", soft("451 4.3.0", "Later")),
    ("rcpt", "450 4.2.1 Busy", soft("450 4.2.1", "Busy")),
    ("data", "451 Try again", soft("451", "Try again")),
    ("dot", "451 4.3.2 Overloaded", soft("451 4.3.2", "Overloaded")),
    ("rcpt", "450 4.7.1 Greylisted", soft("450 4.7.1", "Greylisted", minutes=5)),
    ("rcpt", "451 4.7.1 Come back", soft("451 4.7.1", "Come back", minutes=5)),
    ("rcpt", "450 Greylisting in action", soft("450", "Greylisting in action", minutes=5)),
    ("rcpt", "452 4.2.2 Mailbox full", soft("452 4.2.2", "Mailbox full", hours=1)),
    ("rcpt", "452 Insufficient storage", soft("452", "Insufficient storage", hours=1)),
    ("rcpt", "452 4.5.3 Too many", soft("452 4.5.3", "Too many", hours=1)),
    ("dot", "452 4.3.1 Disk full", soft("452 4.3.1", "Disk full")),
    ("mail", "421 4.7.0 Too busy", soft("421 4.7.0", "Too busy")),
    ("dot", "421 4.7.28 Rate limit", soft("421 4.7.28", "Rate limit", minutes=5)),
    ("rcpt", "550 4.2.0 Says both", soft("550 4.2.0", "Says both")),
    ("rcpt", "550 5.1.1 No such user", Gone("550 5.1.1", "No such user")),
    ("rcpt", "553 5.1.3 Bad syntax", Gone("553 5.1.3", "Bad syntax")),
    ("rcpt", "556 5.1.10 Null MX", Gone("556 5.1.10", "Null MX")),
    ("rcpt", "550 5.2.1 Disabled", Gone("550 5.2.1", "Disabled")),
    ("dot", "550 5.1.1 Gone meanwhile", Gone("550 5.1.1", "Gone meanwhile")),
    ("rcpt", "550 No such user here", Gone("550", "No such user here")),
    ("rcpt", "551 User not local; recipient unknown", Gone("551", "User not local; recipient unknown")),
    ("rcpt", "550 Relay access to recipient denied", Refused("550", "Relay access to recipient denied")),
    ("rcpt", "550 Sender address invalid", Refused("550", "Sender address invalid")),
    ("rcpt", "550 No", Refused("550", "No")),
    ("dot", "550 No such user here", Refused("550", "No such user here")),
    ("mail", "550 5.1.8 Your domain does not exist", Refused("550 5.1.8", "Your domain does not exist")),
    ("mail", "553 5.1.1 Sender unknown", Refused("553 5.1.1", "Sender unknown")),
    ("rcpt", "553 5.1.7 Sender syntax", Refused("553 5.1.7", "Sender syntax")),
    ("rcpt", "552 5.2.2 Over quota", Refused("552 5.2.2", "Over quota")),
    ("dot", "552 5.3.4 Too big", Refused("552 5.3.4", "Too big")),
    ("dot", "550 5.7.26 Unauthenticated", Refused("550 5.7.26", "Unauthenticated")),
    ("rcpt", "554 5.7.1 Blocklisted", Refused("554 5.7.1", "Blocklisted")),
    ("dot", "554 Rejected", Refused("554", "Rejected")),
    ("mail", "503 5.5.1 Bad sequence", Refused("503 5.5.1", "Bad sequence")),
    ("data", "554 5.5.1 No", Refused("554 5.5.1", "No")),
    ("mail", "530 5.7.0 Must issue STARTTLS", settings_are_wrong("530 5.7.0", "Must issue STARTTLS")),
    ("mail", "535 5.7.8 Log in", settings_are_wrong("535 5.7.8", "Log in")),
    ("mail", "538 5.7.11 Encrypt", settings_are_wrong("538 5.7.11", "Encrypt")),
    ("mail", "530 4.7.0 Log in first", settings_are_wrong("530 4.7.0", "Log in first")),
    ("mail", "421 5.7.1 Go away", soft("421 5.7.1", "Go away")),
    ("ehlo", "550 5.7.1 Not you", settings_are_wrong("550 5.7.1", "Not you")),
    ("connect", "554 5.7.1 No service", settings_are_wrong("554 5.7.1", "No service")),
]


@pytest.mark.parametrize(("stage", "reply", "outcome"), ROWS, ids=[f"{stage}-{reply}" for stage, reply, _ in ROWS])
def test_a_reply_comes_to(server: SmtpServer, sender: Sender, stage: Any, reply: str, outcome: Outcome) -> None:
    server.fail(stage, reply)
    (answer,) = sender.send(sender.mail())
    assert answer.outcome == outcome


@pytest.mark.parametrize("stage", ["connect", "ehlo"])
def test_a_relay_that_is_busy_at_the_door_pauses_all(server: SmtpServer, sender: Sender, stage: Any) -> None:
    server.fail(stage, "421 4.3.2 Busy", close=True)
    first, second = sender.send(*sender.mails(2))
    assert first.outcome == Deferred("421 4.3.2", "Busy", patience=replies.UNREACHABLE_PAUSE, pauses=True)
    assert isinstance(second.outcome, Deferred)
    assert not second.outcome.charged
    assert server.connections == 1


def test_settings_that_are_wrong_end_the_batch_at_once(server: SmtpServer, new_sender: NewSender) -> None:
    server.auth = ("news", "right")
    sender = new_sender(server, username="news", password="wrong")
    outcomes = [answer.outcome for answer in sender.send(*sender.mails(3))]
    assert outcomes == [settings_are_wrong("535 5.7.8", "Wrong password")] * 3
    assert server.connections == 1


def test_a_reply_of_several_lines_is_one_text(server: SmtpServer, sender: Sender) -> None:
    server.fail("dot", "550-5.7.26 This mail is\n550-5.7.26 unauthenticated.\n550 5.7.26 See https://x.example")
    (answer,) = sender.send(sender.mail())
    assert answer.outcome == Refused("550 5.7.26", "This mail is unauthenticated. See https://x.example")


def test_a_hostile_text_is_cleaned_and_cut(server: SmtpServer, sender: Sender) -> None:
    server.fail("dot", "554 5.7.1 \x1b[31mre\u202ed\x00\udcff " + "x" * 5000)
    (answer,) = sender.send(sender.mail())
    assert isinstance(answer.outcome, Refused)
    assert answer.outcome.text.startswith("[31mred")
    assert answer.outcome.text.isprintable() or "\ufffd" in answer.outcome.text
    assert len(answer.outcome.text) <= 500


@pytest.mark.parametrize("reply", ["nonsense", "25", "250-" + "x" * 100_000, "999 what", ""])
def test_what_is_no_smtp_reply_defers(server: SmtpServer, new_sender: NewSender, reply: str) -> None:
    sender = new_sender(server, command_timeout=0.3, content_timeout=0.3)
    server.fail("rcpt", reply, close=not reply)
    (answer,) = sender.send(sender.mail())
    assert isinstance(answer.outcome, Deferred)
    assert answer.outcome.charged
