"""Where an id leads that somebody holds: to a delivery, or to a person."""

from sqlalchemy import Connection, literal_column, select

from notifier.store.models import Address, Attempt, Delivery, User


class Finding:
    """Looks up by indexes, in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def delivery_of_attempt(self, attempt: str) -> str | None:
        """The delivery that was tried, or None."""
        return self._connection.scalar(select(Attempt.delivery_id).where(Attempt.id == attempt))

    def delivery_of_notification(self, notification: str) -> str | None:
        """The newest delivery that tells of the notification, or None."""
        its = select(Delivery.id).where(Delivery.notification_id == notification)
        return self._connection.scalar(its.order_by(Delivery.id.desc()).limit(1))

    def person_at(self, address: str) -> str | None:
        """Whose address has that id, or None."""
        return self._connection.scalar(select(Address.user_id).where(Address.id == address))

    def people_with(self, mailbox: str, most: int) -> list[str]:
        """Up to `most` people with that mailbox."""
        # Said in the index's own words: SQLite uses it for no others.
        is_mailbox = Address.channel == literal_column("'email'")
        query = select(Address.user_id).where(is_mailbox, Address.value == mailbox).distinct().limit(most)
        return list(self._connection.scalars(query))

    def is_known(self, person: str) -> bool:
        """Whether there is a profile of that id, or a delivery to it."""
        profile = select(User.id).where(User.id == person)
        if self._connection.scalar(profile) is not None:
            return True
        return self._connection.scalar(select(Delivery.id).where(Delivery.user_id == person).limit(1)) is not None
