"""Fills the templates of mails: HTML with its styles in the tags, and text beside it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from notifier.channels import Notice
from notifier.languages import Language

TEMPLATES = Path(__file__).parent / "templates"
NAMES = ("frame.html", "mail.html", "mail.txt", "digest.html", "digest.txt")
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


def filled(name: str, context: dict[str, object]) -> str:
    """The template with these words in it. Raises Jinja's `TemplateError`."""
    template = _template(name)
    # Shared: these templates use none of Jinja's globals, and merging them takes longer than the words.
    return "".join(template.root_render_func(template.new_context(context, shared=True)))


def linked(url: str) -> str:
    """The URL if it is one to follow from a mail, else nothing."""
    return url if _LINK.fullmatch(url) else ""


def stop_page(notice: Notice) -> str:
    """Where the text of a mail leads to stop it: unlike the header's, its link knows the way to the settings as well.

    The text has both links; whoever gets to see the header alone shall not get into the settings.
    """
    settings = notice.preferences_url.rpartition("/")[2]
    return (
        f"{notice.unsubscribe_url}?settings={settings}"
        if notice.unsubscribe_url and settings
        else notice.unsubscribe_url
    )


def load() -> None:
    """Compile the templates now, so that the first mail does not wait for them."""
    for name in NAMES:
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
    return Environment(
        loader=_StyledLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # a template that extends another would ask for its file's date at every mail
    )


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)
