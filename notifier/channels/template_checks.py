"""Checks an operator's own templates at the start: what would fail on the first event stops the start instead."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError
from jinja2.meta import find_undeclared_variables

from notifier.channels import Address, Digest, Notice, Person, TemplateFault
from notifier.channels.wording import DIGEST, FALLBACK, SUMMARY, Writer
from notifier.policy.events import Actor, Event, Thing
from notifier.policy.words import Cadence

BLOCKS = ("sentence", "subject", "excerpt", "action", "url", "avatar")
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class WrongTemplate(Exception):
    """A template cannot be used. The message names the file and says what would be right."""


class _Anything(dict[str, Any]):
    """Whatever an app may post with an event: every field is there."""

    def __missing__(self, key: str) -> "_Anything":
        return self

    def __str__(self) -> str:
        return "…"


def check_templates(writer: Writer, folder: Path, types: Iterable[str]) -> None:
    """Compile every template of the folder and word a sample event with it. Raises `WrongTemplate`.

    `types` are the short names of the catalogue. Files whose names begin with _ are parts for others to include.
    """
    known = [*types, FALLBACK, SUMMARY, DIGEST]
    for path in sorted(folder.glob("*.jinja")):
        if path.name.startswith("_"):
            continue
        if path.stem not in known:
            raise WrongTemplate(f"{path.name} belongs to no type; it must be named after one of {', '.join(known)}")
        _check_blocks(writer, path)
        for notice in _samples(path.stem):
            _check_words(writer, path, notice)


def _check_blocks(writer: Writer, path: Path) -> None:
    environment = writer.environment
    try:
        tree = environment.parse(path.read_text(encoding="utf-8"))
        blocks = environment.get_template(path.name).blocks
    except TemplateSyntaxError as error:
        raise WrongTemplate(f"{error.name or path.name}, line {error.lineno}: {error.message}") from error
    except UnicodeError as error:
        raise WrongTemplate(f"{path.name} must be in UTF-8: {error}") from error
    if "sentence" not in blocks:
        raise WrongTemplate(f"{path.name} must say what is told in {{% block sentence %}}…{{% endblock %}}")
    if unknown := sorted(set(blocks) - set(BLOCKS)):
        raise WrongTemplate(f"{path.name}: the block {unknown[0]!r} is not known; we know {', '.join(BLOCKS)}")
    given = writer.context(next(_samples(path.stem)), writer.languages.english)
    if unknown := sorted(find_undeclared_variables(tree) - {*given, "_trans"}):  # a name of Jinja's own
        names = ", ".join(sorted(set(given) - set(environment.globals)))
        raise WrongTemplate(f"{path.name}: {unknown[0]!r} is not known; a template is given {names}")


def _check_words(writer: Writer, path: Path, notice: Notice) -> None:
    # What a template makes of an app's own data, a number perhaps, cannot be judged by a sample.
    with contextlib.suppress(TypeError, ValueError, ArithmeticError):
        try:
            wording = writer.word(notice)
        except TemplateFault as error:
            raise WrongTemplate(f"a sample event cannot be worded by {error}") from error
        if not wording.sentence:
            raise WrongTemplate(f"{path.name}: its sentence is empty for a sample event; it must say what happened")


def _samples(type_: str) -> Iterator[Notice]:
    """A notice for each one who may hear of the event, and one of several events."""
    event = _event(type_)
    for person in ("bob", "cara", "dan", "eve"):
        yield _notice(type_, person, event)
    yield _notice(type_, "bob", event, replace(event, actor=Actor("ben", "Ben")), replace(event, actor=Actor("cy", "")))


def _notice(type_: str, person: str, *events: Event) -> Notice:
    items = (_notice("like", person, *events),) * 5 if type_ in (SUMMARY, DIGEST) else ()
    notice = Notice("", "", type_, "", events, Person(person, person.title()), Address("", ""), SINCE, items=items)
    return replace(notice, digest=Digest(Cadence.DAILY, SINCE)) if type_ == DIGEST else notice


def _event(type_: str) -> Event:
    url = "https://app.example/p/7"
    post = Thing("post-7", "post", "Sunset", "What a sky!", url, "https://app.example/7.jpg", owner="bob")
    return Event(
        id="evt_sample",
        app="app_sample",
        type=type_,
        occurred_at=SINCE,
        accepted_at=SINCE,
        actor=Actor("ana", "Ana", "https://app.example/a.jpg", "https://app.example/ana"),
        object=post,
        target=post,
        in_reply_to=replace(post, owner="cara"),
        mentions=("dan",),
        to=("eve",),
        data=_Anything(),
    )
