"""The tables of the running service: queues that an admin paused, and the workers that are heard of."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base


class QueuePause(Base):
    """A queue that an admin paused: its deliveries wait until the row is gone."""

    __tablename__ = "queue_pauses"

    queue: Mapped[str] = mapped_column(String(16), primary_key=True)
    paused_at: Mapped[datetime]
    paused_by: Mapped[str] = mapped_column(String(255))
    why: Mapped[str] = mapped_column(String(255))


class Worker(Base):
    """A worker process as it was last heard of; it removes its row when it ends, unless it is killed.

    `queues` are names with commas between. `doing` is the longest task under way, since `doing_since`; `busy` how many
    there are. `done` and `failed` count tasks since the start; `memory` is resident, in octets, 0 where unknown.
    """

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)  # host:pid
    queues: Mapped[str] = mapped_column(String(255))
    threads: Mapped[int]
    version: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    doing: Mapped[str] = mapped_column(String(64), default="", server_default="")
    doing_since: Mapped[datetime | None]
    busy: Mapped[int] = mapped_column(default=0, server_default="0")
    done: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    failed: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    memory: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
