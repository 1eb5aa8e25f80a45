"""A person's digests: what waits for each and when it comes; sent, skipped or moved at their word."""

from datetime import datetime
from typing import Any

from flask import Blueprint, g

from notifier.policy.calendar import zone_of
from notifier.policy.steering import Which, wrong_moment
from notifier.policy.words import Cadence
from notifier.store.log import Log
from notifier.store.people import People
from notifier.web import shapes
from notifier.web.access import needs, takes
from notifier.web.bodies import MoveBody, WhichBody
from notifier.web.items import Reader, item_shape, reader
from notifier.web.lines import lines_of
from notifier.web.parts import parts
from notifier.web.problems import Fault, invalid, not_found
from notifier.web.reading import read, read_or_default
from notifier.web.shapes import moment, moment_or_null
from notifier.web.waits import Waits, what_waits

bp = Blueprint("digests", __name__, url_prefix="/v1")

LISTED = 50  # items of one digest; `count` counts all


@bp.get("/users/<user:user_id>/digest")
@needs("people")
def show(user_id: str) -> dict[str, Any]:
    """What waits for the person's digests, one object per channel and cadence, and when each comes."""
    with parts().database.read() as connection:
        whose = reader(user_id, People(connection).profile(user_id), parts().word)
        return {"data": [_shape(one, whose) for one in what_waits(connection, user_id, parts().catalogue)]}


@bp.get("/digests/<dig:digest_id>")
@needs("log")
def one(digest_id: str) -> dict[str, Any]:
    """One digest: what it tells, line by line in order, with the events behind each; and the messages that told it."""
    with parts().database.read() as connection:
        found = lines_of(connection, digest_id, parts().catalogue)
    if found is None:
        raise not_found("digest", digest_id)
    digest = found.digest
    return {
        "id": digest.id,
        "user": digest.user,
        "channel": digest.channel,
        "cadence": digest.cadence,
        "period": digest.period,
        "state": digest.state,
        "at": moment(digest.at),
        "ended_at": moment_or_null(digest.ended_at),
        "count": found.count,
        "lines": [shapes.delivery(entry) for entry in found.lines],
        "messages": [shapes.delivery(entry) for entry in found.messages],
    }


@bp.post("/users/<user:user_id>/digest/send")
@needs("people")
@takes(WhichBody)
def send(user_id: str) -> tuple[dict[str, Any], int]:
    """Send what waits now, all of it or that of one channel and cadence. `delivery` is null where nothing waits."""
    made = parts().steering.send(user_id, _which(read_or_default(WhichBody)), who=g.app_id)
    with parts().database.read() as connection:
        log = Log(connection)
        entries = [entry for one in made if (entry := log.delivery(one))]
    deliveries = [shapes.delivery(entry) for entry in entries]
    return {"delivery": deliveries[0] if deliveries else None, "deliveries": deliveries}, 202 if deliveries else 200


@bp.post("/users/<user:user_id>/digest/skip")
@needs("people")
@takes(WhichBody)
def skip(user_id: str) -> dict[str, Any]:
    """Let what waits not come, this once, nor later; `skipped` says how many items that were. It cannot be undone."""
    skipped = parts().steering.skip(user_id, _which(read_or_default(WhichBody)), who=g.app_id)
    return {"digests": len(skipped), "skipped": sum(skipped)}


@bp.post("/users/<user:user_id>/digest/move")
@needs("people")
@takes(MoveBody)
def move(user_id: str) -> dict[str, Any]:
    """Let what waits come at another moment, this once; the answer says what waits then."""
    body = read(MoveBody)
    if why := wrong_moment(body.at, parts().clock()):
        raise invalid([Fault("/at", "invalid", f"This {why}.")])
    parts().steering.move(user_id, _which(body), body.at, who=g.app_id)
    return show(user_id)


def _which(body: WhichBody) -> Which:
    return Which(body.channel or "", Cadence(body.cadence) if body.cadence else None)


def _shape(waits: Waits, whose: Reader) -> dict[str, Any]:
    digest = waits.digest
    return {
        "id": digest.id,
        "channel": digest.channel,
        "cadence": digest.cadence,
        "next_at": moment(digest.at),
        "local_at": _local(digest.at, whose),
        "timezone": whose.person.timezone,
        # What was blocked or muted since is told no more, and not counted.
        "count": waits.count,
        "items": [item_shape(item, whose) for item in waits.items[:LISTED]],
    }


def _local(at: datetime, whose: Reader) -> str:
    """The moment on the person's own clock."""
    return at.astimezone(zone_of(whose.person.timezone)).isoformat(timespec="minutes")
