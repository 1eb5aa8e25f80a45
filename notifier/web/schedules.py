"""Schedules over the API: listed, made, changed, paused, run now, and their history."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, g

from notifier.pipeline.drafting import CannotChange, Change
from notifier.pipeline.scheduled import run_json, schedule_json, scheduler_json
from notifier.policy.schedules import Draft, Timing, WrongSchedule
from notifier.store.schedules import RunEntry, ScheduleEntry
from notifier.web.access import needs, takes
from notifier.web.bodies import PageQuery, ScheduleBody, ScheduleChangeBody
from notifier.web.pages import answer, asked_page, place, wrong_cursor
from notifier.web.parts import parts
from notifier.web.paths import is_id
from notifier.web.problems import Fault, Problem, invalid, not_found
from notifier.web.reading import read

bp = Blueprint("schedules", __name__, url_prefix="/v1/schedules")
T = TypeVar("T")
TIMING = ("cron", "interval_seconds", "at", "timezone", "local")


@bp.get("")
@needs("schedules")
@takes(query=PageQuery)
def page() -> Response:
    """All schedules, the oldest first, and which scheduler leads."""
    query, scheduling = asked_page(), parts().scheduling
    found = scheduling.page(_place(query, "sch"), query.limit + 1)
    leads = scheduler_json(scheduling.heartbeat(), parts().clock())
    return answer(found, query, shape, lambda entry: entry.id, scheduler=leads)


@bp.post("")
@needs("schedules")
@takes(ScheduleBody)
def add() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Make a schedule: one of cron, interval_seconds and at says when."""
    body = read(ScheduleBody)
    draft = Draft(body.name, body.kind, _timing(body), body.arguments, body.enabled)
    made = shape(asked(lambda: parts().scheduling.add(draft, g.app_id)))
    return made, 201, {"Location": f"/v1/schedules/{made['id']}"}


@bp.get("/<sch:schedule_id>")
@needs("schedules")
def show(schedule_id: str) -> dict[str, Any]:
    """One schedule."""
    return shape(known(parts().scheduling.find(schedule_id), schedule_id))


@bp.put("/<sch:schedule_id>")
@needs("schedules")
@takes(ScheduleChangeBody)
def change(schedule_id: str) -> dict[str, Any]:
    """Change a schedule: what is left out stays, and another way of saying when replaces the one before."""
    wanted = change_of(read(ScheduleChangeBody))
    return shape(known(asked(lambda: parts().scheduling.change(schedule_id, wanted, g.app_id)), schedule_id))


@bp.delete("/<sch:schedule_id>")
@needs("schedules")
def remove(schedule_id: str) -> tuple[str, int]:
    """Remove a schedule with its history; built-in ones can be paused only."""
    known(asked(lambda: parts().scheduling.remove(schedule_id, g.app_id)), schedule_id)
    return "", 204


@bp.post("/<sch:schedule_id>/run")
@needs("schedules")
def run(schedule_id: str) -> tuple[dict[str, Any], int]:
    """Run it now, also while it is paused: the scheduler that leads takes it up within a second or two."""
    return run_json(known(asked(lambda: parts().scheduling.run_now(schedule_id, g.app_id)), schedule_id)), 202


@bp.post("/<sch:schedule_id>/pause")
@needs("schedules")
def pause(schedule_id: str) -> dict[str, Any]:
    """Let it run no more until it is resumed."""
    return shape(known(asked(lambda: parts().scheduling.pause(schedule_id, g.app_id)), schedule_id))


@bp.post("/<sch:schedule_id>/resume")
@needs("schedules")
def resume(schedule_id: str) -> dict[str, Any]:
    """Let it run again. What it missed meanwhile is not made up for."""
    return shape(known(asked(lambda: parts().scheduling.resume(schedule_id, g.app_id)), schedule_id))


@bp.get("/<sch:schedule_id>/runs")
@needs("schedules")
@takes(query=PageQuery)
def runs(schedule_id: str) -> Response:
    """Its history, newest first: what each run was for, who triggered it, and how it went."""
    query, scheduling = asked_page(), parts().scheduling
    known(scheduling.find(schedule_id), schedule_id)
    found = scheduling.runs(schedule_id, _place(query, "run"), query.limit + 1)
    return answer(found, query, run_json, lambda entry: entry.id)


def shape(entry: ScheduleEntry) -> dict[str, Any]:
    """One schedule as it is shown."""
    return schedule_json(entry, parts().scheduling.kinds)


def change_of(body: ScheduleChangeBody) -> Change:
    """What a body wants to be different."""
    given = body.model_dump(include=set(TIMING), exclude_none=True)
    return Change(body.name, given, body.arguments, body.enabled)


def asked(act: Callable[[], T]) -> T:
    """What the act gives. Raises a problem where it is refused."""
    try:
        return act()
    except WrongSchedule as wrong:
        raise invalid([Fault(pointer, "invalid", detail) for pointer, detail in wrong.faults]) from None
    except CannotChange as refused:
        raise Problem(409, "conflict", str(refused)) from None


S = TypeVar("S", ScheduleEntry, RunEntry)


def known(found: S | None, schedule_id: str) -> S:
    """What was found. Raises a problem where there is no such schedule."""
    if found is None:
        raise not_found("schedule", schedule_id)
    return found


def _timing(body: ScheduleBody) -> Timing:
    return Timing(**body.model_dump(include=set(TIMING), exclude_none=True))


def _place(query: PageQuery, prefix: str) -> str:
    mark = place(query)
    if mark and not is_id(mark, prefix):
        raise wrong_cursor()
    return mark
