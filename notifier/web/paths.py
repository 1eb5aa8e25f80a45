"""Ids in paths: which ones are ids at all, and how an id that holds a slash gets through."""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from werkzeug.routing import BaseConverter, Map, ValidationError

from notifier.policy.fields import id_fault

USERS = ("/v1/users/", "/admin/people/")  # what goes on with the id of a person
PREFIXES = ("evt", "dlv", "dig", "sub", "app", "ntf", "sch", "adm", "ses", "job", "ast")

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class UserId(BaseConverter):
    """A person's id: 1 to 255 characters in percent-encoded UTF-8, slashes included, no control characters."""

    def to_python(self, value: str) -> str:
        try:
            text = unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            raise ValidationError from None
        if id_fault(text):
            raise ValidationError
        return text

    def to_url(self, value: str) -> str:
        return quote(value, safe="")


class Mute(UserId):
    """What a person mutes: `actor:ID`, `object:ID` or `type:T`, percent-encoded as ids are."""

    def to_python(self, value: str) -> str:
        try:
            text = unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            raise ValidationError from None
        if id_fault(text.partition(":")[2] or text):
            raise ValidationError
        return text


class EncodedIds:
    """Lets the paths of people reach the router percent-encoded: `a%2Fb` is one id, `a/b` is not.

    WSGI decodes the path, and `/v1/users/a%2Fpreferences` would be another person's preferences.
    """

    def __init__(self, app: Wsgi) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(USERS):
            environ["PATH_INFO"] = _encoded(environ)
        return self._app(environ, start_response)


def add_converters(url_map: Map) -> None:
    """The kinds of ids that routes name."""
    url_map.converters["user"] = UserId
    url_map.converters["mute"] = Mute
    for prefix in PREFIXES:
        url_map.converters[prefix] = _id(prefix)


def is_id(text: str, prefix: str) -> bool:
    """Whether the text is an id with this prefix."""
    return re.fullmatch(rf"{prefix}_[0-9a-f]{{32}}", text) is not None


def _id(prefix: str) -> type[BaseConverter]:
    return type(f"{prefix.title()}Id", (BaseConverter,), {"regex": rf"{prefix}_[0-9a-f]{{32}}"})


def _encoded(environ: dict[str, Any]) -> str:
    decoded = environ["PATH_INFO"].encode("latin-1")
    sent = re.split("[?#]", environ.get("RAW_URI", ""), maxsplit=1)[0].encode("latin-1", "replace")
    # A server that does not tell the path as it was sent leaves us the decoded one, where every slash divides.
    parts = map(unquote_to_bytes, sent.split(b"/")) if unquote_to_bytes(sent) == decoded else decoded.split(b"/")
    return "/".join(quote(part, safe="") for part in parts)
