"""The page of each problem that the API answers (RFC 9457): what it means, and what to do about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, make_response, render_template

from notifier.languages.templates import said_in
from notifier.web.access import guarded_by
from notifier.web.parts import parts
from notifier.web.problems import TITLES

bp = Blueprint("problem_pages", __name__, url_prefix="/problems")


@dataclass(frozen=True, slots=True)
class Advice:
    """What a problem means, what to do about it, and what an answer with it says, for example."""

    status: int
    means: str
    do: str
    detail: str
    errors: tuple[tuple[str, str, str], ...] = ()

    def example(self, slug: str) -> dict[str, Any]:
        """A document of this problem."""
        body = {"type": f"/problems/{slug}", "title": TITLES[slug], "status": self.status, "detail": self.detail}
        body |= {"request_id": f"req_{'5' * 32}"}
        names = ("pointer", "code", "detail")
        return body | (
            {"errors": [dict(zip(names, error, strict=True)) for error in self.errors]} if self.errors else {}
        )


ADVICE: Mapping[str, Advice] = {
    "malformed": Advice(
        400,
        "The body is no JSON, or a header is not as it must be. Nothing was stored.",
        "Send JSON in UTF-8 with the header Content-Type: application/json. Sending the same again will fail again.",
        "The body is not JSON.",
    ),
    "unauthorized": Advice(
        401,
        "The API key, the token or the signature is missing, wrong, revoked, or older than five minutes. The answer "
        "does not say which, so that nobody can find out by trying.",
        "Send Authorization: Bearer nk_… with a live key, or sign the raw body anew, with the time of now and the "
        "app's present whsec_ secret. Check that the clock of the sender is right.",
        "Send a live API key: Authorization: Bearer nk_…",
    ),
    "forbidden": Advice(
        403,
        "The key is good, but not for this: each key has scopes, and a person's token is for that person alone.",
        "Use a key that has the scope which the detail names.",
        "This key lacks the scope operate.",
    ),
    "not-found": Advice(
        404,
        "There is no such thing here: the path or the id is wrong, or it was never accepted.",
        "Check the id, and that you ask the same service that gave it to you.",
        "There is no user bob.",
    ),
    "gone": Advice(
        410,
        "It was here and was deleted since, because everything is kept for a limited time.",
        "Nothing brings it back. Whoever runs the service sets how long things are kept.",
        "Events are kept for 90 days; one of 2026-08-01 was purged since.",
    ),
    "method-not-allowed": Advice(
        405,
        "The path is right, the method is not.",
        "Use one of the methods that the header Allow names.",
        "The method is not allowed for the requested URL.",
    ),
    "too-large": Advice(
        413,
        "One event may have 256 KB, a batch 4 MB and 1,000 items, a picture 20 MB, a video 100 MB. Nothing was stored.",
        "Send less at once. An event names its pictures by their URL, or by the id that /v1/assets gave them.",
        "An event may have 256 KB.",
    ),
    "unsupported-media-type": Advice(
        415,
        "The header Content-Type says something that is not taken here.",
        "Send application/json; to /v1/events CloudEvents too, to its batch NDJSON, to /v1/assets multipart/form-data.",
        "Send application/json.",
    ),
    "invalid": Advice(
        422,
        "The body can be read, but fields of it are missing, unknown or not as they must be. Nothing was stored.",
        "Each of the errors has a JSON pointer to the field, and says what would be right. Mend them and send again.",
        "This field is required.",
        (("/data/actor/id", "missing", "This field is required."),),
    ),
    "idempotency-key-reused": Advice(
        422,
        "An event with this webhook-id or Idempotency-Key was accepted before, and it said something else.",
        "Give every event a key of its own, and keep it when you send the same event again.",
        "This key came before with another body; use another key.",
    ),
    "conflict": Advice(
        409,
        "It stands against how things are: what was sent cannot be cancelled, for instance.",
        "Read how it stands now; the detail says what is in the way.",
        "It is sent; only what waits or is queued can be cancelled.",
    ),
    "too-many": Advice(
        429,
        "More comes in than can be taken now. Nothing was stored.",
        "Wait for as many seconds as the header Retry-After says, then send the same again with the same key.",
        "Too many events wait for their plan; try again.",
    ),
    "away": Advice(
        503,
        "The database does not answer. Nothing was stored.",
        "Send the same again, with the same key, after as many seconds as the header Retry-After says.",
        "The database does not answer. Nothing was stored; try again.",
    ),
    "internal": Advice(
        500,
        "A mistake of ours. Whether it was done is not certain.",
        "Send the same again with the same key, which does nothing twice; if it stays, tell whoever runs the service "
        "the request_id.",
        "Internal Server Error",
    ),
}


def refusal(status: int, name: str, detail: str) -> Response:
    """The page that says why a request is refused, wherever neither the API nor the admin pages answer."""
    language = parts().languages.english
    page = render_template("public/refused.html", language=language, name=name, detail=detail, **said_in(language))
    return make_response(page, status)


@bp.get("/<string:slug>")
@guarded_by("public")
def page(slug: str) -> str:
    """What a problem means, and what to do."""
    advice = ADVICE.get(slug)
    if advice is None:
        abort(404)
    language = parts().languages.english
    return render_template(
        "docs/problem.html",
        language=language,
        title=TITLES[slug],
        advice=advice,
        example=json.dumps(advice.example(slug), indent=2, ensure_ascii=False),
        **said_in(language),
    )
