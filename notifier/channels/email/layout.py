"""Puts the words of a notice into the shape of a mail: a text and an HTML that say the same."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError, select_autoescape

from notifier.channels import Notice, TemplateFault
from notifier.channels.wording import BUILT_IN, Wording, Writer, name_of, shortened
from notifier.languages import Language
from notifier.languages.templates import said_in, speaking
from notifier.languages.things import kind_name
from notifier.policy.events import Event

TEMPLATES = Path(__file__).parent / "templates"
LISTED = 10  # events of a gathered notice; the rest is a number
_PREHEADER = 120
_LISTED_EXCERPT = 140
_CLASS = re.compile(r'class="[\w -]+"')
_PROBE = re.compile(r"<p (.*?)></p>")
_LINK = re.compile(r'https?://[^\s<>"\\`]+', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """A mail's words, laid out."""

    subject: str
    text: str
    html: str
    language: Language


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a gathered notice, or one notice of a summary."""

    sentence: str
    excerpt: str
    url: str


def lay_out(notice: Notice, *, brand: str, address: str, writer: Writer = BUILT_IN) -> Page:
    """The notice's words as text and as HTML with its styles in the tags. Raises `TemplateFault`."""
    wording = writer.word(notice)
    context = _context(notice, wording, _lines(notice, writer), brand=brand, address=address)
    try:
        text = _template("mail.txt").render(context)
        html = _template("mail.html").render(context)
    except TemplateError as error:
        raise TemplateFault(f"{notice.type}: {error}") from error
    return Page(wording.subject, text, html, wording.language)


def short_type(type_: str) -> str:
    """The type without the ending that all share: "comment"."""
    return type_.removesuffix(".created")


def _context(notice: Notice, wording: Wording, lines: list[Line], *, brand: str, address: str) -> dict[str, object]:
    language = wording.language
    return {
        **said_in(language),
        "sentence": wording.sentence,
        "subject": wording.subject,
        "excerpt": wording.excerpt.split("\n") if wording.excerpt else [],
        "preheader": shortened(" ".join((wording.excerpt or wording.sentence).split()), _PREHEADER),
        "action": wording.action,
        # A summary leads to several places; each of its lines to its own.
        "url": "" if notice.items else linked(wording.url),
        "image": linked(wording.image),
        "image_alt": notice.events[-1].object.name or language.gettext("Picture of what this is about"),
        "avatar": linked(wording.avatar),
        "actor": name_of(notice.events[-1].actor),
        "lines": lines,
        "more": max(len(notice.items or notice.events) - LISTED, 0) + notice.earlier_events,
        "language": wording.lang,
        "direction": language.direction,
        "several": bool(notice.items),
        "kind": kind_name(language, notice.type),
        "brand": brand,
        "address": address,
        "unsubscribe_url": linked(notice.unsubscribe_url),
    }


def _lines(notice: Notice, writer: Writer) -> list[Line]:
    """What is told of one by one, newest first; nothing where there is only one thing to tell of."""
    if notice.items:
        return [_line(writer.word(item)) for item in notice.items[:LISTED]]
    if len(notice.events) < 2:
        return []
    return [_line(writer.word(_alone(notice, event))) for event in reversed(notice.events[-LISTED:])]


def _alone(notice: Notice, event: Event) -> Notice:
    return replace(notice, events=(event,), earlier_events=0, earlier_actors=0)


def _line(wording: Wording) -> Line:
    excerpt = shortened(" ".join(wording.excerpt.split()), _LISTED_EXCERPT)
    return Line(wording.sentence, excerpt, linked(wording.url))


def linked(url: str) -> str:
    """The URL if it is one to follow from a mail, else nothing."""
    return url if _LINK.fullmatch(url) else ""


def load() -> None:
    """Compile both templates now, so that the first mail does not wait for them."""
    for name in ("mail.txt", "mail.html"):
        _template(name)


class _StyledLoader(FileSystemLoader):
    """Writes each class's style into the tags that bear it, once per template instead of once per mail.

    The whole template cannot be inlined: an HTML parser moves what Jinja puts between table rows. Inlining each mail
    costs more than all the rest of its making.
    """

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """The template with its styles."""
        source, name, is_fresh = super().get_source(environment, template)
        return _CLASS.sub(_styled, source), name, is_fresh


def _styled(found: re.Match[str]) -> str:
    # Only what stands in mail.css: another class is a hook for what is kept in <style>.
    probe = _inliner().inline(f"<html><body><p {found[0]}></p></body></html>")
    tag = _PROBE.search(probe)
    return tag[1] if tag else found[0]


@cache
def _inliner() -> css_inline.CSSInliner:
    style = (TEMPLATES / "mail.css").read_text(encoding="utf-8")
    return css_inline.CSSInliner(extra_css=style, load_remote_stylesheets=False)


@cache
def _environment() -> Environment:
    return speaking(
        Environment(
            loader=_StyledLoader(TEMPLATES),
            undefined=StrictUndefined,
            autoescape=select_autoescape(["html"]),
            trim_blocks=True,
            lstrip_blocks=True,
        )
    )


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)
