"""Preview: a message worded again from what is stored, for whoever looks into the log and may read it."""

from collections.abc import Callable, Mapping
from typing import Any

from notifier.channels import Channel, Notice, Shown, TemplateFault
from notifier.channels.wording import Wording
from notifier.pipeline import Clock
from notifier.pipeline.noticing import Noticing
from notifier.policy.catalogue import Catalogue
from notifier.store.admins import Admins
from notifier.store.claims import Claimed, Claims
from notifier.store.database import Database


class Unseen(Exception):
    """The message cannot be shown. Says why."""


class Preview:
    """Words messages by the channels' own means, with today's templates and what is known of the person today."""

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Channel[Any]],
        noticing: Noticing,
        word: Callable[[Notice], Wording],
        clock: Clock,
    ) -> None:
        self._database = database
        self._channels = channels
        self._noticing = noticing
        self._word = word
        self._clock = clock

    @property
    def perishable(self) -> tuple[str, ...]:
        """The channels whose messages are worth nothing when they have expired."""
        return tuple(name for name, channel in self._channels.items() if channel.perishable)

    def show(self, delivery: str, catalogue: Catalogue, *, who: str) -> Shown:
        """The delivery's message; that `who` saw it is noted, unless that is nobody. Raises `Unseen`."""
        shown = self._shown(self._found(delivery, catalogue))
        if who:
            self._database.transact(lambda tx: Admins(tx).note(who, "delivery.preview", delivery, self._clock()))
        return shown

    def mailed(self, delivery: str, catalogue: Catalogue) -> Notice:
        """What the delivery's mail is worded from. Raises `Unseen`, also where its message is no mail."""
        found = self._found(delivery, catalogue)
        if self._shown(found).media_type != "message/rfc822":
            raise Unseen("Its message is no mail.")
        return self._noticing.notice(found)

    def _found(self, delivery: str, catalogue: Catalogue) -> Claimed:
        replacing = tuple(name for name, channel in self._channels.items() if channel.replaces)
        with self._database.read() as connection:
            found = Claims(connection, replacing).peek(delivery)
        if found is None:
            raise Unseen("What it told of was deleted, or was never there.")
        if not found.own.told.events:
            raise Unseen("Everything that it told of was taken back or deleted.")
        if catalogue.find(found.own.type) is None:
            raise Unseen(f"The type {found.own.type} is in no catalogue any more.")
        return found

    def _shown(self, found: Claimed) -> Shown:
        channel = self._channels.get(found.channel)
        if channel is not None and not found.address:
            raise Unseen("It has no address that is known today.")
        try:
            if channel is None:  # it stands in a feed
                words = self._word(self._noticing.notice(found))
                return Shown(words.sentence, words.excerpt)
            shown: Shown = channel.render(self._noticing.notice(found), self._clock()).shown()
        except TemplateFault as fault:
            raise Unseen(f"It cannot be worded: {fault}") from fault
        except Exception as fault:  # whatever a template does with its data, as in sending
            raise Unseen(f"It cannot be worded: {type(fault).__name__}: {fault}") from fault
        return shown
