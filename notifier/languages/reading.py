"""Reads a catalogue, one `.po` file, into plain dicts: a look-up costs no more than that."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from gettext import c2py
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel.messages.catalog import Message

SEPARATOR = "\x04"  # between context and message, as in gettext's own files
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_LEFT_OPEN = re.compile(r"%(?!%|\(\w+\)s)")


class CatalogueFault(ValueError):
    """A catalogue cannot be used. The message names the line and what would be right."""


@dataclass(frozen=True, slots=True)
class Plural:
    """The forms of one message, and the rule that finds the form for a number."""

    forms: tuple[str, ...]
    rule: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The words of one language by their English: single texts, and those with a form for each kind of number."""

    texts: Mapping[str, str] = field(default_factory=dict)
    plurals: Mapping[str, Plural] = field(default_factory=dict)

    def before(self, other: "Catalogue") -> "Catalogue":
        """Both; where both know a message, this one."""
        return Catalogue({**other.texts, **self.texts}, {**other.plurals, **self.plurals})


def key_of(text: str, context: str = "") -> str:
    """Under what a message is found."""
    return f"{context}{SEPARATOR}{text}" if context else text


def text_of(key: str) -> str:
    """The message found under this key, without its context."""
    return key.rpartition(SEPARATOR)[2]


def placeholders(text: str) -> set[str]:
    """The names in `%(name)s` of a message."""
    return set(_PLACEHOLDER.findall(text))


def read(path: Path) -> Catalogue:
    """Read the file. Untranslated and fuzzy messages are left out. Raises `CatalogueFault`."""
    from babel.messages.pofile import PoFileError, read_po  # only who speaks another language than English needs it

    try:
        with path.open("rb") as file:
            found = read_po(file, locale=None, abort_invalid=True)
            rule = c2py(found.plural_expr)
    except (PoFileError, ValueError, UnicodeError) as error:
        raise CatalogueFault(f"{path} is not a .po file in UTF-8: {error}") from error
    texts, plurals = {}, {}
    for one in found:
        if not one.id or one.fuzzy or not all(forms(one.string)):
            continue
        _check(path, one)
        key = key_of(forms(one.id)[0], one.context or "")
        if isinstance(one.id, str):
            texts[key] = forms(one.string)[0]
        else:
            plurals[key] = Plural(forms(one.string), rule)
    return Catalogue(texts, plurals)


def forms(text: str | Sequence[str] | None) -> tuple[str, ...]:
    """A message's English or its translation as Babel gives it: one text, or one for each form."""
    return (text,) if isinstance(text, str) else tuple(text or ("",))


def _check(path: Path, one: "Message") -> None:
    known = placeholders(" ".join(forms(one.id)))
    for text in forms(one.string):
        if unknown := placeholders(text) - known:
            raise CatalogueFault(f"{path}:{one.lineno}: %({unknown.pop()})s is not in the message that is translated")
        if _LEFT_OPEN.search(text):
            raise CatalogueFault(f"{path}:{one.lineno}: a % must be %% or begin a placeholder such as %(who)s")
