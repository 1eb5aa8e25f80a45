"""The tables of numbers that are kept beside the rows they count."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key


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


class Figure(Base):
    """How many deliveries of a UTC day, by the time in their ids, came to which end; kept for good.

    `counted` is how many there ever were, as of the last roll-up that looked at the day; `purged` how many of them have
    no row any more, counted in the transaction that deleted them. `reason` is empty where there is none.
    """

    __tablename__ = "figures"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    app_id: Mapped[str] = mapped_column(Key("app"), primary_key=True)
    type: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str] = mapped_column(String(24), primary_key=True)
    counted: Mapped[int] = mapped_column(default=0, server_default="0")
    purged: Mapped[int] = mapped_column(default=0, server_default="0")


class RecentFigure(Base):
    """How many deliveries of the last days stand where, by the five minutes of their ids; replaced as they move on.

    `pace` tells of a message that was sent how long it took: the number of a span in `notifier.policy.pace`, else 0.
    Events that were accepted stand in the channel "" and the state "accepted".
    """

    __tablename__ = "recent_figures"

    slot: Mapped[str] = mapped_column(String(16), primary_key=True)  # "2026-11-21T10:05"
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    pace: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    counted: Mapped[int]


class HourlyFigure(Base):
    """The recent figures summed by the hour, in the transaction that keeps these: for whoever shows days of them."""

    __tablename__ = "hourly_figures"

    hour: Mapped[str] = mapped_column(String(13), primary_key=True)  # "2026-11-21T10"
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    pace: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    counted: Mapped[int]


class Snapshot(Base):
    """What was last found of something that takes long to find, when, and how long that took: such as the books."""

    __tablename__ = "snapshots"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime]
    ms: Mapped[int]
    body: Mapped[bytes]
