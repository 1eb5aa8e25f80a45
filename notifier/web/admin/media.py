"""The admin pages of pictures and videos: what was posted, every version of it, and what failed, to be tried again."""

from dataclasses import dataclass

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.policy.media import CAUSES, Cause, RenditionState
from notifier.policy.pictures import Standing
from notifier.store.admins import Admins, Role
from notifier.store.assets import AssetEntry, Assets
from notifier.store.renditions import RenditionEntry, Renditions, standing
from notifier.web.admin.guard import admins_only
from notifier.web.parts import parts
from notifier.web.paths import is_id

bp = Blueprint("admin_media", __name__, url_prefix="/admin/media")

LISTED = 50


@dataclass(frozen=True, slots=True)
class Row:
    """An asset with its versions, as the pages show it."""

    asset: AssetEntry
    standing: Standing
    renditions: tuple[RenditionEntry, ...]

    @property
    def done(self) -> int:
        return sum(one.state == RenditionState.DONE for one in self.renditions)

    @property
    def wanted(self) -> int:
        """Those that are made of it, or are to be."""
        return sum(one.state != RenditionState.SKIPPED for one in self.renditions)

    @property
    def may_restart(self) -> bool:
        """Whether anything of it failed, or lacked ffmpeg."""
        lacking = any(one.cause == Cause.NO_FFMPEG for one in self.renditions)
        return lacking or self.standing is Standing.FAILED

    @property
    def shown(self) -> RenditionEntry | None:
        """The smallest one that is there: for a list."""
        pictures = [one for one in self.renditions if one.file and one.format == "jpeg"]
        return min(pictures, key=lambda one: one.octets, default=None)

    @property
    def why(self) -> str:
        """What went wrong, of the asset itself or of the first version that failed."""
        failed = [one for one in self.renditions if one.state == RenditionState.FAILED]
        return self.asset.said or next((one.said for one in failed), "")


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str:
    """The latest, or those of which something failed."""
    failed, before = bool(request.args.get("failed")), request.args.get("before", "")
    before = before if is_id(before, "ast") else ""
    with parts().database.read() as connection:
        assets = Assets(connection).latest(LISTED + 1, before=before, failed=failed)
        made = Renditions(connection).of([one.id for one in assets])
    rows = [_row(one, made.get(one.id, [])) for one in assets[:LISTED]]
    older = rows[-1].asset.id if len(assets) > LISTED else ""
    return render_template(
        "admin/media.html", rows=rows, failed=failed, before=before, older=older, now=parts().clock()
    )


@bp.get("/<ast:asset_id>")
@admins_only(Role.VIEWER)
def show(asset_id: str) -> str:
    """One asset: when what happened to it, and its versions."""
    with parts().database.read() as connection:
        asset = Assets(connection).find(asset_id)
        made = Renditions(connection).of([asset_id]).get(asset_id, [])
        events = Assets(connection).shown_in(asset_id, LISTED)
    if asset is None:
        abort(404, f"There is no asset {asset_id}.")
    return render_template(
        "admin/asset.html",
        row=_row(asset, made),
        events=events,
        causes=CAUSES,
        now=parts().clock(),
        may_operate=g.admin.role.includes(Role.OPERATOR),
    )


@bp.post("/<ast:asset_id>/retry")
@admins_only(Role.OPERATOR)
def retry(asset_id: str) -> AnyResponse:
    """Try again whatever failed of it, or was left out."""
    again = parts().uploading.retry(asset_id)
    if again:
        with parts().database.write() as connection:
            Admins(connection).note(g.admin.email, "media.retry", asset_id, parts().clock())
    flash(f"{again} part{'' if again == 1 else 's'} of it will be tried again." if again else "Nothing of it failed.")
    return redirect(url_for("admin_media.show", asset_id=asset_id))


def _row(asset: AssetEntry, made: list[RenditionEntry]) -> Row:
    return Row(asset, standing(asset.state, made), tuple({one.spec: one for one in made}.values()))
