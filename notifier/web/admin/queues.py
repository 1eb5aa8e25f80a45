"""The admin page of queues and workers: what waits where and for how long, who works on it; operators pause a queue."""

from importlib.metadata import version

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.pipeline.scheduled import scheduler_json
from notifier.policy.events import one_line
from notifier.policy.queues import QUEUES
from notifier.store.admins import Role
from notifier.store.queues import Queues, Standing
from notifier.web.admin.guard import admins_only
from notifier.web.parts import parts

bp = Blueprint("admin_queues", __name__, url_prefix="/admin/queues")

LONGEST_WHY = 200  # characters
BRIEFLY = 1_000  # deliveries of one count, for a line on another page


@bp.app_template_filter("bounded")
def bounded(count: int, most: int) -> str:
    """A count that was taken no further than `most`."""
    return f"{count:,}+" if count >= most else f"{count:,}"


@bp.app_template_global()
def queues_short() -> Standing:
    """How queues and workers stand, for a line on another page."""
    with parts().database.read() as connection:
        return Queues(connection).short(parts().clock(), BRIEFLY)


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str:
    """All queues, the workers and the scheduler."""
    return _page()


@bp.get("/now")
@admins_only(Role.VIEWER)
def now() -> str:
    """The tables of the page alone, as they stand now."""
    return render_template("admin/queues_now.html", **_standing())


@bp.get("/inspect")
@admins_only(Role.VIEWER)
def inspect() -> str:
    """What the workers themselves answer within a second."""
    answers = parts().ask_workers()
    if "HX-Request" in request.headers:
        return render_template("admin/queues_inspect.html", answers=answers)
    return _page(answers=answers)


@bp.post("/pause")
@admins_only(Role.OPERATOR)
def pause() -> AnyResponse | tuple[str, int]:
    """Pause a queue."""
    queue, why = request.form.get("queue", ""), one_line(request.form.get("why", ""))
    if queue not in QUEUES:
        return _page(wrong=f"There is no such queue; there are {', '.join(QUEUES)}."), 422
    if not 0 < len(why) <= LONGEST_WHY:
        return _page(wrong=f"Say why, in 1 to {LONGEST_WHY} characters: others see it beside the queue."), 422
    done = parts().pausing.pause(queue, why, who=g.admin.email)
    said = "is paused. What is in it waits, and nothing is lost." if done else "was paused already."
    flash(f"The queue {queue} {said}")
    return redirect(url_for("admin_queues.page"))


@bp.post("/resume")
@admins_only(Role.OPERATOR)
def resume() -> AnyResponse | tuple[str, int]:
    """Let a queue go on."""
    queue = request.form.get("queue", "")
    if queue not in QUEUES:
        return _page(wrong=f"There is no such queue; there are {', '.join(QUEUES)}."), 422
    done = parts().pausing.resume(queue, who=g.admin.email)
    flash(f"The queue {queue} " + ("goes on: what it held is sent now." if done else "was not paused."))
    return redirect(url_for("admin_queues.page"))


def _page(**more: object) -> str:
    return render_template("admin/queues.html", **_standing(), longest=LONGEST_WHY, **more)


def _standing() -> dict[str, object]:
    moment = parts().clock()
    with parts().database.read() as connection:
        standing = Queues(connection).whole(moment)
    return {
        "standing": standing,
        "depths": parts().broker_depths(),
        "leads": scheduler_json(parts().scheduling.heartbeat(), moment),
        "now": moment,
        "ours": version("notifier"),
        "may_operate": g.admin.role.includes(Role.OPERATOR),
    }
