"""People as those look for them who run the service: page by page, by how an id begins, or by a mail address."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, and_, func, literal, select, tuple_

from notifier.policy.relations import BLOCK, FOLLOW, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE
from notifier.store.gone import refused_for_good
from notifier.store.models import IS_MAILBOX, Address, Delivery, Relation, User
from notifier.store.sql import AnyRow, among

ACTIVE, SUPPRESSED, REMOVED = "active", "suppressed", "removed"
COUNTED = 1_000  # relations of a kind are counted no further
KINDS = (FOLLOW, BLOCK, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE)
_LAST = "\U0010ffff"  # no id goes on with a later character


@dataclass(frozen=True, slots=True)
class Contact:
    """One mailbox or browser of a person. `gone_why` tells since `gone_at` why nothing is sent to it; else empty."""

    id: str
    user: str
    channel: str
    value: str
    created_at: datetime
    last_sent_at: datetime | None
    gone_at: datetime | None
    gone_why: str

    @property
    def state(self) -> str:
        """Active, suppressed by its provider's word, or removed by its person."""
        if self.gone_at is None:
            return ACTIVE
        return SUPPRESSED if refused_for_good(self.gone_why) else REMOVED


@dataclass(frozen=True, slots=True)
class Entry:
    """A person in a list."""

    id: str
    name: str
    locale: str
    timezone: str
    created_at: datetime
    contacts: tuple[Contact, ...] = ()


class Directory:
    """Reads people in the transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, most: int, before: Entry | None = None) -> list[Entry]:
        """Up to `most` people, those that were made last first; those made `before` that one."""
        query = select(User).order_by(User.created_at.desc(), User.id.desc()).limit(most)
        if before:
            place = tuple_(literal(before.created_at, User.created_at.type), literal(before.id, User.id.type))
            query = query.where(tuple_(User.created_at, User.id) < place)
        return self._with_contacts(self._connection.execute(query).all())

    def by_id(self, most: int, *, prefix: str = "", after: str = "") -> list[Entry]:
        """Up to `most` people in the order of their ids: those that begin with the prefix, behind `after`."""
        query = select(User).order_by(User.id).limit(most)
        if prefix:
            query = query.where(_begins(self._connection, prefix, after))
        if after:
            query = query.where(User.id > after)
        return self._with_contacts(self._connection.execute(query).all())

    def by_mailbox(self, address: str, most: int) -> list[Entry]:
        """Up to `most` people with this mail address, as it is stored."""
        query = select(Address.user_id).where(IS_MAILBOX, Address.value == address).limit(most)
        users = self._connection.scalars(query).all()
        rows = self._connection.execute(select(User).where(User.id.in_(users)).order_by(User.id)).all()
        return self._with_contacts(rows)

    def find(self, user: str) -> Entry | None:
        """The person of that id, or None."""
        found = self._with_contacts(self._connection.execute(select(User).where(User.id == user)).all())
        return found[0] if found else None

    def is_told(self, user: str) -> bool:
        """Whether anything is on record for somebody of that id, of whom there may be no profile."""
        asked = (
            select(Delivery.id).where(Delivery.user_id == user),
            select(Address.id).where(Address.user_id == user),
            select(Relation.other).where(Relation.user_id == user),
        )
        return any(self._connection.execute(query.limit(1)).first() for query in asked)

    def contacts(self, users: Collection[str]) -> list[Contact]:
        """The addresses of these people, those that are gone included, by person and channel, the newest first."""
        order = Address.user_id, Address.channel, Address.id.desc()
        query = select(Address).where(among(self._connection, Address.user_id, sorted(users))).order_by(*order)
        return [contact_of(row) for row in self._connection.execute(query)]

    def contact(self, user: str, id: str) -> Contact | None:
        """This address of that person, or None."""
        row = self._connection.execute(select(Address).where(Address.id == id, Address.user_id == user)).one_or_none()
        return contact_of(row) if row else None

    def counted(self, user: str) -> dict[str, int]:
        """How many relations of each kind the person has, each counted up to one more than `COUNTED`."""
        return {kind: self._count(Relation.user_id == user, Relation.kind == kind) for kind in KINDS}

    def followers(self, user: str) -> int:
        """How many follow the person, counted up to one more than `COUNTED`."""
        return self._count(Relation.other == user, Relation.kind == FOLLOW)

    def _count(self, *which: ColumnElement[bool]) -> int:
        found = select(Relation.user_id).where(*which).limit(COUNTED + 1).subquery()
        return self._connection.scalar(select(func.count()).select_from(found)) or 0

    def _with_contacts(self, rows: Sequence[AnyRow]) -> list[Entry]:
        contacts = self.contacts([row.id for row in rows]) if rows else []
        by_user = {user: tuple(theirs) for user, theirs in groupby(contacts, key=attrgetter("user"))}
        return [
            Entry(row.id, row.name, row.locale, row.timezone, row.created_at, by_user.get(row.id, ())) for row in rows
        ]


def contact_of(row: AnyRow) -> Contact:
    """The address of a whole row of `addresses`."""
    return Contact(
        row.id,
        row.user_id,
        row.channel,
        row.value,
        row.created_at,
        row.last_sent_at,
        row.gone_at,
        row.gone_why if row.gone_at else "",
    )


def _begins(connection: Connection, prefix: str, after: str) -> ColumnElement[bool]:
    """That an id begins so. SQLite orders ids by their octets, and finds them as a range of its key.

    Of two bounds it takes any: of those behind `after` only the upper one is said here.
    """
    if connection.dialect.name == "postgresql":
        return User.id.startswith(prefix, autoescape=True)
    ends = User.id <= prefix + _LAST
    return ends if after >= prefix else and_(User.id >= prefix, ends)
