"""Lists a page at a time: opaque cursors, and the link to the next page."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from flask import Response, jsonify, request
from pydantic import ValidationError

from notifier.web.bodies import PageQuery
from notifier.web.problems import Fault, Problem, faults_of, invalid

T = TypeVar("T")


def asked_page() -> PageQuery:
    """Which page the request asks for. Raises a problem that names each wrong parameter."""
    try:
        return PageQuery.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise invalid(faults_of(error)) from None


def place(query: PageQuery) -> str:
    """Where the page begins, as `answer` wrote it; empty for the first one."""
    try:
        text = base64.b64decode(query.cursor + "=" * (-len(query.cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise wrong_cursor() from None
    if "\0" in text:
        raise wrong_cursor()
    return text


def wrong_cursor() -> Problem:
    """The problem of a cursor that nobody was given."""
    return invalid([Fault("/cursor", "invalid", "This must be the next_cursor of an answer.")])


def answer(
    found: Sequence[T],
    query: PageQuery,
    shape: Callable[[T], Mapping[str, Any]],
    mark: Callable[[T], str],
    **more: Any,
) -> Response:
    """The page of what was found, and whatever `more` its answer says.

    One more than asked for tells that another page follows, after `mark` of the last.
    """
    shown, cursor = found[: query.limit], None
    if len(found) > query.limit:
        cursor = base64.urlsafe_b64encode(mark(shown[-1]).encode()).rstrip(b"=").decode()
    response = jsonify({"data": [shape(one) for one in shown], "next_cursor": cursor, **more})
    if cursor:
        asked = urlencode({"limit": query.limit, "cursor": cursor})
        response.headers["Link"] = f'<{_path()}?{asked}>; rel="next"'
    return response


def _path() -> str:
    # The router was given it percent-encoded, see `EncodedIds`.
    return quote(request.path, safe="/%")
