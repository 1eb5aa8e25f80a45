"""New links for people whose old ones have run out: mailed to them alone, as an event that stands in the log."""

from collections.abc import Callable

from notifier.pipeline import Clock
from notifier.pipeline.announce import OVERDUE, event_of_ours
from notifier.policy.announcements import NOBODY
from notifier.policy.catalogue import Catalogue
from notifier.policy.waves import NAMED
from notifier.store.announcing import Announcing
from notifier.store.database import Database
from notifier.store.people import People

TYPE = "link.created"


class NewLinks:
    """Accepts events that mail a person a new link to their settings. `nudge` rings the bell for their plan."""

    def __init__(
        self, database: Database, catalogue: Catalogue, clock: Clock, nudge: Callable[[list[str], str], object]
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._nudge = nudge

    def mail(self, address: str) -> None:
        """Mail a new link to the person who has this address (its id), once in an hour; to nobody where nobody has it.

        Raises `DatabaseAway`.
        """
        with self._database.read() as connection:
            owner = People(connection).owner(address)
        if owner is None:
            return
        now = self._clock()
        # The hour is part of the key, and one key is one event: whoever asks again in it is mailed no second one.
        key = f"{address} {now:%Y-%m-%dT%H}"
        data = {"actor": {"id": NOBODY}, "object": {"id": address, "type": "link"}, "to": [owner[0]]}
        event = event_of_ours(TYPE, key, data, now, now + OVERDUE)
        accepted = self._database.transact(lambda tx: Announcing(tx).accept(event, NAMED))
        kind = self._catalogue.find(TYPE)
        if kind and not accepted.duplicate:
            self._nudge([accepted.id], kind.queue)
