"""What the API answers of schedules and their runs."""

from typing import Any

from pydantic import BaseModel

from notifier.web.answers.common import Cursor, Time


class Schedule(BaseModel):
    """What runs by itself, and when."""

    id: str
    name: str
    kind: str
    arguments: dict[str, Any]
    cron: str | None
    interval_seconds: float | None
    at: str | None
    timezone: str | None
    local: bool
    when: str
    enabled: bool
    built_in: bool
    vital: bool
    running: bool
    next_run_at: Time | None
    last_run: dict[str, Any] | None
    created_at: Time
    created_by: str
    changed_at: Time
    changed_by: str


class Schedules(BaseModel):
    """A page of schedules, and which scheduler leads."""

    data: list[Schedule]
    next_cursor: Cursor
    scheduler: dict[str, Any]


class ScheduleRun(BaseModel):
    """One run of a schedule."""

    id: str
    schedule: str
    moment: Time
    tries: int
    triggered_by: str
    outcome: str | None
    text: str
    scheduler: str | None
    started_at: Time | None
    ended_at: Time | None
    ms: int | None


class ScheduleRuns(BaseModel):
    """A page of runs, newest first."""

    data: list[ScheduleRun]
    next_cursor: Cursor
