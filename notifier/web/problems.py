"""Problem documents (RFC 9457): every refusal says what is wrong and what would be right, and echoes no input."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from flask import Flask, Response, g, jsonify, request
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from notifier.store.database import DatabaseAway

AWAY_SECONDS = 5
AWAY = "The database does not answer. Nothing was stored; try again."
SHOWN = 100  # faults of one body; an answer must not be many times larger than what it answers


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a body: where (RFC 6901), what, and what would be right."""

    pointer: str
    code: str
    detail: str


class Problem(Exception):
    """An answer that refuses. Raised by views; nothing was stored. `cause` is for our own record, and never told."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        retry_after: int | None = None,
        cause: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.faults = faults
        self.retry_after = retry_after
        self.cause = cause


TITLES = {
    "malformed": "The body cannot be read",
    "unauthorized": "The request is not signed by a known app",
    "forbidden": "The key may not do this",
    "not-found": "There is nothing here",
    "gone": "This is not kept any more",
    "too-large": "The body is too large",
    "unsupported-media-type": "The body's type is not known here",
    "invalid": "The body does not say what is needed",
    "idempotency-key-reused": "The same key came with another body",
    "conflict": "This stands against something else",
    "too-many": "More than can be taken in now",
    "away": "Not available for a moment",
    "method-not-allowed": "This cannot be done here",
    "internal": "A mistake of ours",
}


def not_found(what: str, id: str) -> Problem:
    """There is no such thing."""
    return Problem(404, "not-found", f"There is no {what} {id}.")


def invalid(faults: Sequence[Fault], most: int = SHOWN) -> Problem:
    """A body with these faults, of which so many are named."""
    if len(faults) == 1:
        return Problem(422, "invalid", faults[0].detail, faults=faults)
    rest = f"; the first {most} are named" if len(faults) > most else ""
    return Problem(422, "invalid", f"{len(faults)} fields are wrong{rest}.", faults=faults[:most])


def faults_of(error: ValidationError, below: str = "") -> list[Fault]:
    """One fault for each of pydantic's, with its JSON pointer; what was given is not repeated."""
    return [
        Fault(below + pointer(fault["loc"]), _code(fault["type"]), _detail(fault))
        for fault in error.errors(include_url=False, include_input=False)
    ]


def pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


# The status, its name and what would be right → the page that says so.
Page: TypeAlias = Callable[[int, str, str], Response]


def install(app: Flask, admin_page: Page, page: Page) -> None:
    """Answer every refusal of the API with a problem document, any other with a page; name each request."""

    @app.before_request
    def name_the_request() -> None:
        g.request_id = f"req_{uuid.uuid4().hex}"

    @app.after_request
    def say_the_name(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        return response

    @app.errorhandler(Problem)
    def refuse(problem: Problem) -> Response:
        return document(problem)

    @app.errorhandler(DatabaseAway)
    def away(error: DatabaseAway) -> Response:
        app.logger.warning("the database is away: %s", error)
        if _in_admin():
            return admin_page(503, "The database is away", AWAY)
        return document(Problem(503, "away", AWAY, retry_after=AWAY_SECONDS))

    @app.errorhandler(HTTPException)
    def refuse_as_problem(error: HTTPException) -> Response | HTTPException:
        if not f"{request.path}/".startswith("/v1/"):
            if not error.code or error.code < 400:
                return error
            response = (admin_page if _in_admin() else page)(error.code, error.name, _words(error))
            response.headers.extend(pair for pair in error.get_headers() if pair[0] != "Content-Type")
            return response
        response = document(_problem_of(error))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response


def _words(error: HTTPException) -> str:
    """What the error says, where it does not only repeat that there is no such page."""
    return "There is no such page." if error.description == NotFound.description else error.description or ""


def _in_admin() -> bool:
    return f"{request.path}/".startswith("/admin/")


def _problem_of(error: HTTPException) -> Problem:
    status = error.code or 500
    slugs = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 500: "internal"}
    return Problem(status, slugs.get(status, "malformed"), error.description or error.name)


def document(problem: Problem) -> Response:
    """The answer for a problem."""
    response = jsonify(as_json(problem))
    response.status_code = problem.status
    response.content_type = "application/problem+json"
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def as_json(problem: Problem) -> dict[str, object]:
    """The problem document itself, as a whole answer or as one result among many."""
    body: dict[str, object] = {
        "type": f"/problems/{problem.slug}",
        "title": TITLES.get(problem.slug, problem.slug),
        "status": problem.status,
        "detail": problem.detail,
        "request_id": g.get("request_id", ""),
    }
    if problem.faults:
        body["errors"] = [
            {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail} for fault in problem.faults
        ]
    return body


def _code(kind: str) -> str:
    return {"extra_forbidden": "unknown_field", "value_error": "invalid"}.get(kind, kind)


def _detail(fault: ErrorDetails) -> str:
    """What would be right, as a sentence of ours."""
    kind, bounds = fault["type"], fault.get("ctx", {})
    if kind in ("enum", "literal_error"):
        return f"This must be {bounds['expected']}.".replace("'", "")
    if kind in ("string_too_short", "too_short") and bounds["min_length"] == 1:
        return "This must not be empty."
    said = _SAID.get(kind)
    if said is None:
        return fault["msg"].replace("Value error, ", "This ") + "."
    return said.format_map(bounds)


# By pydantic's name of the fault, with what it says of the bounds.
_SAID = {
    "missing": "This field is required.",
    "extra_forbidden": "This field is not known here; remove it. An event's own fields go into data.",
    "string_type": "This must be a string.",
    "model_type": "This must be an object.",
    "dict_type": "This must be an object.",
    "list_type": "This must be a list.",
    "bool_type": "This must be true or false.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "string_too_long": "This must have at most {max_length} characters.",
    "string_too_short": "This must have at least {min_length} characters.",
    "too_long": "This must have at most {max_length} entries.",
    "too_short": "This must have at least {min_length} entries.",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than_equal": "This must be at most {le}.",
}
