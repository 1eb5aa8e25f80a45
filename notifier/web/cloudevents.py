"""CloudEvents 1.0 over HTTP, structured and binary: `type`, `time` and `data` are ours, `source` and `id` make the key.

See https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import base64
import binascii
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from flask import request
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from notifier.web.bodies import EventData
from notifier.web.fields import KEY, Moment, TypeName
from notifier.web.posted import Posted
from notifier.web.problems import Fault, Problem, invalid
from notifier.web.reading import checked_value, read_json

STRUCTURED, BATCHED = "application/cloudevents", "application/cloudevents-batch"
_REQUIRED = ("specversion", "type", "source", "id")
_ATTRIBUTES = (*_REQUIRED, "time")  # the others change nothing here
_HEADERS = tuple(f"HTTP_CE_{name.upper()}" for name in _REQUIRED)
_JSON = re.compile(r"[^/;\s]+/([^/;\s]+\+)?json", re.IGNORECASE)
_SOURCE, _ID = re.compile(r"[!-~]+"), re.compile(r"[ -~]+")


def _version(text: str) -> str:
    if text != "1.0":
        raise ValueError("must be 1.0, the version of CloudEvents that is taken here")
    return text


def _json_type(text: str) -> str:
    if not _JSON.fullmatch(text.partition(";")[0].strip()):
        raise ValueError("must be application/json or left out")
    return text


Given = Annotated[str, StringConstraints(min_length=1)]


class CloudEvent(BaseModel):
    """One event as a CloudEvent. Extension attributes may stand in it and change nothing."""

    model_config = ConfigDict(extra="ignore", strict=True)

    specversion: Annotated[str, AfterValidator(_version)]
    id: Given
    source: Given
    type: TypeName
    time: Moment | None = None
    datacontenttype: Annotated[str, AfterValidator(_json_type)] | None = None
    data: EventData


def is_cloudevent() -> bool:
    """Whether the request carries a CloudEvent, by its content type or by one of the headers that each must have."""
    return request.mimetype.startswith(STRUCTURED) or not request.environ.keys().isdisjoint(_HEADERS)


def read_cloudevent(raw: bytes) -> Posted:
    """The event of the request, whose body this is. Raises a problem that points to the attribute that is wrong."""
    value = _structured(raw) if request.mimetype.startswith(STRUCTURED) else _binary(raw)
    event = checked_value(CloudEvent, value)
    names = {"type": "type", "data": "data", **({"timestamp": "time"} if event.time else {})}
    ours = {name: value[theirs] for name, theirs in names.items()}
    return Posted(event.type, event.time, key_of(event.source, event.id), ours)


def key_of(source: str, id: str) -> str:
    """The idempotency key of a CloudEvent: `ce:source id`, or their hash where that is too long or not ASCII."""
    key = f"ce:{source} {id}"
    if len(key) <= KEY and _SOURCE.fullmatch(source) and _ID.fullmatch(id):
        return key
    return f"ce:sha256:{sha256(f'{len(source)} {key}'.encode()).hexdigest()}"


def _structured(raw: bytes) -> Any:
    if request.mimetype.startswith(BATCHED):
        raise _unsupported('Send a batch to /v1/events/batch, as {"events": [...]} or as one event a line (NDJSON).')
    if request.mimetype != f"{STRUCTURED}+json":
        raise _unsupported(f"Of the structured formats {STRUCTURED}+json is taken.")
    value = read_json(raw)
    encoded = value.get("data_base64") if isinstance(value, dict) else None
    return value if encoded is None else value | {"data": _decoded(encoded, beside="data" in value)}


def _decoded(encoded: Any, *, beside: bool) -> Any:
    try:
        if not beside and isinstance(encoded, str):
            return read_json(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        pass
    raise invalid([Fault("/data_base64", "invalid", "This must be JSON in base64, without data beside it.")])


def _binary(raw: bytes) -> Mapping[str, Any]:
    if not _JSON.fullmatch(request.mimetype):
        raise _unsupported("Send the data of a CloudEvent as application/json.")
    given = {name: request.headers.get(f"ce-{name}") for name in _ATTRIBUTES}
    attributes = {name: _unquoted(name, text) for name, text in given.items() if text is not None}
    return attributes | {"data": read_json(raw)}


def _unquoted(name: str, text: str) -> str:
    """An attribute out of its header: without double quotes (RFC 7230), then percent-decoded once."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise invalid([Fault(f"/{name}", "invalid", f"ce-{name} must be percent-encoded UTF-8.")]) from None


def _unsupported(detail: str) -> Problem:
    return Problem(415, "unsupported-media-type", detail)
