"""A request's body, from octets to a checked model. Each step refuses with a problem, before the next one begins."""

from typing import Any, TypeVar

import pydantic_core
from flask import request
from pydantic import BaseModel, ValidationError

from notifier.web.problems import Problem, faults_of, invalid

B = TypeVar("B", bound=BaseModel)

MOST = 256 * 1024


def read_octets(most: int = MOST) -> bytes:
    """The raw body of at most so many bytes.

    A larger one is refused by its length before a byte is read, and one without a length as soon as it is over.
    """
    request.max_content_length = most
    return request.get_data(cache=False)


def read_json(raw: bytes) -> Any:
    """The JSON value (RFC 8259) of a body that was sent as JSON. Of a name that stands twice, the last one counts."""
    _check_media_type()
    try:
        return pydantic_core.from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise _malformed() from None


def checked(model: type[B], raw: bytes) -> B:
    """The JSON text as this model."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        if error.errors(include_input=False)[0]["type"] == "json_invalid":
            raise _malformed() from None
        raise invalid(faults_of(error)) from None


def read(model: type[B]) -> B:
    """The request's JSON body as this model."""
    raw = read_octets()
    _check_media_type()
    return checked(model, raw)


def _check_media_type() -> None:
    if request.mimetype != "application/json":
        raise Problem(415, "unsupported-media-type", "Send the body as application/json.")


def _malformed() -> Problem:
    return Problem(400, "malformed", "The body is not JSON in UTF-8.")
