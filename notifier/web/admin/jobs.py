"""The admin pages of jobs: what is to be done to many deliveries, asked once more, and how far it has come."""

from dataclasses import replace
from urllib.parse import parse_qsl

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from notifier.pipeline.jobs import MOST
from notifier.store.admins import Role
from notifier.store.jobs import Act, JobEntry
from notifier.store.log import Filter
from notifier.web.admin.guard import admins_only
from notifier.web.admin.log_filter import asked_or_refused
from notifier.web.parts import parts
from notifier.web.paths import is_id

bp = Blueprint("admin_jobs", __name__, url_prefix="/admin/jobs")

LISTED = 50
SELECTED = 200  # deliveries of one page
NOTHING = f"dlv_{0:032x}"  # an id that nobody has


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str:
    """The latest jobs."""
    return render_template("admin/jobs.html", jobs=parts().working.latest(LISTED), now=parts().clock())


@bp.post("/ask")
@admins_only(Role.OPERATOR)
def ask() -> str | AnyResponse:
    """Say how many deliveries it is about and what will happen to them, before anything does."""
    act, ids, wanted, words = _meant()
    count = parts().working.count(act, wanted)
    if not count:
        flash(f"None of these can be {'sent again' if act == Act.RETRY else 'cancelled'}: {_why_none(act)}")
        return redirect(f"{url_for('admin_deliveries.page')}?{request.form.get('filter', '')}")
    return render_template(
        "admin/job_ask.html", act=act, ids=ids, count=count, most=MOST, words=words, given=request.form
    )


@bp.post("")
@admins_only(Role.OPERATOR)
def start() -> AnyResponse:
    """Begin it."""
    act, _, wanted, _ = _meant()
    job = parts().working.start(act, wanted, who=g.admin.email)
    if job is None:
        flash("There is no delivery yet.")
        return redirect(url_for("admin_deliveries.page"))
    return redirect(url_for("admin_jobs.show", job_id=job.id))


@bp.get("/<job:job_id>")
@admins_only(Role.VIEWER)
def show(job_id: str) -> str:
    """How far it has come."""
    return render_template("admin/job.html", **_shown(job_id))


@bp.get("/<job:job_id>/progress")
@admins_only(Role.VIEWER)
def progress(job_id: str) -> str:
    """The part of its page that changes: asked for again and again by the page."""
    return render_template("admin/job_progress.html", **_shown(job_id))


@bp.post("/<job:job_id>/stop")
@admins_only(Role.OPERATOR)
def stop(job_id: str) -> AnyResponse:
    """Let it do no more."""
    _known(job_id)
    stopped = parts().working.stop(job_id, who=g.admin.email)
    flash("It is stopped; what it did stays done." if stopped else "It was over already.")
    return redirect(url_for("admin_jobs.show", job_id=job_id))


def _meant() -> tuple[Act, list[str], Filter, str]:
    """The act that the form names, on the deliveries that are ticked, or else on all of its filter."""
    name, _, scope = request.form.get("act", "").partition("-")
    if name not in list(Act) or scope not in ("ticked", "all"):
        abort(400, "act must be retry or cancel, of those ticked or of all.")
    wish = asked_or_refused(MultiDict(parse_qsl(request.form.get("filter", ""))))
    if scope == "all":
        return Act(name), [], replace(wish.filter, before="", after=""), wish.words
    ids = [one for one in request.form.getlist("ids") if is_id(one, "dlv")][:SELECTED]
    # Nothing ticked is nothing wanted: not everything.
    wanted = Filter(ids=tuple(ids) or (NOTHING,))
    return Act(name), ids, wanted, f"{len(ids)} ticked {'delivery' if len(ids) == 1 else 'deliveries'}"


def _why_none(act: Act) -> str:
    if act == Act.RETRY:
        return "only what failed and was not sent again yet can be."
    return "only what waits or is queued can be."


def _shown(job_id: str) -> dict[str, object]:
    return {
        "job": _known(job_id),
        "most": MOST,
        "now": parts().clock(),
        "may_operate": g.admin.role.includes(Role.OPERATOR),
    }


def _known(job_id: str) -> JobEntry:
    job = parts().working.find(job_id)
    if job is None:
        abort(404, f"There is no job {job_id}.")
    return job
