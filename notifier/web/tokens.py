"""Tokens for people's own browsers: what an app's page may do for the one who is looking at it."""

from datetime import timedelta

from flask import Blueprint, Response, jsonify

from notifier.policy.tokens import PersonToken, make_person_token
from notifier.web.access import needs, takes
from notifier.web.bodies import TokenBody
from notifier.web.parts import parts
from notifier.web.reading import read_or_default
from notifier.web.shapes import moment

bp = Blueprint("tokens", __name__, url_prefix="/v1")


@bp.post("/users/<user:user_id>/token")
@needs("people")
@takes(TokenBody)
def make(user_id: str) -> Response:
    """A token for that person's browser: their feed, preferences, mutes, blocks and devices, and nothing else.

    It lives for an hour, or as long as `ttl_seconds` says; the body may be empty. Nobody can take it back.
    """
    until = (parts().clock() + timedelta(seconds=read_or_default(TokenBody).ttl_seconds)).replace(microsecond=0)
    token = make_person_token(parts().link_secret, PersonToken(user_id, until))
    answer = jsonify({"token": token, "expires_at": moment(until)})
    answer.headers["Cache-Control"] = "no-store"
    return answer
