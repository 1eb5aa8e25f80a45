"""The delivery log for upstream apps, what operators may do in it, and the books."""

import base64
import binascii
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from notifier.policy.catalogue import CHANNELS
from notifier.policy.words import Reason, State
from notifier.store.admins import Admins
from notifier.store.books import count_books
from notifier.store.jobs import Act
from notifier.store.log import Entry, Filter, Log
from notifier.store.operate import Operate
from notifier.store.types import id_octets
from notifier.web import shapes
from notifier.web.access import needs, takes
from notifier.web.bodies import RetryBody
from notifier.web.fields import Moment, Word
from notifier.web.kept import no_delivery
from notifier.web.parts import parts
from notifier.web.paths import is_id
from notifier.web.problems import Fault, Problem, faults_of, invalid, not_found
from notifier.web.reading import read

bp = Blueprint("deliveries", __name__, url_prefix="/v1")

AT_ONCE = 3.0  # seconds of a job that an answer waits for


class LogQuery(BaseModel):
    """The log's filters, as they stand in an address."""

    model_config = ConfigDict(extra="forbid")

    state: list[State] = []
    channel: list[str] = []
    type: list[Word] = []
    reason: list[Reason] = []
    code: list[Word] = []
    user: Word = ""
    app: str = ""
    event: str = ""
    digest: str = ""
    since: Moment | None = None
    until: Moment | None = None
    q: Word = ""
    cursor: str = ""
    limit: int = Field(50, ge=1, le=200)


@bp.get("/deliveries")
@needs("log")
@takes(query=LogQuery)
def page() -> Response:
    """Deliveries, newest first, a page at a time."""
    query = log_query(request.args.to_dict(flat=False))
    with parts().database.read() as connection:
        found = Log(connection).page(filter_of(query), query.limit + 1)
    entries, cursor = found[: query.limit], None
    if len(found) > query.limit:
        cursor = cursor_of(entries[-1])
    response = jsonify({"data": [shapes.delivery(entry) for entry in entries], "next_cursor": cursor})
    if cursor:
        rest = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
        response.headers["Link"] = f'</v1/deliveries?{urlencode([*rest, ("cursor", cursor)])}>; rel="next"'
    return response


@bp.get("/deliveries/<dlv:delivery_id>")
@needs("log")
def show(delivery_id: str) -> dict[str, Any]:
    """One delivery with every attempt."""
    with parts().database.read() as connection:
        log = Log(connection)
        entry = _known(log.delivery(delivery_id), delivery_id)
        return _with_attempts(log, entry)


@bp.post("/deliveries/<dlv:delivery_id>/retry")
@needs("operate")
def retry(delivery_id: str) -> tuple[dict[str, Any], int]:
    """Try again: one that waits becomes due now, one that failed is sent again as a new delivery."""
    return retry_one(delivery_id, who=g.app_id), 202


@bp.post("/deliveries/<dlv:delivery_id>/cancel")
@needs("operate")
def cancel(delivery_id: str) -> dict[str, Any]:
    """Cancel a delivery that has not gone out."""
    return cancel_one(delivery_id, who=g.app_id)


@bp.post("/deliveries/retry")
@needs("operate")
@takes(RetryBody)
def retry_many() -> tuple[dict[str, Any], int]:
    """Send all failed deliveries of a filter again, those that were not retried yet.

    Many take longer than an answer: `retried` is how many so far, and the job goes on until it is `done`.
    """
    body = read(RetryBody)
    wanted = filter_of(log_query({name: [value] for name, value in request_fields(body).items()}))
    wanted = replace(wanted, since=body.since, until=body.until)
    working = parts().working
    job = working.add(Act.RETRY, wanted, who=g.app_id)
    job = working.work_and_ring(job.id, seconds=AT_ONCE) if job else None
    return {"retried": job.done if job else 0, "job": job.id if job else None, "done": not (job and job.runs)}, 202


@bp.get("/jobs/<job:job_id>")
@needs("operate")
def show_job(job_id: str) -> dict[str, Any]:
    """How far a job on many deliveries has come."""
    job = parts().working.find(job_id)
    if job is None:
        raise not_found("job", job_id)
    return shapes.job(job)


@bp.get("/books")
@needs("log")
def books() -> dict[str, Any]:
    """Everything that was accepted, and where it is."""
    with parts().database.read() as connection:
        return count_books(connection).as_json()


def retry_one(delivery_id: str, *, who: str) -> dict[str, Any]:
    """Retry one delivery for an app or an admin; gives the delivery that now stands for it."""
    stands = parts().again.one(delivery_id, who=who)
    with parts().database.read() as connection:
        log = Log(connection)
        entry = _known(log.delivery(stands or delivery_id), delivery_id)
        if stands is None:
            raise Problem(409, "conflict", _why_not(entry, log.retried_as(entry.id)))
        return _with_attempts(log, entry)


def cancel_one(delivery_id: str, *, who: str) -> dict[str, Any]:
    """Cancel one delivery for an app or an admin."""
    now = parts().clock()
    with parts().database.write() as connection:
        log = Log(connection)
        entry = _known(log.delivery(delivery_id), delivery_id)
        if not Operate(connection).cancel(delivery_id, now):
            raise Problem(409, "conflict", f"It is {entry.state}; only what waits or is queued can be cancelled.")
        Admins(connection).note(who, "delivery.cancel", delivery_id, now)
        return _with_attempts(log, _known(log.delivery(delivery_id), delivery_id))


def log_query(given: dict[str, list[str]]) -> LogQuery:
    """The filters of a query string. Raises a problem that names each wrong one."""
    several = ("state", "channel", "type", "reason", "code")
    try:
        query = LogQuery.model_validate(
            {
                name: [value for value in values if value] if name in several else values[-1]
                for name, values in given.items()
                if any(values)
            }
        )
    except ValidationError as error:
        raise invalid(faults_of(error)) from None
    return _checked(query)


def filter_of(query: LogQuery) -> Filter:
    """The filter of a query. `q` finds an event, a delivery, a digest or a person by its exact id."""
    catalogue = parts().catalogue
    kinds = [(name, catalogue.find(name)) for name in query.type]
    wanted = Filter(
        states=tuple(query.state),
        channels=tuple(query.channel),
        types=tuple(kind.name if kind else name for name, kind in kinds),
        reasons=tuple(query.reason),
        codes=tuple(query.code),
        user=query.user,
        app=query.app,
        event=query.event,
        digest=query.digest,
        since=query.since,
        until=query.until,
        before=_before(query.cursor),
    )
    text = query.q.strip()
    if not text:
        return wanted
    if is_id(text, "evt"):
        return replace(wanted, event=text)
    if is_id(text, "dlv"):
        return replace(wanted, delivery=text)
    if is_id(text, "dig"):
        return replace(wanted, digest=text)
    return replace(wanted, user=text)


def cursor_of(entry: Entry) -> str:
    """An opaque mark: the page goes on after this entry."""
    return cursor_at(entry.id)


def cursor_at(id: str) -> str:
    """The mark of a place in the log, whether or not a delivery stands there."""
    return base64.urlsafe_b64encode(id_octets(id)).rstrip(b"=").decode()


def place_of(cursor: str) -> str:
    """The place that a mark names; empty where it is no mark."""
    return _before(cursor)


def request_fields(body: RetryBody) -> dict[str, str]:
    """The filters of a retry that are also filters of the log."""
    return body.model_dump(exclude_none=True, include={"state", "channel", "type", "user", "app", "reason"})


def _checked(query: LogQuery) -> LogQuery:
    faults = [
        Fault("/channel", "invalid", f"This must be one of: {', '.join(CHANNELS)}.")
        for channel in query.channel
        if channel not in CHANNELS
    ]
    faults += [
        Fault(f"/{name}", "invalid", f"This must be an id that begins with {prefix}_.")
        for name, prefix, value in (
            ("app", "app", query.app),
            ("event", "evt", query.event),
            ("digest", "dig", query.digest),
        )
        if value and not is_id(value, prefix)
    ]
    if query.cursor and not _before(query.cursor):
        faults.append(Fault("/cursor", "invalid", "This must be the next_cursor of an answer."))
    if faults:
        raise invalid(faults)
    return query


def _before(cursor: str) -> str:
    try:
        octets = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return ""
    return f"dlv_{octets.hex()}" if len(octets) == 16 else ""


def _known(entry: Entry | None, delivery_id: str) -> Entry:
    if entry is None:
        raise no_delivery(delivery_id)
    return entry


def _with_attempts(log: Log, entry: Entry) -> dict[str, Any]:
    return shapes.delivery(entry) | {
        "retry_of": entry.retry_of,
        "retried_as": log.retried_as(entry.id),
        "attempts": [shapes.attempt(attempt) for attempt in log.attempts(entry.id)],
    }


def _why_not(entry: Entry, retried_as: str | None) -> str:
    if retried_as:
        return f"It was retried already, as {retried_as}."
    return f"It is {entry.state}; only what waits or failed can be tried again."
