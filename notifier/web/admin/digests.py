"""The admin pages of digests: which come next, what each tells and how it ended; operators send, skip and move them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from notifier.channels import Person
from notifier.policy.calendar import zone_of
from notifier.policy.fields import id_fault
from notifier.policy.steering import Which, moment_on_clock, wrong_moment
from notifier.store.admins import Role
from notifier.store.feed import Feed
from notifier.store.log import Entry
from notifier.store.waiting import DigestEntry, Waiting
from notifier.web.admin.guard import admins_only
from notifier.web.items import Reader, worded
from notifier.web.lines import Lines, lines_of
from notifier.web.parts import parts
from notifier.web.paths import is_id
from notifier.web.shapes import masked_address

bp = Blueprint("admin_digests", __name__, url_prefix="/admin/digests")

PAGE = 50
OPERATED_IN = "UTC"  # admins move digests on this clock: it is the one that all their pages show


@dataclass(frozen=True, slots=True)
class Row:
    """One digest in a list: how much waits for it or was told in it, and in which messages. `local` is their clock."""

    digest: DigestEntry
    local: datetime
    zone: str
    count: int
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a digest: its delivery, and its words in English; none where it has left what it told of."""

    entry: Entry
    text: str


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str | tuple[str, int]:
    """Which digests come next, and which ended last; of one person where `user` names one."""
    user, cursor = request.args.get("user", "").strip(), request.args.get("cursor", "")
    if user and (fault := id_fault(user)):
        return _refused(f"The id of a person {fault}.")
    with parts().database.read() as connection:
        waiting = Waiting(connection)
        before = waiting.find(cursor) if is_id(cursor, "dig") else None
        if cursor and (before is None or before.ended_at is None):
            return _refused("This page of digests is not there any more; begin with the latest.")
        upcoming = [] if before else waiting.next(PAGE, user=user)
        ended = waiting.ended(PAGE + 1, user=user, before=before)
        return render_template(
            "admin/digests.html",
            user=user,
            before=before,
            upcoming=_rows(connection, upcoming, waiting.counts(upcoming)),
            ended=_rows(connection, ended[:PAGE], {}),
            older=ended[PAGE - 1].id if len(ended) > PAGE else "",
            most=PAGE,
        )


@bp.get("/<dig:digest_id>")
@admins_only(Role.VIEWER)
def show(digest_id: str) -> str:
    """One digest: what it tells line by line, the events behind each, and the messages that told it."""
    with parts().database.read() as connection:
        found = _known(lines_of(connection, digest_id, parts().catalogue), digest_id)
        digest = found.digest
        zone = Waiting(connection).zones([digest.user]).get(digest.user, "UTC")
        return render_template(
            "admin/digest.html",
            one=digest,
            lines=_lines(connection, found),
            more=found.count - len(found.lines),
            count=found.count,
            messages=[(message, masked_address(message) or "–") for message in found.messages],
            local=digest.at.astimezone(zone_of(zone)),
            zone=zone,
            waits=digest.state == "open",
            may_operate=g.admin.role.includes(Role.OPERATOR),
        )


@bp.post("/<dig:digest_id>/send")
@admins_only(Role.OPERATOR)
def send(digest_id: str) -> AnyResponse:
    """Send a digest now."""
    steering = parts().steering
    return _steered(digest_id, lambda user, which: steering.send(user, which, who=g.admin.email), "It is on its way.")


@bp.post("/<dig:digest_id>/skip")
@admins_only(Role.OPERATOR)
def skip(digest_id: str) -> AnyResponse:
    """Let a digest not come."""
    steering = parts().steering
    return _steered(digest_id, lambda user, which: steering.skip(user, which, who=g.admin.email), "It is skipped.")


@bp.post("/<dig:digest_id>/move")
@admins_only(Role.OPERATOR)
def move(digest_id: str) -> AnyResponse:
    """Let a digest come at another moment, this once."""
    at, steering = moment_on_clock(request.form.get("at", ""), OPERATED_IN), parts().steering
    why = wrong_moment(at, parts().clock()) if at else "must be a time such as 2026-11-21T18:00"
    if at is None or why:
        flash(f"It is not moved: the moment {why}.")
        return redirect(url_for("admin_digests.show", digest_id=digest_id))
    return _steered(digest_id, lambda user, which: steering.move(user, which, at, who=g.admin.email), "It is moved.")


def _steered(digest_id: str, steer: Callable[[str, Which], Sequence[Any]], said: str) -> AnyResponse:
    with parts().database.read() as connection:
        digest = _known(Waiting(connection).find(digest_id), digest_id)
    done = steer(digest.user, Which(id=digest_id))
    flash(said if done else "Nothing was done: it does not wait, or nothing is left of what it was to tell.")
    return redirect(url_for("admin_digests.show", digest_id=digest_id))


def _refused(why: str) -> tuple[str, int]:
    return render_template(
        "admin/digests.html", user=request.args.get("user", "").strip(), wrong=why, upcoming=[], ended=[]
    ), 422


def _rows(connection: Connection, digests: Sequence[DigestEntry], counts: dict[str, int]) -> list[Row]:
    waiting = Waiting(connection)
    zones = waiting.zones({digest.user for digest in digests})
    messages = waiting.messages(digests)
    return [
        Row(
            digest,
            digest.at.astimezone(zone_of(zones.get(digest.user, "UTC"))),
            zones.get(digest.user, "UTC"),
            counts.get(digest.id, 0) or len(digest.items),
            tuple(messages[digest.id]),
        )
        for digest in digests
    ]


def _lines(connection: Connection, found: Lines) -> list[Line]:
    """The lines with their words, as far as what they tell of still stands."""
    admin = Reader(Person(found.digest.user), parts().word)
    items = Feed(connection, parts().catalogue).items([entry.notification for entry in found.lines])
    texts = {item.id: worded(item, admin).sentence for item in items if item.stands}
    return [Line(entry, texts.get(entry.notification, "")) for entry in found.lines]


def _known(found: Any, digest_id: str) -> Any:
    if found is None:
        abort(404, f"There is no digest {digest_id}.")
    return found
