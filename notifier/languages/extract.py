"""Finds, with Babel, every message that the built-in words or an operator's templates need."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from notifier.languages.language import CATALOGUES
from notifier.languages.reading import forms
from notifier.languages.things import CONTEXT, KINDS
from notifier.policy.words import SENTENCES

PACKAGE = Path(__file__).parents[1]
# Where words are: the languages layer knows the others by their folders only.
FOLDERS = ("channels", "web", "languages")
PATTERNS = {"*.py": "python", "*.jinja": "jinja2.ext:babel_extract", "*.html": "jinja2.ext:babel_extract"}
PATTERNS |= {"mail.txt": "jinja2.ext:babel_extract"}
KEYWORDS: Mapping[str, tuple[int | tuple[int, str], ...] | None] = {
    "message": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
NOTE = "Translators:"
_OPTIONS = {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}


def built_in() -> Catalog:
    """Every message of the built-in templates, pages, reasons and names of types."""
    catalog = _empty("")
    for reason, sentence in SENTENCES.items():
        catalog.add(sentence, locations=[("notifier/policy/words.py", 0)], auto_comments=[f"Why: {reason}"])
    for kind in KINDS:
        catalog.add(kind, locations=[("notifier/languages/things.py", 0)], context=CONTEXT)
    for folder in FOLDERS:
        _gather(catalog, PACKAGE / folder, PACKAGE.parent)
    return catalog


def of_templates(folder: Path) -> Catalog:
    """Every message of an operator's templates that the built-in catalogues do not have already."""
    catalog, known = _empty(""), built_in()
    _gather(catalog, folder, folder)
    for one in list(catalog):
        if one.id and known.get(one.id, one.context):
            catalog.delete(one.id, one.context)
    return catalog


def brought_up_to_date(path: Path, wanted: Catalog) -> Catalog:
    """The catalogue of that file, or a new one, with every message that is wanted and no other."""
    if path.exists():
        with path.open("rb") as file:
            catalog = read_po(file)
    else:
        catalog = _empty(path.stem)
    catalog.update(wanted, no_fuzzy_matching=True, update_creation_date=False)
    return catalog


def write(catalog: Catalog, path: Path) -> None:
    """Write the catalogue as a translator and a diff want it."""
    with path.open("wb") as file:
        write_po(file, catalog, width=110, ignore_obsolete=True, include_lineno=False)


def gaps(path: Path, wanted: Catalog) -> list[str]:
    """What keeps the catalogue from being whole, a line each: missing, fuzzy and obsolete messages."""
    catalog = brought_up_to_date(path, wanted)
    found = [f"fuzzy: {forms(one.id)[0]}" for one in catalog if one.id and one.fuzzy]
    found += [f"missing: {forms(one.id)[0]}" for one in catalog if one.id and not all(forms(one.string))]
    return found + [f"obsolete: {forms(one.id)[0]}" for one in catalog.obsolete.values()]


def _gather(catalog: Catalog, folder: Path, root: Path) -> None:
    for path, method in _sources(folder):
        with path.open("rb") as file:
            for _, said, notes, context in extract(method, file, KEYWORDS, (NOTE,), _OPTIONS, strip_comment_tags=True):
                catalog.add(said, locations=[(str(path.relative_to(root)), 0)], auto_comments=notes, context=context)


def _sources(folder: Path) -> Iterator[tuple[Path, str]]:
    for pattern, method in PATTERNS.items():
        for path in sorted(folder.rglob(pattern)):
            yield path, method


def _empty(tag: str) -> Catalog:
    head = "What Notifier says. `python -m notifier.languages` tells what is missing."
    us = dict.fromkeys(("last_translator", "language_team", "msgid_bugs_address"), "the people of this project")
    return Catalog(tag or None, project="Notifier", header_comment=f"# {head}", fuzzy=False, version="1", **us)


def files(folder: Path = CATALOGUES) -> list[Path]:
    """The catalogues of a folder."""
    return sorted(folder.glob("*.po"))
