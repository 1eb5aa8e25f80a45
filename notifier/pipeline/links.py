"""Sign-in links by mail: asked for at the door, made and sent by a worker, so that the wait tells nothing.

Only the id of the request travels: the token is made where it is sent, and stands nowhere else.
"""

import logging
from collections.abc import Callable, Iterable

from notifier.channels.email import masked
from notifier.channels.email.signin import SignInMail
from notifier.pipeline import Clock
from notifier.policy.outcomes import Delivered, Outcome
from notifier.store.admins import Account, Admins
from notifier.store.database import Database
from notifier.store.tries import TooMany, Tries, What

log = logging.getLogger(__name__)


class Links:
    """Mails links. `send` sends one mail over the relay; `public_url` is where the admin pages are."""

    def __init__(
        self, database: Database, send: Callable[[SignInMail], Outcome], public_url: str, clock: Clock
    ) -> None:
        self._database = database
        self._send = send
        self._public_url = public_url
        self._clock = clock

    def ask(self, email: str, address: str) -> str | TooMany:
        """Note that somebody at this network address wants a link; the id to ring for. The same for whatever e-mail."""
        with self._database.write() as connection:
            return Tries(connection).begin(What.MAIL, email, address, self._clock())

    def send(self, ids: Iterable[str]) -> None:
        """Send the links that were asked for, to those who are admins. What is lost here is asked for again."""
        for asked in ids:
            self._send_one(asked)

    def _send_one(self, id: str) -> None:
        now = self._clock()
        with self._database.write() as connection:
            asked = Tries(connection).take(id, now)
            admins = Admins(connection)
            account = admins.by_email(asked[0]) if asked else None
            if asked is None or account is None:
                return
            token = admins.link(account.id, now, asks=True)
        self._record(account, self._send(self._mail(id, account, token, asked[1])))

    def _mail(self, id: str, account: Account, token: str, asked_from: str) -> SignInMail:
        pages = f"{self._public_url}/admin/login"
        return SignInMail(id, account.email, f"{pages}/once/{token}", pages, asked_from, self._clock())

    def _record(self, account: Account, outcome: Outcome) -> None:
        sent = isinstance(outcome, Delivered)
        if not sent:
            log.warning("the sign-in link for %s was not taken: %s", masked(account.email), outcome.text)
        said = f"sent, {outcome.code}" if sent else f"not sent: {outcome.code} {outcome.text}"
        with self._database.write() as connection:
            Admins(connection).note(account.email, "sign-in.mail", said, self._clock())
