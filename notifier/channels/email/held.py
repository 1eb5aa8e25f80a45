"""Flask-Mail's classes with our mail and our connection in them, so that its settings, signal and switch keep working.

Flask-Mail 0.10 connects for each mail without a deadline and without checking certificates, and reports a mail as
failed when only the goodbye failed. Its `Mail`, `Connection` and `Message` are kept as the outside; no Flask
application is needed.
"""

import os
import ssl
import time
from datetime import UTC, datetime
from functools import cached_property

from flask_mail import Connection, Message, email_dispatched
from flask_mail import Mail as FlaskMail

from notifier.channels.email.conversation import Conversation, Lost, open_conversation
from notifier.channels.email.exchange import Exchange, InHand, Pending, Tell
from notifier.channels.email.mime import Mail
from notifier.channels.email.settings import EmailSettings
from notifier.policy.outcomes import Delivered, Outcome


class NotifyMessage(Message):
    """A written mail as Flask-Mail's message: what receivers of `email_dispatched` get."""

    def __init__(self, mail: Mail) -> None:
        # Not the parent's: it looks for a Flask application and asks the resolver for this host's name.
        self.mail = mail
        self.subject, self.body, self.alts = mail.subject, mail.text, {"html": mail.html}
        self.sender, self.recipients, self.cc, self.bcc = mail.sender, [mail.recipient], [], []
        self.reply_to = self.date = self.charset = self.extra_headers = None
        self.mail_options, self.rcpt_options, self.attachments = [], [], []

    def as_bytes(self) -> bytes:
        """The mail as it goes over the wire."""
        return self.mail.content

    def as_string(self) -> str:
        """The same as text."""
        return self.mail.content.decode()


class NotSent(Exception):
    """The one mail was not taken. `outcome` says what is to be done."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome.code} {outcome.text}")
        self.outcome = outcome


class NotifyMail(FlaskMail):
    """Flask-Mail with our settings and connections that can be held."""

    def __init__(self, settings: EmailSettings) -> None:
        self.app = None
        self.settings = settings
        self.state = self.init_mail(
            {
                "MAIL_SERVER": settings.server,
                "MAIL_PORT": settings.port,
                "MAIL_USERNAME": settings.username,
                "MAIL_PASSWORD": settings.password,
                "MAIL_USE_TLS": settings.needs_starttls,
                "MAIL_USE_SSL": settings.use_ssl,
                "MAIL_DEFAULT_SENDER": settings.sender,
                "MAIL_MAX_EMAILS": settings.most_mails,
                "MAIL_SUPPRESS_SEND": settings.suppress,
            }
        )

    def connect(self) -> "HeldConnection":
        """A connection, not yet open."""
        return HeldConnection(self)

    @cached_property
    def context(self) -> ssl.SSLContext:
        """Verifies certificate and host name."""
        context = ssl.create_default_context()
        if self.settings.ca_file:
            context.load_verify_locations(self.settings.ca_file)
        return context


class HeldConnection(Connection):
    """A connection that carries many mails, one after the other, until it is worn."""

    host: Conversation | None
    mail: NotifyMail

    def __init__(self, mail: NotifyMail) -> None:
        super().__init__(mail)
        self._opened = self._used = time.monotonic()
        self._process = os.getpid()

    def configure_host(self) -> Conversation:
        """Open it. Raises `Lost`."""
        self._opened = self._used = time.monotonic()
        return open_conversation(self.mail.settings, lambda: self.mail.context)

    def exchange(self, pending: Pending, tell: Tell) -> Lost | None:
        """Send what is pending until it is all sent, or the connection ended or is worn. Gives what ended it."""
        tell = self._announcing(tell)
        if self.mail.suppress:
            while (hand := pending.take()) is not None:
                tell(hand, Delivered("250", "Not sent: MAIL_SUPPRESS_SEND is on."))
            return None
        try:
            self.host = self.host or self.configure_host()
        except Lost as lost:
            if (hand := pending.take()) is not None:
                tell(hand, lost.outcome)
            return lost
        return self._run(Exchange(self.host, pending, tell, carried=self.num_emails, limit=self.mail.max_emails))

    def _run(self, exchange: Exchange) -> Lost | None:
        lost = exchange.run()
        self.num_emails, self._used = exchange.carried, time.monotonic()
        if lost is not None:
            self.hang_up()
        return lost

    def _announcing(self, tell: Tell) -> Tell:
        """`tell`, with Flask-Mail's signal for each mail that was taken."""

        def told(hand: InHand, outcome: Outcome) -> None:
            tell(hand, outcome)
            if isinstance(outcome, Delivered) and email_dispatched.receivers:
                email_dispatched.send(self.mail, message=NotifyMessage(hand.mail))

        return told

    def send(self, message: Message, envelope_from: object = None) -> None:  # noqa: ARG002 (Flask-Mail's; a written mail has its own)
        """Send one written mail, as Flask-Mail's `mail.send(message)` does. Raises `NotSent`, `TypeError`."""
        if not isinstance(message, NotifyMessage):
            raise TypeError(f"Only a NotifyMessage can be sent here, not {type(message).__name__}.")
        outcomes: list[Outcome] = []
        pending = Pending([message.mail], lambda: datetime.now(UTC))
        while not pending.is_empty():
            self.exchange(pending, lambda _, outcome: outcomes.append(outcome))
        if not isinstance(outcomes[0], Delivered):
            raise NotSent(outcomes[0])

    def is_worn(self) -> bool:
        """Whether to use it no more: too old, idle or busy, hung up, or inherited over a fork."""
        now, settings = time.monotonic(), self.mail.settings
        if self.host is None or self.num_emails >= settings.most_mails or self._process != os.getpid():
            return True
        if now - self._opened > settings.oldest_connection or now - self._used > settings.longest_idle:
            return True
        return self.host.is_stale()

    def let_go(self) -> None:
        """Close it, with a goodbye unless it belongs to the process that forked this one."""
        if self.host is not None and self._process == os.getpid():
            self.host.say_goodbye()
        self.hang_up()

    def hang_up(self) -> None:
        """Close it without a word: the relay drops what was under way."""
        if self.host is not None:
            self.host.close()
        self.host = None

    def __exit__(self, *_: object) -> None:
        self.let_go()
