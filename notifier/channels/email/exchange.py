"""Sends mails over one connection, the envelope in one write and the next one behind the content (RFC 2920).

With a relay that pipelines, a mail among many costs about one round trip. Each answer is told when its last reply is
read; a connection that dies leaves at most one mail unknown, the one whose content was on its way.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from notifier.channels.email.conversation import Conversation, Lost
from notifier.channels.email.mime import Mail
from notifier.channels.email.replies import Reply, Stage, classify, unknown
from notifier.policy.outcomes import Outcome, Refused


@dataclass(slots=True)
class InHand:
    """A mail and since when it is on its way (`started_at` aware UTC, `started` monotonic seconds)."""

    mail: Mail
    started_at: datetime
    started: float
    tried_again: bool = False  # the second try on a new connection is used up


Tell = Callable[[InHand, Outcome], None]


class Pending:
    """The mails still to send, pulled one by one when their turn comes."""

    def __init__(self, mails: Iterable[Mail], clock: Callable[[], datetime]) -> None:
        self._mails: Iterator[Mail] = iter(mails)
        self._clock = clock
        self._first: InHand | None = None

    def take(self) -> InHand | None:
        """The next mail, or None where there is no more."""
        if self._first is not None:
            taken, self._first = self._first, None
            return taken
        mail = next(self._mails, None)
        return None if mail is None else InHand(mail, self._clock(), time.monotonic())

    def put_back(self, hand: InHand | None) -> None:
        """The mail that is next after all."""
        self._first = hand or self._first

    def is_empty(self) -> bool:
        self.put_back(self.take())
        return self._first is None


class Exchange:
    """One run of mails over one connection, which has `carried` so many in its life and carries at most `limit`."""

    def __init__(self, line: Conversation, pending: Pending, tell: Tell, *, carried: int, limit: int) -> None:
        self._line = line
        self._pending = pending
        self._tell = tell
        self.carried = carried
        self._limit = limit

    def run(self) -> Lost | None:
        """Send until nothing is pending or the limit is reached. Gives what ended the connection, if anything did.

        Every mail taken is told of, but for one that was put back because nothing of it went out.
        """
        hand = self._next()
        written = False
        while hand is not None:
            following = self._transaction(hand, written=written)
            if isinstance(following, Lost):
                return following
            hand, written = following, self._line.pipelines
        return None

    def _transaction(self, hand: InHand, *, written: bool) -> InHand | Lost | None:
        """One mail, whose envelope may be on its way. Gives the next one, in the same state."""
        try:
            refusal, is_open = self._envelope(hand.mail, written=written)
        except Lost as lost:
            return self._lost_before_content(hand, lost)
        if refusal is not None:
            self.carried += 1
            self._tell(hand, refusal)
            return self._wind_up(is_open=is_open)
        return self._content(hand)

    def _envelope(self, mail: Mail, *, written: bool) -> tuple[Outcome | None, bool]:
        """What refused the mail, if anything did, and whether the relay waits for content."""
        line, refusal, reply = self._line, None, None
        if line.pipelines and not written:
            line.write(self._group(mail), Stage.MAIL)
        for stage, command in self._commands(mail):
            if not line.pipelines:
                line.write(command, stage)
            reply = line.read(stage)
            if refusal is None and not _is_go_ahead(reply, stage):
                refusal = classify(reply, stage)
            if refusal is not None and not line.pipelines:
                return refusal, False
        return refusal, reply is not None and reply.number == 354

    def _content(self, hand: InHand) -> InHand | Lost | None:
        """Write the content, with the next envelope behind it, and read what became of it."""
        following = self._next(in_flight=1)
        content = _stuffed(hand.mail.content) + b".\r\n"
        try:
            self._line.write(content + self._riding(following), Stage.CONTENT)
            reply = self._line.read(Stage.CONTENT)
        except Lost as lost:
            self._pending.put_back(following)
            self._lost_with_content(hand, lost, len(content))
            return lost
        self.carried += 1
        self._tell(hand, classify(reply, Stage.CONTENT))
        return following

    def _wind_up(self, *, is_open: bool) -> InHand | Lost | None:
        """End a refused transaction, so that the next one starts clean."""
        following = self._next()
        # 354 although every recipient was refused: an empty content is the only way out (RFC 2920, section 3.1).
        way_out = b".\r\n" if is_open else b"RSET\r\n"
        try:
            self._line.write(way_out + self._riding(following), Stage.MAIL)
            self._line.read(Stage.MAIL)
        except Lost as lost:
            self._pending.put_back(following)
            return lost
        return following

    def _next(self, in_flight: int = 0) -> InHand | None:
        """The next mail that this relay can carry."""
        if self.carried + in_flight >= self._limit:
            return None
        hand = self._pending.take()
        while hand is not None and _needs_smtputf8(hand.mail) and not self._line.has_extn("smtputf8"):
            self._tell(hand, Refused("5.6.7", "The address is not ASCII and the relay does not offer SMTPUTF8."))
            hand = self._pending.take()
        return hand

    def _riding(self, following: InHand | None) -> bytes:
        return self._group(following.mail) if following and self._line.pipelines else b""

    def _group(self, mail: Mail) -> bytes:
        return b"".join(command for _, command in self._commands(mail))

    def _commands(self, mail: Mail) -> tuple[tuple[Stage, bytes], ...]:
        options = f" SIZE={len(mail.content)}" if self._line.has_extn("size") else ""
        if _needs_smtputf8(mail):
            options += " BODY=8BITMIME SMTPUTF8"
        return (
            (Stage.MAIL, f"MAIL FROM:<{mail.sender}>{options}\r\n".encode()),
            (Stage.RCPT, f"RCPT TO:<{mail.recipient}>\r\n".encode()),
            (Stage.DATA, b"DATA\r\n"),
        )

    def _lost_before_content(self, hand: InHand, lost: Lost) -> Lost:
        # A held connection may have ended while it lay idle: that says nothing of the mail, and a new one will tell.
        if self.carried and not hand.tried_again:
            hand.tried_again = True
            self._pending.put_back(hand)
            return Lost(replace(lost.outcome, pauses=False))
        self._tell(hand, lost.outcome)
        return lost

    def _lost_with_content(self, hand: InHand, lost: Lost, length: int) -> None:
        went_out = lost.written is None or lost.written >= length
        self._tell(hand, lost.outcome if lost.answered or not went_out else unknown(lost.outcome.text))


def _is_go_ahead(reply: Reply, stage: Stage) -> bool:
    return reply.number == 354 if stage == Stage.DATA else reply.is_good


def _needs_smtputf8(mail: Mail) -> bool:
    return not (mail.recipient.isascii() and mail.sender.isascii())


def _stuffed(content: bytes) -> bytes:
    # RFC 5321, section 4.5.2. A content starts with a header, never with a dot, and ends with CRLF.
    return content.replace(b"\r\n.", b"\r\n..")
