"""Sending: held and pipelined connections, what is put back when one dies, and many threads at once."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import flask_mail
import pytest

from notifier.channels.email import EmailSettings, Mail, held
from notifier.policy.outcomes import Deferred, Delivered, Gone, Refused
from tests.channels.email.conftest import NewSender, Sender, clock
from tests.smtp_server import SmtpServer


def test_a_mail_arrives_to_the_byte_with_its_envelope(server: SmtpServer, sender: Sender) -> None:
    mail = sender.mail()
    (answer,) = sender.send(mail)
    (received,) = server.mails
    assert answer.delivery_id == "dlv_1"
    assert answer.outcome == Delivered("250 2.0.0", "Taken")
    assert answer.ms >= 0
    assert answer.started_at <= clock()
    assert received.content == mail.content
    assert (received.sender, received.recipients) == ("news@acme.example", ("bob@app.example",))


def test_mails_go_in_order_over_one_connection_at_a_round_trip_each(server: SmtpServer, sender: Sender) -> None:
    mails = sender.mails(20)
    answers = sender.send(*mails)
    assert [answer.delivery_id for answer in answers] == [mail.delivery_id for mail in mails]
    assert all(isinstance(answer.outcome, Delivered) for answer in answers)
    assert [received.recipients[0] for received in server.mails] == [mail.recipient for mail in mails]
    assert server.connections == 1
    # Greeting, EHLO, the first envelope, then one per mail: each envelope rode behind the content before it.
    assert server.turns == 3 + 20


def test_a_relay_without_pipelining_gets_one_command_at_a_time(new_sender: NewSender) -> None:
    with SmtpServer(pipelining=False) as server:
        sender = new_sender(server)
        server.fail("rcpt", "550 5.7.1 No", to="user2@app.example")
        answers = sender.send(*sender.mails(3))
        assert [type(answer.outcome) for answer in answers] == [Delivered, Refused, Delivered]
        assert server.turns == 2 + 4 + 3 + 4
        assert len(server.mails) == 2


def test_answers_are_reported_before_the_next_mail_is_answered(server: SmtpServer, sender: Sender) -> None:
    server.fail("dot", delay=0.2, to="user2@app.example")
    one, two = sender.mails(2)
    told_at_arrival: list[int] = []
    sender.channel.send([one, two], lambda _: told_at_arrival.append(len(server.mails)))
    assert told_at_arrival == [1, 2]


def test_mails_are_pulled_only_one_ahead(server: SmtpServer, sender: Sender) -> None:
    ahead: list[int] = []

    def pulled() -> Iterator[Mail]:
        for number, mail in enumerate(sender.mails(6)):
            ahead.append(number - len(sender.answers))
            yield mail

    sender.channel.send(pulled(), sender.answers.append)
    assert len(server.mails) == 6
    assert max(ahead) == 1


def test_nothing_to_send_opens_no_connection(server: SmtpServer, sender: Sender) -> None:
    sender.send()
    assert server.connections == 0


def test_an_iterable_that_fails_sends_nothing_half(server: SmtpServer, sender: Sender) -> None:
    def broken() -> Iterator[Mail]:
        yield sender.mail(1)
        yield sender.mail(2)
        raise LookupError

    with pytest.raises(LookupError):
        sender.channel.send(broken(), sender.answers.append)
    assert server.wait_until_all_left()
    assert [answer.delivery_id for answer in sender.answers] == ["dlv_1"]
    assert len(server.mails) == 1
    sender.send(sender.mail(2))
    assert len(server.mails) == 2


def test_the_connection_is_held_between_sends(server: SmtpServer, sender: Sender) -> None:
    sender.send(sender.mail(1))
    turns = server.turns
    sender.send(sender.mail(2))
    assert [received.connection for received in server.mails] == [1, 1]
    assert server.turns == turns + 2  # the envelope, and the content


def test_a_connection_that_carried_a_hundred_mails_is_renewed(server: SmtpServer, sender: Sender) -> None:
    answers = sender.send(*sender.mails(101))
    assert all(isinstance(answer.outcome, Delivered) for answer in answers)
    assert [received.connection for received in server.mails] == [1] * 100 + [2]


@pytest.mark.parametrize("limit", ["longest_idle", "oldest_connection"])
def test_an_idle_or_old_connection_is_renewed(server: SmtpServer, new_sender: NewSender, limit: str) -> None:
    sender = new_sender(server, **{limit: 0.0})
    sender.send(sender.mail(1))
    sender.send(sender.mail(2))
    assert [received.connection for received in server.mails] == [1, 2]
    assert server.commands.count("QUIT") >= 1


def test_a_connection_closed_while_idle_costs_no_mail(sender: Sender, server: SmtpServer) -> None:
    server.fail("dot", "250 2.0.0 Taken", close=True, keep=True, times=1)
    sender.send(sender.mail(1))
    assert server.wait_until_all_left()
    (answer,) = sender.send(sender.mail(2))
    assert isinstance(answer.outcome, Delivered)
    assert [received.connection for received in server.mails] == [1, 2]


@pytest.mark.parametrize("goodbye", ["421 4.3.2 Shutting down", ""])
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_held_connection_that_dies_before_the_content_is_tried_again_at_once(
    server: SmtpServer, sender: Sender, stage: str, goodbye: str
) -> None:
    sender.send(sender.mail(1))
    server.fail(stage, goodbye, close=True, times=1)  # type: ignore[arg-type]  # one of its stages
    answers = sender.send(sender.mail(2), sender.mail(3))
    assert [type(answer.outcome) for answer in answers] == [Delivered, Delivered]
    assert [received.connection for received in server.mails] == [1, 2, 2]


def test_the_second_try_is_the_last(server: SmtpServer, sender: Sender) -> None:
    sender.send(sender.mail(1))
    server.fail("rcpt", "421 4.7.0 Go away", close=True)
    (answer,) = sender.send(sender.mail(2))
    assert answer.outcome == Deferred("421 4.7.0", "Go away")
    assert server.connections == 2


def test_a_new_connection_that_dies_before_the_content_defers_its_mail(server: SmtpServer, sender: Sender) -> None:
    server.fail("data", close=True, times=1)
    answers = sender.send(sender.mail(1), sender.mail(2))
    assert isinstance(answers[0].outcome, Deferred)
    assert (answers[0].outcome.code, answers[0].outcome.charged) == ("connection", True)
    assert isinstance(answers[1].outcome, Delivered)


def test_an_answer_lost_after_the_final_dot_is_unknown_and_keeps_its_message_id(
    server: SmtpServer, sender: Sender
) -> None:
    server.fail("dot", close=True, keep=True, times=1)
    first, second = sender.send(*sender.mails(2))
    assert isinstance(first.outcome, Deferred)
    assert (first.outcome.code, first.outcome.charged) == ("unknown", True)
    assert isinstance(second.outcome, Delivered)
    (again,) = sender.send(sender.mail(1, to="user1@app.example"))
    assert isinstance(again.outcome, Delivered)
    assert server.mails[0].content == server.mails[2].content


def test_a_drop_inside_a_long_content_is_no_unknown(server: SmtpServer, sender: Sender) -> None:
    server.fail("body", close=True, times=1)
    small = sender.mail()
    # More than the buffers of both sides hold, so that the final dot was never written.
    long = Mail(
        "dlv_9", small.sender, small.recipient, "", "", "", content=b"A: b\r\n\r\n" + b"x" * 70 + b"\r\n" * 8_000_000
    )
    (answer,) = sender.send(long)
    assert isinstance(answer.outcome, Deferred)
    assert answer.outcome.code == "connection"


def test_a_goodbye_to_the_final_dot_is_an_answer_and_the_next_mail_goes_elsewhere(
    server: SmtpServer, sender: Sender
) -> None:
    server.fail("dot", "421 4.3.0 Not now", close=True, times=1)
    first, second = sender.send(*sender.mails(2))
    assert first.outcome == Deferred("421 4.3.0", "Not now")
    assert isinstance(second.outcome, Delivered)


def test_a_server_that_closes_at_quit_changes_no_answer(server: SmtpServer, sender: Sender) -> None:
    server.fail("dot", "250 2.0.0 Taken", close=True, keep=True, times=1)
    (answer,) = sender.send(sender.mail())
    sender.channel.close()
    assert isinstance(answer.outcome, Delivered)


def test_354_after_a_refused_recipient_is_left_by_an_empty_content(server: SmtpServer, sender: Sender) -> None:
    server.fail("rcpt", "550 5.1.1 No such user", to="user2@app.example")
    server.fail("data", "354 Go on then", to="user2@app.example")
    server.fail("data", "354 Go on then", times=2)
    answers = sender.send(*sender.mails(3))
    assert [type(answer.outcome) for answer in answers] == [Delivered, Gone, Delivered]
    assert [received.recipients for received in server.mails] == [("user1@app.example",), ("user3@app.example",)]
    assert server.connections == 1


def test_a_refused_mail_leaves_the_next_one_alone(server: SmtpServer, sender: Sender) -> None:
    server.fail("rcpt", "550 5.1.1 No such user", to="user2@app.example")
    server.fail("dot", "554 5.7.1 Spam", to="user4@app.example")
    answers = sender.send(*sender.mails(5))
    assert [type(answer.outcome) for answer in answers] == [Delivered, Gone, Delivered, Refused, Delivered]
    assert server.connections == 1


def test_two_connections_lost_in_a_row_defer_the_rest_untried(server: SmtpServer, sender: Sender) -> None:
    server.fail("mail", close=True)
    outcomes = [answer.outcome for answer in sender.send(*sender.mails(5))]
    assert all(isinstance(outcome, Deferred) and outcome.code == "connection" for outcome in outcomes)
    assert [outcome.charged for outcome in outcomes if isinstance(outcome, Deferred)] == [True, True] + [False] * 3
    assert server.connections == 2


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data", "dot"])
def test_a_silent_relay_frees_the_worker_within_the_deadline(
    server: SmtpServer, new_sender: NewSender, stage: str
) -> None:
    sender = new_sender(server, connect_timeout=0.2, command_timeout=0.2, content_timeout=0.2)
    server.fail(stage, hang=True)  # type: ignore[arg-type]  # one of its stages
    first, second = sender.send(*sender.mails(2))
    assert isinstance(first.outcome, Deferred)
    assert isinstance(second.outcome, Deferred)
    assert first.outcome.code == ("unknown" if stage == "dot" else "timeout")
    assert (second.outcome.charged, second.outcome.pauses) == (False, True)
    assert first.ms < 2000


def test_a_relay_that_is_not_there_defers_and_pauses(new_sender: NewSender) -> None:
    with SmtpServer() as server:
        port = server.port
    answers = (sender := new_sender(port)).send(*sender.mails(2))
    assert [(a.outcome.code, a.outcome.pauses) for a in answers if isinstance(a.outcome, Deferred)] == [
        ("connection", True)
    ] * 2


def test_threads_share_no_connection_and_never_exceed_the_limit(server: SmtpServer, new_sender: NewSender) -> None:
    sender = new_sender(server, max_connections=3)
    server.fail("dot", delay=0.01)
    batches = [[sender.mail(10 * thread + number) for number in range(10)] for thread in range(8)]
    threads = [threading.Thread(target=sender.send, args=batch) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sender.answers) == 80
    assert all(isinstance(answer.outcome, Delivered) for answer in sender.answers)
    assert len({received.content for received in server.mails}) == 80
    assert 1 < server.most_open <= 3
    assert server.connections <= 3


def test_close_says_goodbye(server: SmtpServer, sender: Sender) -> None:
    sender.send(sender.mail())
    sender.channel.close()
    assert server.wait_until_all_left()
    assert server.commands[-1] == "QUIT"


def test_an_address_beyond_ascii_needs_smtputf8(server: SmtpServer, sender: Sender, new_sender: NewSender) -> None:
    answers = sender.send(sender.mail(1, to="jürgen@app.example"), sender.mail(2))
    assert [type(answer.outcome) for answer in answers] == [Refused, Delivered]
    assert answers[0].outcome.code == "5.6.7"
    with SmtpServer(smtputf8=True) as modern:
        (answer,) = (other := new_sender(modern)).send(other.mail(1, to="jürgen@app.example"))
        assert isinstance(answer.outcome, Delivered)
        assert modern.mails[0].recipients == ("jürgen@app.example",)
        assert "SMTPUTF8" in modern.mails[0].options


def test_flask_mails_signal_hears_of_each_mail_that_was_taken(server: SmtpServer, sender: Sender) -> None:
    server.fail("rcpt", "550 5.1.1 No", to="user2@app.example")
    mails = sender.mails(2)
    with held.NotifyMail.record_messages(None) as outbox:  # type: ignore[arg-type]  # it uses no self
        sender.send(*mails)
    assert [message.recipients for message in outbox] == [["user1@app.example"]]
    assert isinstance(outbox[0], flask_mail.Message)
    assert outbox[0].as_bytes() == mails[0].content
    assert outbox[0].html == mails[0].html


def test_flask_mails_suppress_switch_sends_nothing_and_answers_delivered(
    server: SmtpServer, new_sender: NewSender
) -> None:
    (answer,) = (sender := new_sender(server, suppress=True)).send(sender_mail := sender.mail())
    assert isinstance(answer.outcome, Delivered)
    assert answer.delivery_id == sender_mail.delivery_id
    assert server.connections == 0


def test_flask_mails_own_send_works_without_an_application(server: SmtpServer, sender: Sender) -> None:
    settings = EmailSettings("127.0.0.1", server.port, "news@acme.example")
    mail = held.NotifyMail(settings)
    mail.send(held.NotifyMessage(sender.mail()))
    assert server.mails[0].content == sender.mail().content
    server.fail("rcpt", "550 5.1.1 No such user")
    with pytest.raises(held.NotSent, match=r"550 5\.1\.1"):
        mail.send(held.NotifyMessage(sender.mail()))
    with pytest.raises(TypeError):
        mail.send(flask_mail.Message(sender="a@b.example"))


def test_a_held_connection_that_falls_silent_gives_its_mail_a_second_try(
    server: SmtpServer, new_sender: NewSender
) -> None:
    sender = new_sender(server, command_timeout=0.2)
    sender.send(sender.mail(1))
    server.fail("mail", hang=True, times=1)
    answers = sender.send(sender.mail(2), sender.mail(3))
    assert [type(answer.outcome) for answer in answers] == [Delivered, Delivered]


def test_a_relay_that_hangs_up_after_a_refusal_costs_no_other_mail(server: SmtpServer, sender: Sender) -> None:
    server.fail("rcpt", "550 5.1.1 No such user", to="user2@app.example")
    server.fail("data", "354 Go on then", times=2)
    server.fail("dot", "250 2.0.0 Taken", keep=True, times=1)
    server.fail("dot", "421 4.7.0 Too many errors", close=True, times=1)
    answers = sender.send(*sender.mails(3))
    assert [type(answer.outcome) for answer in answers] == [Delivered, Gone, Delivered]
    assert [received.connection for received in server.mails] == [1, 2]


def test_a_reply_that_drips_in_is_cut_off_at_the_deadline(server: SmtpServer, new_sender: NewSender) -> None:
    sender = new_sender(server, command_timeout=0.3)
    server.fail("rcpt", "250 " + "x" * 1000, drip=0.05)
    (answer,) = sender.send(sender.mail())
    assert isinstance(answer.outcome, Deferred)
    assert answer.outcome.code == "timeout"
    assert answer.ms < 2000


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forking with threads, which is the point
def test_a_forked_process_leaves_its_parents_connection_alone(server: SmtpServer, sender: Sender) -> None:
    sender.send(sender.mail(1))
    if (child := os.fork()) == 0:
        sent = False
        try:
            sent = isinstance(sender.send(sender.mail(2))[0].outcome, Delivered)
            sender.channel.close()
        finally:
            os._exit(0 if sent else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    sender.send(sender.mail(3))
    assert [received.connection for received in server.mails] == [1, 2, 1]


def test_rendering_needs_no_flask() -> None:
    code = "import notifier.channels.email, sys; sys.exit('flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
