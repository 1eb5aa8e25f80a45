"""The first admin page."""

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.store.admins import Role
from notifier.web.admin.guard import admins_only

bp = Blueprint("admin_overview", __name__, url_prefix="/admin")


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> AnyResponse:
    """The log is the first page, as long as there is no other."""
    return redirect(url_for("admin_deliveries.page"))
