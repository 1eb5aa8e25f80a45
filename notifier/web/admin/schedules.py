"""The admin pages of schedules: what runs when, how it went, and the forms that change it."""

from collections.abc import Callable, Mapping

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.pipeline.drafting import Change
from notifier.pipeline.scheduled import scheduler_json
from notifier.policy.schedules import Draft, Timing, zones
from notifier.policy.timetable_words import in_words
from notifier.store.admins import Role
from notifier.store.schedules import ScheduleEntry
from notifier.web.admin.forms import announcement_of, arguments_of, form_of, timing_fields
from notifier.web.admin.guard import admins_only
from notifier.web.parts import parts
from notifier.web.problems import Problem
from notifier.web.schedules import asked

bp = Blueprint("admin_schedules", __name__, url_prefix="/admin/schedules")

MOST, RUNS = 500, 50
Page = AnyResponse | str | tuple[str, int]


@bp.app_template_filter("in_words")
def words(entry: ScheduleEntry) -> str:
    """When it runs."""
    return in_words(entry.timetable)


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> Page:
    """All schedules, and which scheduler leads."""
    return _list({})


@bp.post("")
@admins_only(Role.OWNER)
def add() -> Page:
    """Make a schedule."""
    form = request.form
    try:
        timing = Timing(**timing_fields(form))
        draft = Draft(form.get("name", "").strip(), form.get("kind", ""), timing, arguments_of(form))
        made = asked(lambda: parts().scheduling.add(draft, g.admin.email))
    except Problem as problem:
        return _list(form, problem), problem.status
    flash(f"{made.name} is made.")
    return _to(made.id)


@bp.post("/announce")
@admins_only(Role.OWNER)
def announce() -> Page:
    """Make an announcement, at once or at its time."""
    form = request.form
    try:
        made = asked(lambda: parts().scheduling.add(announcement_of(form), g.admin.email))
    except Problem as problem:
        return _list(form, problem, announcing=True), problem.status
    flash("It is announced within seconds." if form.get("way") == "now" else f"{made.name} is made.")
    return _to(made.id)


@bp.get("/<sch:schedule_id>")
@admins_only(Role.VIEWER)
def show(schedule_id: str) -> Page:
    """One schedule and its history."""
    return _one(_known(schedule_id))


@bp.post("/<sch:schedule_id>")
@admins_only(Role.OWNER)
def edit(schedule_id: str) -> Page:
    """Change a schedule."""
    entry, form = _known(schedule_id), request.form
    try:
        name, arguments = (None, None) if entry.built_in else (form.get("name", "").strip(), arguments_of(form))
        change = Change(name, timing_fields(form), arguments)
        asked(lambda: parts().scheduling.change(schedule_id, change, g.admin.email))
    except Problem as problem:
        return _one(entry, form, problem), problem.status
    flash("It is changed.")
    return _to(schedule_id)


@bp.post("/<sch:schedule_id>/run")
@admins_only(Role.OPERATOR)
def run(schedule_id: str) -> Page:
    """Run it now."""
    return _act(schedule_id, parts().scheduling.run_now, "It is run within a second or two.")


@bp.post("/<sch:schedule_id>/pause")
@admins_only(Role.OPERATOR)
def pause(schedule_id: str) -> Page:
    """Let it run no more until it is resumed."""
    return _act(schedule_id, parts().scheduling.pause, "It is paused.")


@bp.post("/<sch:schedule_id>/resume")
@admins_only(Role.OPERATOR)
def resume(schedule_id: str) -> Page:
    """Let it run again."""
    return _act(schedule_id, parts().scheduling.resume, "It runs again.")


@bp.post("/<sch:schedule_id>/remove")
@admins_only(Role.OWNER)
def remove(schedule_id: str) -> Page:
    """Remove it with its history."""
    entry = _known(schedule_id)
    try:
        asked(lambda: parts().scheduling.remove(schedule_id, g.admin.email))
    except Problem as problem:
        flash(problem.detail)
        return _to(schedule_id)
    flash(f"{entry.name} is removed.")
    return redirect(url_for("admin_schedules.page"))


def _act(schedule_id: str, act: Callable[[str, str], object], said: str) -> AnyResponse:
    _known(schedule_id)
    try:
        asked(lambda: act(schedule_id, g.admin.email))
        flash(said)
    except Problem as problem:
        flash(problem.detail)
    return _to(schedule_id)


def _list(given: Mapping[str, str], problem: Problem | None = None, *, announcing: bool = False) -> str:
    scheduling = parts().scheduling
    return render_template(
        "admin/schedules.html",
        entries=scheduling.page("", MOST),
        leads=scheduler_json(scheduling.heartbeat(), parts().clock()),
        kinds=[kind for kind in scheduling.kinds.values() if not kind.vital],
        given=given if not announcing else {},
        announcement=given if announcing else {},
        problem=problem,
        announcing=announcing,
        zones=sorted(zones()),
        may_own=g.admin.role.includes(Role.OWNER),
    )


def _one(entry: ScheduleEntry, given: Mapping[str, str] | None = None, problem: Problem | None = None) -> str:
    scheduling = parts().scheduling
    kind = scheduling.kinds.get(entry.kind)
    return render_template(
        "admin/schedule.html",
        entry=entry,
        runs=scheduling.runs(entry.id, "", RUNS),
        given=given if given is not None else form_of(entry),
        problem=problem,
        zones=sorted(zones()),
        vital=bool(kind and kind.vital),
        may_local=bool(kind and kind.local),
        may_operate=g.admin.role.includes(Role.OPERATOR),
        may_own=g.admin.role.includes(Role.OWNER),
    )


def _known(schedule_id: str) -> ScheduleEntry:
    entry = parts().scheduling.find(schedule_id)
    if entry is None:
        abort(404, f"There is no schedule {schedule_id}.")
    return entry


def _to(schedule_id: str) -> AnyResponse:
    return redirect(url_for("admin_schedules.show", schedule_id=schedule_id))
