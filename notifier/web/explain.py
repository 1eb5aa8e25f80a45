"""Why somebody is told or not: of an event that came, and of one that might come."""

import json
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, g, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from notifier.languages import Language
from notifier.pipeline.explain import PEOPLE, Explanation, Mark
from notifier.pipeline.explained import as_json, mark_of
from notifier.policy.events import Event, read_event
from notifier.policy.explaining import Line, sentence
from notifier.store.intake import NewEvent
from notifier.web.access import needs, takes
from notifier.web.bodies import EventBody
from notifier.web.events import plain
from notifier.web.fields import Word
from notifier.web.kept import no_event
from notifier.web.parts import parts
from notifier.web.posted import new_event
from notifier.web.problems import Fault, faults_of, invalid
from notifier.web.reading import read_octets

bp = Blueprint("explain", __name__, url_prefix="/v1/events")


class ExplainQuery(BaseModel):
    """For whom to explain, and from where on."""

    model_config = ConfigDict(extra="forbid")

    user: Word = ""
    cursor: str = ""
    limit: int = Field(PEOPLE, ge=1, le=200)


@bp.get("/<evt:event_id>/explain")
@needs("log")
@takes(query=ExplainQuery)
def explain(event_id: str) -> Response:
    """What became of an event and why: a line for each recipient and channel, told or not.

    With `user`, also why somebody is no recipient at all. A page has the lines of `limit` people.
    """
    query, mark = _asked()
    found = parts().explainer.stored(event_id, user=query.user, mark=mark, limit=query.limit)
    if found is None:
        raise no_event(event_id)
    return _answer(found)


@bp.post("/explain")
@needs("log")
@takes(EventBody, query=ExplainQuery)
def dry_run() -> Response:
    """What would become of an event that came now. Nothing is stored, and nobody is told."""
    query, mark = _asked()
    posted, _ = new_event(g.access, plain("", read_octets()), parts().catalogue, parts().clock())
    event = _happening(posted)
    return _answer(parts().explainer.dry(event, user=query.user, mark=mark, limit=query.limit))


def _answer(found: Explanation) -> Response:
    language = _language()
    answer = as_json(found, parts().masked, lambda line: _said(line, language))
    response = jsonify(answer)
    response.headers["Content-Language"] = language.lang
    response.vary.add("Accept-Language")
    if found.next:
        rest = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
        address = f"{quote(request.path)}?{urlencode([*rest, ('cursor', answer['next_cursor'])])}"
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response


def _language() -> Language:
    """The one of ours that the request likes best."""
    languages = parts().languages
    asked = request.accept_languages.best_match([tag.replace("_", "-") for tag in languages.tags], "en")
    return languages.speak(asked)


def _said(line: Line, language: Language) -> str:
    return language.sentence(line.reason) if line.reason and not line.says else sentence(line)


def _happening(posted: NewEvent) -> Event:
    return read_event(
        json.loads(posted.body),
        id=posted.id,
        app=posted.app,
        type=posted.type,
        occurred_at=posted.occurred_at,
        accepted_at=posted.accepted_at,
    )


def _asked() -> tuple[ExplainQuery, Mark | None]:
    try:
        query = ExplainQuery.model_validate({name: value for name, value in request.args.items() if value})
    except ValidationError as error:
        raise invalid(faults_of(error)) from None
    mark = mark_of(query.cursor) if query.cursor else None
    if query.cursor and mark is None:
        raise invalid([Fault("/cursor", "invalid", "This must be the next_cursor of an answer.")])
    return query, mark
