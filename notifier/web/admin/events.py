"""The admin pages of events: what came in, what was refused at the door, and of one event who was told and why."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from notifier.pipeline.explain import Explanation, Mark, Replay
from notifier.pipeline.explained import cursor_of, mark_of, masked_address
from notifier.policy.explaining import Line, sentence
from notifier.policy.fields import id_fault
from notifier.policy.words import State
from notifier.store.admins import Role
from notifier.store.apps import BY_ADMIN, BY_KEY, BY_SERVICE, BY_SIGNATURE, IN_BATCH, Apps, Sender
from notifier.store.events import LOOKED, OF_ONE, EventFilter, EventPage, Events, StoredEvent
from notifier.store.rejected import KEPT, Rejected
from notifier.web.admin.guard import admins_only
from notifier.web.fields import Word
from notifier.web.kept import no_event
from notifier.web.parts import parts
from notifier.web.paths import is_id
from notifier.web.problems import Fault, Problem, faults_of, invalid
from notifier.web.refusals import PER_MINUTE, SAID

bp = Blueprint("admin_events", __name__, url_prefix="/admin/events")

PAGE, PEOPLE = 50, 50
LONGEST_BODY = 64 * 1024  # characters shown of it
DOORS = {
    BY_KEY: "posted with an API key",
    IN_BATCH: "posted in a batch, with an API key",
    BY_SIGNATURE: "posted with a signature that one of the app's live secrets made",
    BY_ADMIN: "a test, posted from the app's admin page",
    BY_SERVICE: "made by the service itself",
}
_MAILBOX = re.compile(r'[^\s"<>@,;:\\]+@[^\s"<>@,;:\\]+')
Page = AnyResponse | str | tuple[str, int]
Place = tuple[str, str, str]  # person, channel, the id of an address; what there is none of is empty


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise ValueError("must be a time (UTC) such as 2026-11-21T18:00") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


At = Annotated[datetime, BeforeValidator(_moment)]


class EventsQuery(BaseModel):
    """The list's filters, as they stand in an address; times without a zone are UTC."""

    model_config = ConfigDict(extra="ignore")

    type: Word = ""
    app: Word = ""
    actor: Word = ""
    object: Word = ""
    since: At | None = None
    until: At | None = None
    q: Word = ""
    cursor: Word = ""

    @property
    def wanted(self) -> EventFilter:
        """The filter. Raises a problem where an id is none."""
        faults = [
            Fault(f"/{name}", "invalid", f"This must be an id that begins with {prefix}_.")
            for name, prefix, value in (("app", "app", self.app), ("cursor", "evt", self.cursor))
            if value and not is_id(value, prefix)
        ]
        if faults:
            raise invalid(faults)
        kind = parts().catalogue.find(self.type) if self.type else None
        type_ = kind.name if kind else self.type
        return EventFilter(type_, self.app, self.actor, self.object, self.since, self.until, self.cursor)


@dataclass(frozen=True, slots=True)
class Why:
    """One line of the why table."""

    line: Line
    address: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What became of an event for a person on a channel, beside what would become of it now."""

    user: str
    channel: str
    then: Why | None
    now: Why | None

    @property
    def differs(self) -> bool:
        """Whether they would hear now where they did not then, or the other way round, or for another reason."""
        if self.then is None or self.now is None:
            return True
        then, now = _told(self.then.line), _told(self.now.line)
        return then != now or (not then and self.then.line.reason != self.now.line.reason)


@bp.app_template_filter("person_path")
def person_path(user: str) -> str:
    """The address of a person's page: an id may hold what divides addresses."""
    return f"/admin/people/{quote(user, safe='')}"


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> Page:
    """All events, newest first, with the filters in the address."""
    try:
        query = _query(EventsQuery)
        wanted = query.wanted
    except Problem as problem:
        with parts().database.read() as connection:
            return _list(EventPage(()), problem, Apps(connection).all()), 422
    if text := query.q.strip():
        return _sought(text)
    with parts().database.read() as connection:
        return _list(Events(connection).page(wanted, PAGE), apps=Apps(connection).all())


@bp.get("/rejected")
@admins_only(Role.VIEWER)
def rejected() -> Page:
    """The requests that were refused at the door."""
    given = {name: request.args.get(name, "") for name in ("app", "reason", "cursor")}
    problem = _wrong_rejected(given)
    wanted = {"app": given["app"], "reason": given["reason"], "before": given["cursor"]}
    with parts().database.read() as connection:
        apps = Apps(connection).all()
        found = [] if problem else Rejected(connection).page(PAGE + 1, **wanted)
    shown = found[:PAGE]
    older = shown[-1].id if len(found) > PAGE else ""
    page = render_template(
        "admin/rejected.html",
        rows=shown,
        problem=problem,
        given=given,
        older=url_for("admin_events.rejected", **_given(app=given["app"], reason=given["reason"], cursor=older))
        if older
        else "",
        apps=apps,
        names=_names(apps),
        reasons=sorted({*SAID, "malformed", "invalid", "scope", "too-large", "idempotency-key-reused"}),
        per_minute=PER_MINUTE,
        most=KEPT,
    )
    return (page, 422) if problem else page


@bp.get("/<evt:event_id>")
@admins_only(Role.VIEWER)
def show(event_id: str) -> Page:
    """One event: how it came in, what it said, and who was told and why; `user` asks for one person alone."""
    user, mark = _asked()
    with parts().database.read() as connection:
        events = Events(connection)
        stored = _known(events.find(event_id), event_id)
        outcomes = events.outcomes(event_id)
        app = Apps(connection).find(stored.app)
    found = parts().explainer.stored(event_id, user=user, mark=mark, limit=PEOPLE)
    if found is None:  # purged since
        abort(404, no_event(event_id).detail)
    return render_template(
        "admin/event.html",
        one=stored,
        event=found.known.event,
        app=app,
        door=DOORS.get(stored.door, ""),
        has_key=stored.key != stored.id,
        lines=_whys(found),
        found=found,
        user=user,
        more=_next(found, "admin_events.show", event_id),
        paged=mark is not None,
        outcomes=outcomes,
        of_one=OF_ONE,
        body=_pretty(stored),
        may_act=g.admin.role.includes(Role.OPERATOR),
    )


@bp.get("/<evt:event_id>/dry-run")
@admins_only(Role.VIEWER)
def dry_run(event_id: str) -> Page:
    """What became of an event, beside what would become of the same if it came now. Nothing is stored or sent."""
    user, mark = _asked()
    with parts().database.read() as connection:
        stored = _known(Events(connection).find(event_id), event_id)
    if stored.everyone:
        abort(404, "There is no dry run of an announcement: who hears of it is decided anew for each at their hour.")
    found = parts().explainer.replay(event_id, user=user, mark=mark, limit=PEOPLE)
    if found is None:
        abort(404, no_event(event_id).detail)
    rows = _beside(found)
    return render_template(
        "admin/dry_run.html",
        one=stored,
        rows=rows,
        differing=sum(row.differs for row in rows),
        user=user,
        paged=mark is not None,
        recipients=found.now.recipients,
        more=_next(found.now, "admin_events.dry_run", event_id),
    )


def _wrong_rejected(given: Mapping[str, str]) -> Problem | None:
    """What is wrong with the filters of the rejected requests, if anything."""
    faults = []
    if given["app"] and not is_id(given["app"], "app"):
        faults.append(Fault("/app", "unknown", "There is no such app; choose one from the list."))
    if given["cursor"] and not is_id(given["cursor"], "rej"):
        faults.append(Fault("/cursor", "invalid", "This page is not there any more; begin with the newest."))
    return invalid(faults) if faults else None


def _query(model: type[EventsQuery]) -> EventsQuery:
    try:
        return model.model_validate({name: value for name, value in request.args.items() if value})
    except ValidationError as error:
        raise invalid(faults_of(error)) from None


def _sought(text: str) -> Page:
    """Where the id of an event, or the key that it came under, leads."""
    if is_id(text, "evt"):
        return redirect(url_for("admin_events.show", event_id=text))
    with parts().database.read() as connection:
        found = Events(connection).under(text)
    if found:
        return redirect(url_for("admin_events.show", event_id=found))
    return _list(EventPage(()), invalid([Fault("/q", "unknown", "No event has this id or idempotency key.")])), 404


def _list(found: EventPage, problem: Problem | None = None, apps: Sequence[Sender] = ()) -> str:
    fields = [name for name in EventsQuery.model_fields if name != "cursor"]
    given = _given(**{name: request.args.get(name, "") for name in fields})
    return render_template(
        "admin/events.html",
        found=found,
        problem=problem,
        given=given,
        paged=bool(request.args.get("cursor")),
        next=url_for("admin_events.page", **given, cursor=found.next) if found.next else "",
        apps=apps,
        names=_names(apps),
        kinds=parts().catalogue.short_names,
        looked=LOOKED,
        kept=parts().retention.kept_events,
    )


def _asked() -> tuple[str, Mark | None]:
    """The person asked for, and where the page begins."""
    user, cursor = request.args.get("user", "").strip(), request.args.get("cursor", "")
    if user and (fault := id_fault(user)):
        abort(422, f"The id of a person {fault}.")
    mark = mark_of(cursor) if cursor else None
    if cursor and mark is None:
        abort(422, "This page of people is not there; begin with the first.")
    return user, mark


def _known(stored: StoredEvent | None, event_id: str) -> StoredEvent:
    if stored is None:
        abort(404, no_event(event_id).detail)
    return stored


def _next(found: Explanation, endpoint: str, event_id: str) -> str:
    return url_for(endpoint, event_id=event_id, cursor=cursor_of(found.next)) if found.next else ""


def _whys(found: Explanation) -> list[Why]:
    return [_why(line, found) for line in found.lines]


def _why(line: Line, found: Explanation) -> Why:
    return Why(line, masked_address(line, found, parts().masked) or "", sentence(line))


def _beside(found: Replay) -> list[Beside]:
    """The lines of both, each beside the other one of the same person, channel and address."""
    then, now = ({_place(line): _why(line, side) for line in side.lines} for side in (found.then, found.now))
    then, now = _spread(then, now), _spread(now, then)
    return [Beside(place[0], place[1], then.get(place), now.get(place)) for place in sorted({*then, *now})]


def _spread(mine: Mapping[Place, Why], other: Mapping[Place, Why]) -> dict[Place, Why]:
    """Mine; what they say of all addresses of a person at once stands beside each that the other names."""
    spread: dict[Place, Why] = {}
    for place, why in mine.items():
        addresses = [] if place[2] else [each for each in other if each[:2] == place[:2] and each[2]]
        spread |= dict.fromkeys(addresses or [place], why)
    return spread


def _place(line: Line) -> Place:
    return line.user or "", line.channel or "", line.address or ""


def _told(line: Line) -> bool:
    return line.state not in (None, State.SKIPPED, State.CANCELLED)


def _pretty(stored: StoredEvent) -> str:
    """The event's data as people read it; whoever may only look sees no mailboxes in it."""
    text = json.dumps(json.loads(stored.body), indent=2, ensure_ascii=False)
    if not g.admin.role.includes(Role.OPERATOR):
        text = _MAILBOX.sub("•••@•••", text)
    if len(text) <= LONGEST_BODY:
        return text
    return f"{text[:LONGEST_BODY]}\n… {len(text) - LONGEST_BODY:,} characters more"


def _names(apps: Sequence[Sender]) -> dict[str, str]:
    return {app.id: app.name for app in apps}


def _given(**values: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
