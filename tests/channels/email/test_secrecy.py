"""TLS is verified or nothing is sent, and the password never goes in clear."""

from typing import Any

import pytest

from notifier.channels import BadAddress
from notifier.channels.email import EmailSettings
from notifier.policy.outcomes import Deferred, Delivered, Outcome
from tests.channels.email.conftest import NewSender
from tests.smtp_server import SmtpServer

TLS = pytest.mark.parametrize(
    ("served", "settings"),
    [({"starttls": True}, {"use_tls": True}), ({"implicit_tls": True}, {"use_ssl": True})],
    ids=["starttls", "implicit"],
)
LOGIN = {"username": "news", "password": "pässword"}


def is_wrong_setting(outcome: Outcome, code: str) -> bool:
    return isinstance(outcome, Deferred) and outcome.code == code and outcome.pauses and not outcome.charged


@TLS
@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN"])
def test_a_trusted_relay_gets_password_and_mails_under_tls(
    new_sender: NewSender, served: Any, settings: Any, mechanisms: str
) -> None:
    with SmtpServer(**served, auth=("news", "pässword"), mechanisms=mechanisms) as server:
        sender = new_sender(server, ca_file=server.ca_file, **settings, **LOGIN)
        answers = sender.send(*sender.mails(3))
        assert all(isinstance(answer.outcome, Delivered) for answer in answers)
        assert all(received.tls and received.user == "news" for received in server.mails)
        assert server.connections == 1
        sender.send(sender.mail())
        assert server.connections == 1


@TLS
@pytest.mark.parametrize("certificate", ["unknown-authority", "other-host"])
def test_a_certificate_that_does_not_verify_gets_neither_password_nor_mail(
    new_sender: NewSender, served: Any, settings: Any, certificate: Any
) -> None:
    with SmtpServer(**served, auth=("news", "pässword"), certificate=certificate) as server:
        sender = new_sender(server, ca_file=server.ca_file, **settings, **LOGIN)
        (answer,) = sender.send(sender.mail())
        assert is_wrong_setting(answer.outcome, "certificate")
        assert server.mails == []
        assert not [command for command in server.commands if command.startswith(("AUTH", "MAIL"))]


def test_a_relay_without_starttls_gets_nothing(new_sender: NewSender) -> None:
    with SmtpServer(auth=("news", "pässword")) as server:
        sender = new_sender(server, use_tls=True, **LOGIN)
        (answer,) = sender.send(sender.mail())
        assert is_wrong_setting(answer.outcome, "tls")
        assert not [command for command in server.commands if command.startswith(("AUTH", "MAIL"))]


def test_nothing_rides_behind_starttls(new_sender: NewSender) -> None:
    with SmtpServer(starttls=True) as server:
        sender = new_sender(server, use_tls=True, ca_file=server.ca_file)
        sender.send(sender.mail())
        assert [command.split()[0].upper() for command in server.commands[:4]] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]
        # Greeting, EHLO, STARTTLS, EHLO, envelope, content: no group spans the change.
        assert server.turns == 6


def test_words_slipped_in_before_tls_end_the_connection(new_sender: NewSender) -> None:
    with SmtpServer(starttls=True) as server:
        server.slip_in_before_tls = b"250 2.0.0 injected\r\n"
        sender = new_sender(server, use_tls=True, ca_file=server.ca_file)
        (answer,) = sender.send(sender.mail())
        assert is_wrong_setting(answer.outcome, "tls")
        assert "in clear" in answer.outcome.text
        assert server.mails == []


def test_starttls_refused_for_now_is_tried_later(new_sender: NewSender) -> None:
    with SmtpServer(starttls=True) as server:
        server.fail("starttls", "454 4.7.0 TLS not available")
        sender = new_sender(server, use_tls=True, ca_file=server.ca_file)
        (answer,) = sender.send(sender.mail())
        assert isinstance(answer.outcome, Deferred)
        assert (answer.outcome.code, answer.outcome.pauses) == ("454 4.7.0", True)


def test_a_login_is_not_sent_in_clear_beyond_this_machine(new_sender: NewSender) -> None:
    # The same relay, written so that only the resolver knows it as this machine.
    with SmtpServer(auth=("news", "pässword")) as server:
        sender = new_sender(server, host="127.1", use_tls=False, **LOGIN)
        (answer,) = sender.send(sender.mail())
        assert is_wrong_setting(answer.outcome, "auth")
        assert not [command for command in server.commands if command.startswith("AUTH")]


def test_a_login_that_the_relay_does_not_offer_is_a_wrong_setting(server: SmtpServer, new_sender: NewSender) -> None:
    (answer,) = (sender := new_sender(server, **LOGIN)).send(sender.mail())
    assert is_wrong_setting(answer.outcome, "auth")


def test_a_login_that_fails_for_now_is_tried_later(new_sender: NewSender) -> None:
    with SmtpServer(auth=("news", "pässword")) as server:
        server.fail("auth", "454 4.7.0 Directory away")
        (answer,) = (sender := new_sender(server, **LOGIN)).send(sender.mail())
        assert isinstance(answer.outcome, Deferred)
        assert (answer.outcome.code, answer.outcome.charged, answer.outcome.pauses) == ("454 4.7.0", True, True)


@pytest.mark.parametrize(
    ("server", "use_tls", "use_ssl", "needs"),
    [
        ("smtp.acme.example", None, False, True),
        ("smtp.acme.example", False, False, False),
        ("smtp.acme.example", None, True, False),
        ("127.0.0.1", None, False, False),
        ("::1", None, False, False),
        ("localhost", None, False, False),
        ("localhost", True, False, True),
    ],
)
def test_starttls_is_required_unless_the_relay_is_on_this_machine(
    server: str, use_tls: bool | None, use_ssl: bool, needs: bool
) -> None:
    settings = EmailSettings(server, 25, "a@acme.example", use_tls=use_tls, use_ssl=use_ssl)
    assert settings.needs_starttls is needs


def test_the_password_does_not_show() -> None:
    assert "hidden" not in repr(EmailSettings("localhost", 25, "a@acme.example", password="hidden"))


def test_settings_that_cannot_work_say_so(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="set one of them"):
        EmailSettings("localhost", 25, "a@acme.example", use_tls=True, use_ssl=True)
    with pytest.raises(BadAddress):
        EmailSettings("localhost", 25, "Acme")
    with pytest.raises(ValueError, match="MAIL_CA_FILE"):
        EmailSettings("localhost", 25, "a@acme.example", ca_file=str(tmp_path / "missing.pem"))
    with pytest.raises(ValueError, match="at least 1"):
        EmailSettings("localhost", 25, "a@acme.example", max_connections=0)
    with pytest.raises(ValueError, match="at least 1"):
        EmailSettings("localhost", 25, "a@acme.example", most_mails=0)


def test_an_answer_that_repeats_the_address_is_kept_with_the_address_shortened(new_sender: NewSender) -> None:
    with SmtpServer() as server:
        server.fail("rcpt", "550 5.1.1 <BOB+x@app.example>: no such user bob+x@app.example")
        sender = new_sender(server)
        (answer,) = sender.send(sender.mail(to="bob+x@app.example"))
        assert answer.outcome.text == "<B•••@app.example>: no such user b•••@app.example"
