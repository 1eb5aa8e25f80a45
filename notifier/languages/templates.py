"""Lets Jinja templates speak: `{% trans %}` says its message in the language that a template is rendered with."""

from jinja2 import Environment
from jinja2.ext import GETTEXT_FUNCTIONS, extract_from_ast

from notifier.languages.language import Language
from notifier.languages.reading import key_of

EXTENSION = "jinja2.ext.i18n"
_TRIMMED = "ext.i18n.trimmed"


def speaking(environment: Environment) -> Environment:
    """The environment, with `{% trans %}` added; hand `said_in` to what is rendered."""
    environment.add_extension(EXTENSION)
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension adds it
    environment.policies[_TRIMMED] = True
    return environment


def said_in(language: Language) -> dict[str, object]:
    """What a template is given in order to speak the language."""
    return {
        "gettext": language.gettext,
        "ngettext": language.ngettext,
        "pgettext": language.pgettext,
        "npgettext": language.npgettext,
    }


def messages_in(environment: Environment, source: str) -> tuple[str, ...]:
    """Under what names the messages of a template's source are found in a catalogue."""
    found = extract_from_ast(environment.parse(source), GETTEXT_FUNCTIONS)
    return tuple(dict.fromkeys(key for _, function, said in found if (key := _key(function, said))))


def _key(function: str, said: str | tuple[str | None, ...] | None) -> str:
    first, *rest = said if isinstance(said, tuple) else (said,)
    if "pgettext" not in function:
        return key_of(first) if first else ""
    return key_of(rest[0], first or "") if rest and rest[0] else ""
