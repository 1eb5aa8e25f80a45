"""Copies: a mail of the log sent once more, to the admin who looks at it; no delivery, and in no books."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from notifier.channels import Address, Notice
from notifier.channels.preview import Previewer
from notifier.pipeline import Clock
from notifier.pipeline.preview import Preview
from notifier.policy.catalogue import Catalogue
from notifier.policy.outcomes import Outcome
from notifier.store.admins import Admins
from notifier.store.audit import AuditLog
from notifier.store.database import Database
from notifier.store.types import new_id

MOST, WINDOW = 10, timedelta(minutes=15)  # copies for one admin
ACTION = "delivery.copy"


class TooManyCopies(Exception):
    """The admin has had so many copies lately that they wait for the next one. Says so."""


class Copying:
    """Sends copies by the channel that sent the mail."""

    def __init__(self, database: Database, preview: Preview, previewer: Previewer, clock: Clock) -> None:
        self._database = database
        self._preview = preview
        self._previewer = previewer
        self._clock = clock

    def send(self, delivery: str, catalogue: Catalogue, *, to: str) -> Outcome:
        """Send it to that admin, which is on record first; what the relay answered.

        Raises `Unseen`, `TooManyCopies`, `DatabaseAway`, and `TemplateFault` where nothing can be sent to that address.
        """
        notice, now = self._preview.mailed(delivery, catalogue), self._clock()
        self._database.transact(lambda tx: _note(tx, delivery, to, now))
        return self._previewer.send_copy(_as_copy(notice, to, now))


def _note(connection: Connection, delivery: str, to: str, now: datetime) -> None:
    # What is on record is what counts, so that it counts across all web processes.
    if AuditLog(connection).count(to, ACTION, now - WINDOW) >= MOST:
        minutes = int(WINDOW.total_seconds() // 60)
        raise TooManyCopies(f"No more than {MOST} copies are sent to you within {minutes} minutes.")
    Admins(connection).note(to, ACTION, delivery, now)


def _as_copy(notice: Notice, to: str, now: datetime) -> Notice:
    """The notice without the links that speak for its person: whoever reads the copy must not act in their name."""
    own = replace(notice, delivery_id=new_id("dlv"), address=Address("", to), created_at=now)
    return _without_links(replace(own, items=tuple(map(_without_links, own.items))))


def _without_links(notice: Notice) -> Notice:
    return replace(notice, unsubscribe_url="", preferences_url="", why_url="")
