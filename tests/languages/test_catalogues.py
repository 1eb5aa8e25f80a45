"""The built-in catalogues are whole: every message in every language, every plural form, every placeholder."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from notifier.languages.extract import built_in, files, gaps
from notifier.languages.language import CATALOGUES, Languages
from notifier.languages.reading import CatalogueFault, forms, placeholders, read
from tests.stack import ROOT

TAGS = ("ar", "de", "es", "ja", "pt")
# A form for one certain number may leave the number out: "and one other", the Arabic dual.
NUMBERS = {"count", "more"}


@pytest.fixture(scope="module")
def wanted() -> Catalog:
    return built_in()


def catalogue(tag: str) -> Catalog:
    with (CATALOGUES / f"{tag}.po").open("rb") as file:
        return read_po(file)


def messages(tag: str) -> list[Message]:
    return [one for one in catalogue(tag) if one.id]


def test_the_promised_languages_are_there():
    assert tuple(path.stem for path in files()) == TAGS
    assert Languages().tags == ["ar", "de", "en", "es", "ja", "pt"]


@pytest.mark.parametrize("tag", TAGS)
def test_nothing_is_missing_fuzzy_or_left_over(tag: str, wanted: Catalog):
    assert gaps(CATALOGUES / f"{tag}.po", wanted) == []
    assert not catalogue(tag).obsolete


@pytest.mark.parametrize("tag", TAGS)
def test_every_plural_has_all_forms_of_the_language(tag: str):
    for one in messages(tag):
        if not isinstance(one.id, str):
            assert len(forms(one.string)) == catalogue(tag).num_plurals, one.id
            assert all(forms(one.string)), one.id


@pytest.mark.parametrize("tag", TAGS)
def test_placeholders_are_those_of_the_english(tag: str):
    for one in messages(tag):
        english = placeholders(" ".join(forms(one.id)))
        for text in forms(one.string):
            left_out = english - placeholders(text)
            assert placeholders(text) <= english, one.id
            assert left_out <= (NUMBERS if not isinstance(one.id, str) else set()), one.id


@pytest.mark.parametrize("tag", TAGS)
def test_sentences_end_and_begin_as_in_english(tag: str):
    for one in messages(tag):
        if isinstance(one.id, str) and one.id[-1] in ".?":
            assert str(one.string)[-1] in ".?。？؟)か：:" or tag == "ja", one.id
        for text in forms(one.string):
            assert text == text.strip(), one.id


@pytest.mark.parametrize("tag", TAGS)
def test_numbers_take_the_forms_that_unicode_gives_the_language(tag: str):
    rule = next(iter(read(CATALOGUES / f"{tag}.po").plurals.values())).rule
    ours: dict[str, set[int]] = {}
    for number in range(1, 1_001):
        ours.setdefault(Locale(tag).plural_form(number), set()).add(rule(number))
    assert all(len(found) == 1 for found in ours.values()), ours
    assert len({found.pop() for found in ours.values()}) == len(ours)


def test_the_command_says_that_all_is_well_and_what_is_not(tmp_path: Path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "notifier.languages", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    whole = run()
    assert (whole.returncode, whole.stdout.split("\n")[0]) == (0, "ar.po: whole")
    (tmp_path / "poke.jinja").write_text(
        "{% block sentence %}{% trans who %}{{ who }} poked you{% endtrans %}{% endblock %}"
    )
    made = run("--templates", str(tmp_path), "--update", "fr")
    assert (made.returncode, "missing: %(who)s poked you" in made.stdout) == (1, True)
    path = tmp_path / "fr.po"
    text = path.read_text()
    assert len(re.findall("^msgid", text, re.MULTILINE)) == 2, "only what the built-in catalogues lack"
    path.write_text(text.replace('you"\nmsgstr ""', 'you"\nmsgstr "%(who)s vous a fait signe"'))
    assert run("--templates", str(tmp_path)).returncode == 0
    missing = run("--templates", str(tmp_path / "own"), "--update", "fr")
    assert (missing.returncode, "there is no folder" in missing.stderr) == (2, True)


HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('msgid "%(who)s left"\nmsgstr "%(name)s ging"\n', "%(name)s is not in the message"),
        ('msgid "All"\nmsgstr "100 % davon"\n', "a % must be %%"),
        ("nonsense\n", "is not a .po file"),
        ("\x00\xff nonsense", "is not a .po file"),
    ],
)
def test_a_catalogue_that_cannot_be_used_is_refused_with_its_place(tmp_path: Path, text: str, said: str):
    path = tmp_path / "de.po"
    path.write_bytes((HEAD + text).encode("latin-1"))
    with pytest.raises(CatalogueFault) as fault:
        read(path)
    assert str(path) in str(fault.value)
    assert said in str(fault.value)


def test_fuzzy_and_untranslated_messages_count_as_missing(tmp_path: Path):
    path = tmp_path / "fr.po"
    path.write_text(HEAD + '#, fuzzy\nmsgid "Open"\nmsgstr "Ouvrir"\n\nmsgid "Done"\nmsgstr ""\n')
    language = Languages(tmp_path).speak("fr")
    assert (language.gettext("Open"), language.gettext("Done")) == ("Open", "Done")
    assert Languages(tmp_path).speak("fr").lacking(["Open", "Done"]) == ["Open", "Done"]
    assert language.missing.take() == {("fr", "Open"): 1, ("fr", "Done"): 1}
