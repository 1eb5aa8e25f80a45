"""A request's body, from octets to a checked model. Each step refuses with a problem, before the next one begins."""

import json
from typing import Any, TypeVar

from flask import g, request
from pydantic import BaseModel, ValidationError

from notifier.web.problems import SHOWN, Problem, faults_of, invalid

B = TypeVar("B", bound=BaseModel)

MOST = 256 * 1024


def read_octets(most: int = MOST) -> bytes:
    """The raw body of at most so many bytes.

    A larger one is refused by its length before a byte is read, and one without a length as soon as it is over. Sets
    `g.octets`.
    """
    length = request.content_length
    if (length or 0) > most:
        raise too_large(most)
    request.max_content_length = most + 1  # of a body in chunks, what comes after is cut off without a word
    g.octets = raw = request.get_data(cache=False)
    if len(raw) > most:
        raise too_large(most)
    if length not in (None, len(raw)):
        raise Problem(400, "malformed", "The body broke off before its Content-Length was reached.")
    return raw


def read_json(raw: bytes) -> Any:
    """The JSON value (RFC 8259), whole numbers as ints, also where they stand as 1.0.

    Of a name that stands twice, the last one counts. What nothing can hold (1e400, half a surrogate pair, a depth of
    thousands) is still in it: `canonical` refuses that.
    """
    try:
        return _JSON.decode(raw.decode())
    except (ValueError, RecursionError):
        raise malformed() from None


def canonical(value: Any) -> bytes:
    """One spelling for one JSON value: key order, white space, escapes and 1.0 for 1 make no difference."""
    try:
        return _CANONICAL.encode(value).encode()
    except (ValueError, RecursionError):
        raise Problem(400, "malformed", "The body holds what cannot be kept, such as the number 1e400.") from None


def checked_value(model: type[B], value: Any, most: int = SHOWN) -> B:
    """The JSON value as this model; of what is wrong so much is named."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(faults_of(error), most) from None


def checked(model: type[B], raw: bytes) -> B:
    """The JSON text as this model."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        faults = faults_of(error)
    if faults[0].code == "json_invalid":
        raise malformed()
    raise invalid(faults)


def read(model: type[B], most: int = MOST) -> B:
    """The request's JSON body of at most so many bytes as this model."""
    raw = read_octets(most)
    check_media_type()
    return checked(model, raw)


def read_or_default(model: type[B]) -> B:
    """The request's JSON body as this model, which needs nothing; without a body all its defaults."""
    raw = read_octets()
    if not raw:
        return model()
    check_media_type()
    return checked(model, raw)


def check_media_type() -> None:
    """Refuse a body that was not sent as JSON."""
    if request.mimetype != "application/json":
        raise Problem(415, "unsupported-media-type", "Send the body as application/json.")


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _no_number(_name: str) -> None:
    raise malformed()  # NaN and Infinity are no JSON


def too_large(most: int) -> Problem:
    """That a body, or one item of it, is over the limit."""
    return Problem(413, "too-large", f"A body is at most {most} bytes here.")


def malformed() -> Problem:
    """That the body is no JSON text."""
    return Problem(400, "malformed", "The body is not JSON in UTF-8.")


_JSON = json.JSONDecoder(parse_float=_number, parse_constant=_no_number)
# What was just read from JSON holds no circles.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False)
