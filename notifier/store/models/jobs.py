"""The tables of what operators do to many deliveries: jobs, and dead letters that somebody put away."""

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key

RUNS = text("state = 'running'")


class Job(Base):
    """One act on all deliveries of a filter, done a chunk at a time by whoever has a hand free.

    It goes through the ids from `place` on to `upto`, the newest that there was when it was asked for; each chunk moves
    `place` in the transaction that acts. While it runs, `due_at` is when somebody else takes it up.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_due", "due_at", postgresql_where=RUNS, sqlite_where=RUNS),)

    id: Mapped[str] = mapped_column(Key("job"), primary_key=True)
    act: Mapped[str] = mapped_column(String(16))
    wanted: Mapped[bytes]  # the filter, as JSON
    who: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(16))
    expected: Mapped[int]  # counted no further than a bound
    done: Mapped[int]
    place: Mapped[str | None] = mapped_column(Key("dlv"))
    upto: Mapped[str] = mapped_column(Key("dlv"))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PutAway(Base):
    """That the dead letters of a cause, up to a delivery, need nobody's attention any more, by whose word and why.

    The deliveries stay failed: a final state is never overwritten.
    """

    __tablename__ = "put_away"

    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str] = mapped_column(String(24), primary_key=True)
    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    upto: Mapped[str] = mapped_column(Key("dlv"))
    who: Mapped[str] = mapped_column(String(255))
    why: Mapped[str] = mapped_column(String(512))
    at: Mapped[datetime]
