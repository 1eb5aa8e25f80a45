"""The page that documents the API, made of its own description: no script, and nothing from elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, render_template

from notifier.languages.templates import said_in
from notifier.web.access import guarded_by
from notifier.web.assets import compressed
from notifier.web.openapi import description
from notifier.web.parts import parts

bp = Blueprint("docs", __name__)

DEEPEST = 5  # levels of a body that are told field by field
# In the order in which one needs them; by the tag of their operations.
CHAPTERS = {
    "users": "People",
    "preferences": "Preferences",
    "events": "Events",
    "batches": "Many events at once",
    "media": "Pictures and videos",
    "explain": "Why, and why not",
    "deliveries": "The delivery log",
    "changes": "Outcomes in order",
    "feed": "The feed",
    "tokens": "Tokens for browsers",
    "devices": "Push devices",
    "relations": "Mutes and blocks",
    "digests": "Digests",
    "schedules": "Schedules",
    "policy": "Trying a rule",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body, or one parameter: where it is, what it may be."""

    name: str
    what: str
    needed: bool
    says: str


@dataclass(frozen=True, slots=True)
class Call:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    who: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    status: str
    answer: str
    fields: tuple[Field, ...]
    samples: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """The operations of one subject."""

    tag: str
    title: str
    calls: tuple[Call, ...]


@bp.get("/docs")
@guarded_by("public")
def page() -> Response:
    """Every call of the API, with examples that work when they are pasted."""
    language, found = parts().languages.english, chapters(description())
    shown = {"language": language, "chapters": found, "url": parts().public_url, **said_in(language)}
    return compressed(make_response(render_template("docs/docs.html", **shown)))


def chapters(told: Mapping[str, Any]) -> list[Chapter]:
    """The description by subjects; one that is new stands at the end under its own name."""
    schemas = told["components"]["schemas"]
    found: dict[str, list[Call]] = {tag: [] for tag in CHAPTERS}
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            found.setdefault(operation["tags"][0], []).append(_call(path, method, operation, schemas))
    return [Chapter(tag, CHAPTERS.get(tag, tag.title()), tuple(calls)) for tag, calls in found.items() if calls]


def _call(path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Call:
    [(status, answer)] = [(code, one) for code, one in operation["responses"].items() if code != "default"]
    return Call(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        who=_who(operation["security"]),
        parameters=tuple(_parameter(one, schemas) for one in operation.get("parameters", ())),
        body=tuple(_fields(_schema(operation.get("requestBody", {})), schemas)),
        status=status,
        answer=answer["description"],
        fields=tuple(_fields(_schema(answer), schemas)),
        samples=tuple(operation.get("x-codeSamples", ())),
    )


def _who(security: list[dict[str, list[str]]]) -> str:
    """Who may call it, in words."""
    if not security:
        return "Anybody."
    if "signature" in security[0]:
        return "An app that signs, as Standard Webhooks say."
    [scope] = security[0]["api_key"]
    own = "; or the person's own token" if len(security) > 1 else ""
    return f"An API key with the scope {scope}{own}."


def _parameter(one: Mapping[str, Any], schemas: Mapping[str, Any]) -> Field:
    says = "in the path" if one["in"] == "path" else "in the query"
    return Field(one["name"], _what(one["schema"], schemas), one.get("required", False), says)


def _schema(content: Mapping[str, Any]) -> Mapping[str, Any]:
    for media in content.get("content", {}).values():
        found: Mapping[str, Any] = media.get("schema", {})
        return found
    return {}


def _fields(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], at: str = "", seen: tuple[str, ...] = ()
) -> Iterator[Field]:
    """Every field of a body, those of objects and lists in it as well."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in seen or len(seen) > DEEPEST:
        return
    if name:
        yield from _fields(schemas[name], schemas, at, (*seen, name))
    for inner in schema.get("anyOf", ()):
        yield from _fields(inner, schemas, at, seen)
    if "items" in schema:
        yield from _fields(schema["items"], schemas, f"{at}[]", seen)
    for field, one in schema.get("properties", {}).items():
        where = f"{at}.{field}" if at else field
        yield Field(where, _what(one, schemas), field in schema.get("required", ()), one.get("description", ""))
        yield from _fields(one, schemas, where, seen)


def _what(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "$ref" in schema:
        return _what(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_what(one, schemas) for one in schema["anyOf"]))
    if "enum" in schema:
        return " · ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("format") or schema.get("type") or "anything"
    if "items" in schema:
        return f"list of {_what(schema['items'], schemas)}"
    return f"{kind}{_limits(schema)}"


def _limits(schema: Mapping[str, Any]) -> str:
    least, most = (
        next((schema[name] for name in names if name in schema), None)
        for names in (("minLength", "minimum", "minItems"), ("maxLength", "maximum", "maxItems"))
    )
    if least is None and most is None:
        return ""
    return f", {least if least is not None else ''}…{most if most is not None else ''}"
