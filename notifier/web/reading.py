"""A request's body, from octets to a checked model. Each step refuses with a problem, before the next one begins."""

import json
import math
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from notifier.web.problems import Problem, faults_of, invalid

B = TypeVar("B", bound=BaseModel)

MOST = 256 * 1024


def read_octets(most: int = MOST) -> bytes:
    """The raw body of at most so many bytes.

    A larger one is refused by its length before a byte is read, and one without a length as soon as it is over.
    """
    length = request.content_length
    if (length or 0) > most:
        raise _too_large(most)
    request.max_content_length = most + 1  # of a body in chunks, what comes after is cut off without a word
    raw = request.get_data(cache=False)
    if len(raw) > most:
        raise _too_large(most)
    if length not in (None, len(raw)):
        raise Problem(400, "malformed", "The body broke off before its Content-Length was reached.")
    return raw


def read_json(raw: bytes) -> Any:
    """The JSON value (RFC 8259), whole numbers as ints, also where they stand as 1.0.

    Of a name that stands twice, the last one counts. `checked` is stricter still: with half surrogates and with depth.
    """
    try:
        return json.loads(raw.decode(), parse_float=_number, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _malformed() from None


def checked(model: type[B], raw: bytes) -> B:
    """The JSON text as this model."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        faults = faults_of(error)
    if faults[0].code == "json_invalid":
        raise _malformed()
    raise invalid(faults)


def read(model: type[B], most: int = MOST) -> B:
    """The request's JSON body of at most so many bytes as this model."""
    raw = read_octets(most)
    check_media_type()
    return checked(model, raw)


def check_media_type() -> None:
    """Refuse a body that was not sent as JSON."""
    if request.mimetype != "application/json":
        raise Problem(415, "unsupported-media-type", "Send the body as application/json.")


def _number(text: str) -> int | float:
    value = float(text)
    if math.isinf(value):
        raise Problem(400, "malformed", "The body holds a number that is too large to be kept, such as 1e400.")
    return int(value) if value.is_integer() else value


def _no_number(_name: str) -> None:
    raise _malformed()  # NaN and Infinity are no JSON


def _too_large(most: int) -> Problem:
    return Problem(413, "too-large", f"A body is at most {most} bytes here.")


def _malformed() -> Problem:
    return Problem(400, "malformed", "The body is not JSON in UTF-8.")
