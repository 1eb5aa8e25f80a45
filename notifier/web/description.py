"""The making of the API's description, read off the routes: what they take, who may call them, what they are for."""

import inspect
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from notifier.policy.fields import ID
from notifier.web.answers import ANSWERS
from notifier.web.examples import EXAMPLES, samples
from notifier.web.paths import PREFIXES

_PART = re.compile(r"<(\w+):(\w+)>")
SCHEMA = "#/components/schemas/{model}"
NO_CONTENT = 204
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")
SECURITY = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "An app's API key: nk_…"},
    "person_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A person's own token, for their browser: nt_…. The stream takes it as ?token= too.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks: webhook-id, webhook-timestamp and webhook-signature over the raw body.",
    },
}
UPLOAD = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary"}},
}
PROBLEM = {
    "description": "RFC 9457: what is wrong, and where",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
            },
        },
    },
}

View = Callable[..., Any]


def describe(app: Flask) -> dict[str, Any]:
    """The description of every route under /v1."""
    rules = sorted(
        (rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/v1/")), key=lambda rule: rule.rule
    )
    paths: dict[str, dict[str, Any]] = {}
    for rule in rules:
        for method in sorted(set(METHODS) & (rule.methods or set())):
            view = app.view_functions[rule.endpoint]
            paths.setdefault(_PART.sub(r"{\2}", rule.rule), {})[method.lower()] = _operation(rule, view)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Notifier", "version": "1", "description": "Every time is RFC 3339 in UTC."},
        "paths": paths,
        "components": {"schemas": _schemas(app), "securitySchemes": SECURITY},
    }


def _operation(rule: Rule, view: View) -> dict[str, Any]:
    summary, _, rest = (inspect.getdoc(view) or "").partition("\n")
    operation = {
        "operationId": rule.endpoint.replace(".", "_"),
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": summary,
        "description": rest.strip(),
        "security": _security(view.guard),  # type: ignore[attr-defined]  # a test walks all routes for it
        "parameters": [_in_path(*found) for found in _PART.findall(rule.rule)] + _in_query(view),
        "requestBody": _body(rule.endpoint, view),
        "responses": {
            **_answer(rule.endpoint),
            "default": {
                "description": "Refused",
                "content": {"application/problem+json": {"schema": {"$ref": SCHEMA.format(model="Problem")}}},
            },
        },
        "x-codeSamples": [asdict(sample) for sample in samples(rule.endpoint)],
    }
    return {name: value for name, value in operation.items() if value or name == "security"}


def _in_path(kind: str, name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": ID}
    if kind == "mute":
        schema = {"type": "string", "pattern": "^(actor|object|type):"}
    if kind in PREFIXES:
        schema = {"type": "string", "pattern": f"^{kind}_[0-9a-f]{{32}}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(view: View) -> list[dict[str, Any]]:
    model: type[BaseModel] | None = getattr(view, "query", None)
    if model is None:
        return []
    schema = model.model_json_schema(ref_template=SCHEMA)
    return [
        {"name": name, "in": "query", "schema": _inlined(field, schema.get("$defs", {}))}
        for name, field in schema["properties"].items()
    ]


def _inlined(field: Any, definitions: dict[str, Any]) -> Any:
    """The field's schema with what it refers to put in its place: queries refer to lists of words only."""
    if isinstance(field, list):
        return [_inlined(item, definitions) for item in field]
    if not isinstance(field, dict):
        return field
    if "$ref" in field:
        return definitions[field["$ref"].rpartition("/")[2]]
    return {name: _inlined(value, definitions) for name, value in field.items() if name != "title"}


def _body(endpoint: str, view: View) -> dict[str, Any]:
    model: type[BaseModel] | None = getattr(view, "takes", None)
    if model is None:
        return {}
    schema = {"$ref": SCHEMA.format(model=model.__name__)}
    needed = any(field.is_required() for field in model.model_fields.values())
    content: dict[str, Any] = {"schema": schema}
    files = {"multipart/form-data": {"schema": UPLOAD}} if getattr(view, "uploads", False) else {}
    if (example := EXAMPLES.get(endpoint)) and example.body is not None:
        content["example"] = example.body
    return {"required": needed, "content": {"application/json": content, **files}}


def _answer(endpoint: str) -> dict[str, Any]:
    gives = ANSWERS[endpoint]
    answer: dict[str, Any] = {"description": gives.says}
    if gives.model:
        answer["content"] = {gives.media: {"schema": {"$ref": SCHEMA.format(model=gives.model.__name__)}}}
    elif gives.status != NO_CONTENT:
        answer["content"] = {gives.media: {}}
    return {str(gives.status): answer}


def _security(guard: str) -> list[dict[str, list[str]]]:
    kind, _, scope = guard.partition(":")
    known: dict[str, list[dict[str, list[str]]]] = {
        "key": [{"api_key": [scope]}],
        "person": [{"api_key": [scope]}, {"person_token": []}],
        "signature": [{"signature": []}],
        "public": [],
    }
    return known[kind]


def _schemas(app: Flask) -> dict[str, Any]:
    models = {view.takes for view in app.view_functions.values() if hasattr(view, "takes")}
    models |= {gives.model for endpoint, gives in ANSWERS.items() if gives.model and endpoint in app.view_functions}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, made = models_json_schema([(model, "validation") for model in ordered], ref_template=SCHEMA)
    return {**made["$defs"], "Problem": PROBLEM}
