"""The tables of numbers that are kept beside the rows they count."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base


class Tally(Base):
    """How many deliveries were planned per day and channel, counted in the plan's own transaction.

    The books compare it with the rows themselves, so that a lost row shows.
    """

    __tablename__ = "tallies"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    planned: Mapped[int]


class Counter(Base):
    """A number that only grows. `changes` numbers the transactions that made outcomes final, in their commit order."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Fallback(Base):
    """A text that was shown in English because a language lacks it, and how often."""

    __tablename__ = "fallbacks"

    language: Mapped[str] = mapped_column(String(35), primary_key=True)
    message: Mapped[str] = mapped_column(String(255), primary_key=True)
    count: Mapped[int]
