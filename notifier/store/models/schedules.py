"""The tables of schedules: what is to be done when, each run of it, and who leads the schedulers."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key

COMES = text("next_run_at IS NOT NULL")
OPEN = text("outcome IN ('asked', 'running')")


class Lease(Base):
    """Who does something alone, and until when: a holder that is not heard of loses it."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    holder: Mapped[str] = mapped_column(String(255))
    until: Mapped[datetime]
    taken_at: Mapped[datetime]
    beat_at: Mapped[datetime]


class Schedule(Base):
    """An act that is done by itself, again and again or once.

    `next_run_at` is its one timer, null where it is paused or done; `run_id` the run that is under way, beside which
    none begins. Exactly one of `cron`, `interval_seconds` and `at` says when; `at` is a time on the zone's clock.
    """

    __tablename__ = "schedules"
    # The tick asks every second.
    __table_args__ = (Index("schedules_next_run_at", "next_run_at", postgresql_where=COMES, sqlite_where=COMES),)

    id: Mapped[str] = mapped_column(Key("sch"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    arguments: Mapped[str] = mapped_column(Text)  # JSON
    cron: Mapped[str] = mapped_column(String(255))
    interval_seconds: Mapped[int | None]
    at: Mapped[str] = mapped_column(String(19))
    timezone: Mapped[str] = mapped_column(String(64))
    local: Mapped[bool]  # by each person's own clock
    enabled: Mapped[bool]
    built_in: Mapped[bool]
    next_run_at: Mapped[datetime | None]
    run_id: Mapped[str | None] = mapped_column(Key("run"))
    last_run_at: Mapped[datetime | None]
    last_outcome: Mapped[str] = mapped_column(String(16), default="", server_default="")
    last_text: Mapped[str] = mapped_column(Text, default="", server_default="")
    last_ms: Mapped[int | None]
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(255))
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(255))


class ScheduleRun(Base):
    """One run of a schedule, from the moment it was taken or asked for.

    asked ──a scheduler──▶ running ──▶ ok, or failed
                             └──▶ cut off: its process died; the act is taken up again in a run of its own, with one
                                  more in `tries`

    `moment` is what it is for: the time that had come, or when somebody asked. `until` is the lease of one that runs;
    one that was asked for is free at once.
    """

    __tablename__ = "schedule_runs"
    __table_args__ = (
        # A moment is run for once, whoever takes it and however often.
        UniqueConstraint("schedule_id", "moment", "tries"),
        Index("schedule_runs_schedule_id_id", "schedule_id", "id"),
        Index("schedule_runs_open", "until", postgresql_where=OPEN, sqlite_where=OPEN),
    )

    id: Mapped[str] = mapped_column(Key("run"), primary_key=True)
    schedule_id: Mapped[str] = mapped_column(Key("sch"), ForeignKey("schedules.id", ondelete="CASCADE"))
    moment: Mapped[datetime]
    tries: Mapped[int]
    triggered_by: Mapped[str] = mapped_column(String(255))
    outcome: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text, default="", server_default="")
    holder: Mapped[str] = mapped_column(String(255), default="", server_default="")
    until: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ms: Mapped[int | None]
