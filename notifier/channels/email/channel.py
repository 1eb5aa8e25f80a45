"""The email channel: renders notices as mails and sends them through the relay."""

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from notifier.channels import Address, Answer, BadAddress, Notice, Report, TemplateFault
from notifier.channels.email import addresses, filling
from notifier.channels.email.conversation import Lost
from notifier.channels.email.exchange import InHand, Pending, Tell
from notifier.channels.email.layout import lay_out, short_type
from notifier.channels.email.mime import Letter, Mail, write_mail
from notifier.channels.email.replies import unreachable
from notifier.channels.email.settings import EmailSettings
from notifier.channels.wording import BUILT_IN, Writer, name_of
from notifier.languages import Language
from notifier.policy.events import one_line
from notifier.policy.outcomes import Deferred, Outcome

if TYPE_CHECKING:
    from notifier.channels.email.held import HeldConnection, NotifyMail

_ACTOR_IN_FROM = 60  # characters
_LOSSES_IN_A_ROW = 2  # after so many connections lost without one mail sent, the relay is unwell


class EmailChannel:
    """Keeps the `Channel` protocol for mail. Safe to use from many threads; `clock` gives aware UTC.

    `writer` words the notices.
    """

    name = "email"
    perishable = False
    replaces = False

    def __init__(self, settings: EmailSettings, clock: Callable[[], datetime], writer: Writer = BUILT_IN) -> None:
        self._settings = settings
        self._clock = clock
        self._writer = writer
        self._slots = threading.BoundedSemaphore(settings.max_connections)
        self._lock = threading.Lock()
        self._idle: list[HeldConnection] = []
        self._mail: NotifyMail | None = None

    def render(self, notice: Notice, now: datetime) -> Mail:  # noqa: ARG002 (the protocol's; a mail is the same at any time)
        """The notice as a mail; the same octets for the same notice, whenever. Raises `TemplateFault`."""
        return write_mail(self._letter(notice))

    def copy(self, notice: Notice) -> Mail:
        """The same for somebody else than its person, marked as a copy. Raises `TemplateFault`."""
        letter = self._letter(notice)
        return write_mail(replace(letter, subject=f"[Copy] {letter.subject}", to_name="", group=""))

    def _letter(self, notice: Notice) -> Letter:
        settings = self._settings
        try:
            recipient = addresses.sendable(notice.address.value)
        except BadAddress as error:
            raise TemplateFault(f"The stored address cannot be sent to. {error}") from error
        page = lay_out(notice, brand=settings.brand, address=notice.address.value, writer=self._writer)
        return Letter(
            delivery_id=notice.delivery_id,
            host=settings.host,
            type=f"digest-{notice.digest.cadence}" if notice.digest else short_type(notice.type),
            list_name=f"{notice.digest.cadence.capitalize()} digest" if notice.digest else "",
            created_at=notice.created_at,
            from_name=_from_name(notice, settings.brand, page.language),
            from_address=settings.sender_address,
            to_name=notice.person.name,
            to_address=recipient,
            subject=page.subject,
            text=page.text,
            html=page.html,
            group="" if notice.digest else notice.group,  # a digest replies to nothing
            unsubscribe_url=notice.unsubscribe_url,
        )

    def send(self, messages: Iterable[Mail], report: Report) -> None:
        """Send the mails in order over one held connection and report each answer when its last reply is read.

        Waits while `max_connections` others are sending. Mails are pulled one ahead of the one being sent.
        """

        def tell(hand: InHand, outcome: Outcome) -> None:
            ms = round((time.monotonic() - hand.started) * 1000)
            said = replace(outcome, text=_discreet(outcome.text, hand.mail.recipient))
            report(Answer(hand.mail.delivery_id, said, started_at=hand.started_at, ms=ms))

        pending = Pending(messages, self._clock)
        with self._slots:
            trouble = self._send_until_trouble(pending, tell)
        while trouble is not None and (hand := pending.take()) is not None:
            # Not tried, so not charged: the relay would have kept each of them waiting in vain.
            tell(hand, replace(trouble, charged=False))

    def origin(self, address: Address) -> str:  # noqa: ARG002 (the protocol's; one relay for all)
        """The relay: it stands between us and every mailbox."""
        return self._settings.origin

    @staticmethod
    def masked(address: Address) -> str:
        """The address as logs and answers may show it."""
        return addresses.masked(address.value)

    @staticmethod
    def named(address: Address) -> str:
        """The whole address."""
        return address.value

    def warm(self) -> None:
        """Load the templates."""
        self._writer.load()
        filling.load()

    def close(self) -> None:
        """Let go of the connections that lie idle. Call it when no send is under way."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.let_go()

    def _send_until_trouble(self, pending: Pending, tell: Tell) -> Deferred | None:
        """Send all that is pending. Gives what keeps the rest from being tried, if anything does."""
        losses = 0
        while not pending.is_empty():
            lost, carried = self._send_over_one(pending, tell)
            losses = 0 if carried else losses + 1
            if lost is not None and lost.outcome.pauses:
                return lost.outcome
            if lost is not None and losses >= _LOSSES_IN_A_ROW:
                return unreachable(lost.outcome.code, lost.outcome.text)
        return None

    def _send_over_one(self, pending: Pending, tell: Tell) -> tuple[Lost | None, bool]:
        """Send over one connection. Gives what ended it, and whether it ever carried a mail."""
        connection, is_whole = self._connection(), False
        try:
            lost = connection.exchange(pending, tell)
            is_whole = lost is None
        finally:
            self._give_back(connection, is_whole=is_whole)
        return lost, connection.num_emails > 0

    def _connection(self) -> "HeldConnection":
        """One that lies idle and is well, else a new one. Idle and used ones together never exceed the slots."""
        while (idle := self._idle_one()) is not None:
            if not idle.is_worn():
                return idle
            idle.let_go()
        with self._lock:
            return self._relay().connect()

    def _idle_one(self) -> "HeldConnection | None":
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: "HeldConnection", *, is_whole: bool) -> None:
        if not is_whole:
            connection.hang_up()
            return
        if connection.is_worn():
            connection.let_go()
            return
        with self._lock:
            self._idle.append(connection)

    def _relay(self) -> "NotifyMail":
        if self._mail is None:
            # Flask-Mail brings Flask, most of its 0.3 s of import; who only renders or checks addresses needs neither.
            from notifier.channels.email.held import NotifyMail

            self._mail = NotifyMail(self._settings)
        return self._mail


def _discreet(text: str, recipient: str) -> str:
    """What a relay said, with the address that it repeats as logs may show it."""
    return re.sub(re.escape(recipient), lambda found: addresses.masked(found[0]), text, flags=re.IGNORECASE)


def _from_name(notice: Notice, brand: str, language: Language) -> str:
    """ "Ann via Acme"; the brand alone for several, for account mail, and where a name poses as an address."""
    actor = one_line(name_of(notice.events[-1].actor))
    poses = any(mark in actor for mark in ("@", "＠", "﹫", "://"))
    actors = len({event.actor.id for event in notice.events}) + notice.earlier_actors
    is_account_mail = not notice.unsubscribe_url
    if poses or len(actor) > _ACTOR_IN_FROM or actors > 1 or notice.items or is_account_mail:
        return brand
    return one_line(language.gettext("%(name)s via %(brand)s", name=actor, brand=brand))
