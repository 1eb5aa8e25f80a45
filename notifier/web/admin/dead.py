"""The admin page of dead letters: what failed and was left so, by its cause, to be sent again or put away."""

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.policy.dead import advice
from notifier.policy.words import SENTENCES, Reason
from notifier.store.admins import Admins, Role
from notifier.store.dead import Cause, DeadLetters, Group
from notifier.store.jobs import Act
from notifier.store.log import Log
from notifier.web.admin.guard import admins_only
from notifier.web.parts import parts

bp = Blueprint("admin_dead", __name__, url_prefix="/admin/dead")

LONGEST = 300  # characters of a reason for putting away


@dataclass(frozen=True, slots=True)
class Row:
    """A group as the page shows it: with what the provider said to the last one, and what a retry would come to."""

    group: Group
    said: str
    sentence: str
    advice: str
    pointless: bool

    @property
    def address(self) -> str:
        """The log's address that shows them."""
        return log_address(self.group)


def log_address(group: Group) -> str:
    """The address of the filtered log."""
    cause = group.cause
    fields = {"state": "failed", "channel": cause.channel, "reason": cause.reason, "code": cause.code, "window": "all"}
    return f"{url_for('admin_deliveries.page')}?{urlencode({name: value for name, value in fields.items() if value})}"


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str:
    """The causes, those of the most dead letters first."""
    with parts().database.read() as connection:
        groups = DeadLetters(connection).groups()
        said = Log(connection).last_texts([group.last for group in groups])
    rows = [_row(group, said.get(group.last, "")) for group in groups]
    return render_template(
        "admin/dead.html", rows=rows, now=parts().clock(), may_operate=g.admin.role.includes(Role.OPERATOR)
    )


@bp.post("/retry")
@admins_only(Role.OPERATOR)
def retry() -> AnyResponse:
    """Send all of a cause again, as a job."""
    group = _group()
    job = parts().working.start(Act.RETRY, group.wanted, who=g.admin.email)
    if job is None:
        abort(404, "There is no delivery yet.")
    return redirect(url_for("admin_jobs.show", job_id=job.id))


@bp.post("/discard")
@admins_only(Role.OPERATOR)
def discard() -> AnyResponse:
    """Put those of a cause away that are there now: they stay failed, and the page shows them no more."""
    why = request.form.get("why", "").strip()[:LONGEST]
    if not why:
        flash("Say why they need nobody's attention any more; the audit keeps it.")
        return redirect(url_for("admin_dead.page"))
    group, now = _group(), parts().clock()
    with parts().database.write() as connection:
        DeadLetters(connection).put_away(group, g.admin.email, why, now)
        cause = group.cause
        what = f"{cause.channel} {cause.reason} {cause.code} up to {group.last}: {why}"
        Admins(connection).note(g.admin.email, "dead.discard", what, now)
    flash("They are put away. They stay failed in the log; what fails from now on is shown here again.")
    return redirect(url_for("admin_dead.page"))


def _group() -> Group:
    """The group that the form names, as it is now."""
    form = request.form
    if form.get("reason") not in list(Reason):
        abort(400, "The form names no cause.")
    with parts().database.read() as connection:
        found = DeadLetters(connection).group(
            Cause(form.get("channel", ""), Reason(form["reason"]), form.get("code", ""))
        )
    if found is None:
        abort(404, "Nothing is left of this cause: somebody sent it again or put it away.")
    return found


def _row(group: Group, said: str) -> Row:
    cause = group.cause
    words, pointless = advice(cause.reason, cause.code)
    return Row(group, said, SENTENCES[cause.reason], words, pointless)
