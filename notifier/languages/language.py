"""Finds the language of a person's locale, and says messages in it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from notifier.languages.missing import EVERYTHING, Missing
from notifier.languages.reading import Catalogue, CatalogueFault, key_of, read
from notifier.languages.text import Direction, Spoken, isolated
from notifier.policy.words import SENTENCES, Reason

CATALOGUES = Path(__file__).parent / "po"
SOURCE = "en"
_RIGHT_TO_LEFT = ("ar", "ckb", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi")
_TAG = re.compile(r"[a-z]{2,8}(_[A-Z][a-z]{3})?(_[A-Z0-9]{2,3})?")
_MOST_LOCALES = 1_000  # remembered at a time; people may have any


@dataclass(frozen=True)
class Language:
    """One language. `tag` names it as a file does ("pt", "pt_PT"); `instead_of` is the one asked for and not there.

    The gettext functions take the English message and its parts by name. A part that is a name or another text of
    people is kept apart where its writing runs the other way; one that is `Spoken` stands as it is.
    """

    tag: str
    catalogue: Catalogue = field(default_factory=Catalogue, repr=False)
    missing: Missing = field(default_factory=Missing, repr=False)
    instead_of: str = ""

    @cached_property
    def lang(self) -> str:
        """The value of a `lang` attribute (BCP 47)."""
        return self.tag.replace("_", "-")

    @cached_property
    def direction(self) -> Direction:
        """Which way it is written."""
        return "rtl" if self.tag.partition("_")[0] in _RIGHT_TO_LEFT else "ltr"

    def gettext(self, message: str, /, **parts: object) -> Spoken:
        """The message."""
        return self._said(self._text(message, message), parts)

    def pgettext(self, context: str, message: str, /, **parts: object) -> Spoken:
        """The message as it is said in this context."""
        return self._said(self._text(message, key_of(message, context)), parts)

    def ngettext(self, one: str, many: str, number: int, /, **parts: object) -> Spoken:
        """The message in the form for this number."""
        return self._said(self._form(one, many, number, one), {"num": number, **parts})

    def npgettext(self, context: str, one: str, many: str, number: int, /, **parts: object) -> Spoken:
        """The message as it is said in this context, in the form for this number."""
        return self._said(self._form(one, many, number, key_of(one, context)), {"num": number, **parts})

    def lacking(self, keys: Iterable[str]) -> list[str]:
        """Those of these messages that it has no words for."""
        if self.tag == SOURCE:
            return []
        texts, plurals = self.catalogue.texts, self.catalogue.plurals
        return [key for key in keys if key not in texts and key not in plurals]

    def sentence(self, reason: Reason) -> str:
        """The sentence of a reason."""
        return self.gettext(SENTENCES[reason])

    def listed(self, names: Sequence[str]) -> Spoken:
        """The names as one phrase: "Ana, Ben, and Cleo"."""
        from babel.lists import format_list  # its locale data takes 4 MB, and few need it

        return Spoken(format_list([isolated(name, self.direction) for name in names], locale=self.locale))

    def day(self, moment: datetime, zone: ZoneInfo) -> str:
        """The day of this moment (aware) at the person's place: "Saturday, November 21, 2026"."""
        from babel.dates import format_date  # see above

        return format_date(moment.astimezone(zone).date(), "full", locale=self.locale)

    def weekday(self, moment: datetime, zone: ZoneInfo) -> str:
        """The day of the week of this moment (aware) at the person's place: "Saturday"."""
        from babel.dates import format_date  # see above

        return format_date(moment.astimezone(zone).date(), "EEEE", locale=self.locale)

    def week(self, moment: datetime, zone: ZoneInfo) -> str:
        """The seven days until this moment (aware) at the person's place: "Nov 14 – 21, 2026"."""
        from babel.dates import format_interval  # see above

        last = moment.astimezone(zone).date()
        return format_interval(last - timedelta(days=7), last, "yMMMd", locale=self.locale)

    def time(self, moment: datetime, zone: ZoneInfo) -> str:
        """The time of day of this moment (aware) at the person's place: "8:00 AM"."""
        from babel.dates import format_time  # see above

        return format_time(moment.astimezone(zone).timetz(), "short", tzinfo=zone, locale=self.locale)

    def hour(self, moment: datetime, zone: ZoneInfo) -> str:
        """Day and time of this moment (aware) at the person's place: "Saturday, November 21, 2026, 3:00 PM"."""
        from babel.dates import get_datetime_format  # see above

        both = str(get_datetime_format("full", locale=self.locale))
        return both.replace("{1}", self.day(moment, zone)).replace("{0}", self.time(moment, zone))

    @cached_property
    def locale(self) -> str:
        """The locale whose forms Babel knows; an operator's own language may be none of them."""
        from babel.localedata import exists  # see above

        return next(tag for tag in (self.tag, self.tag.partition("_")[0], SOURCE) if exists(tag))

    def _text(self, message: str, key: str) -> str:
        if self.tag == SOURCE:
            return self.catalogue.texts.get(key, message)
        found = self.catalogue.texts.get(key)
        if found is None:
            self.missing.add(self.tag, message)
            return message
        return found

    def _form(self, one: str, many: str, number: int, key: str) -> str:
        found = self.catalogue.plurals.get(key)
        if found is not None:
            return found.forms[found.rule(number)]
        if self.tag != SOURCE:
            self.missing.add(self.tag, one)
        return one if number == 1 else many

    def _said(self, text: str, parts: dict[str, object]) -> Spoken:
        way = self.direction
        return Spoken(text % {name: isolated(part, way) if type(part) is str else part for name, part in parts.items()})


ENGLISH = Language(SOURCE)


class Languages:
    """All languages that have a catalogue: the built-in ones, with the `.po` files of `folder` before them.

    Each is read when somebody first speaks it. Safe to use from many threads.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.missing = Missing()
        self._files: dict[str, list[Path]] = {}
        for path in (*([] if folder is None else sorted(folder.glob("*.po"))), *sorted(CATALOGUES.glob("*.po"))):
            self._files.setdefault(_normal(path.stem), []).append(path)
        self._english = self._load(SOURCE)
        self._known: dict[str, Language] = {SOURCE: self._english}
        self._by_locale: dict[str, Language] = {}

    @property
    def tags(self) -> list[str]:
        """All languages, English included."""
        return sorted({SOURCE, *self._files})

    @property
    def english(self) -> Language:
        """The source, with what an operator says otherwise in it."""
        return self._english

    def speak(self, locale: str) -> Language:
        """The language that is nearest to the locale: pt-BR → pt, de_AT → de, one without a catalogue → English.

        Raises `CatalogueFault` where a file was broken since the start.
        """
        found = self._by_locale.get(locale)
        if found is None:
            found = self._nearest(locale)
            if len(self._by_locale) < _MOST_LOCALES:
                self._by_locale[locale] = found
        return found

    def read_all(self) -> None:
        """Read every catalogue. Raises `CatalogueFault` where one cannot be used."""
        for tag, paths in self._files.items():
            if not _TAG.fullmatch(tag):
                raise CatalogueFault(f"{paths[0].name} must be named after a language, such as fr.po or pt_PT.po")
            self._language(tag)

    def note_absence(self, language: Language) -> None:
        """Count where English is spoken because the language asked for has no catalogue."""
        if language.instead_of:
            self.missing.add(language.instead_of, EVERYTHING)

    def _nearest(self, locale: str) -> Language:
        parts = _normal(locale).split("_")
        for count in range(len(parts), 0, -1):
            tag = "_".join(parts[:count])
            if tag == SOURCE or tag in self._files:
                return self._language(tag)
        return Language(SOURCE, self._english.catalogue, self.missing, instead_of=parts[0])

    def _language(self, tag: str) -> Language:
        if tag not in self._known:
            self._known[tag] = self._load(tag)
        return self._known[tag]

    def _load(self, tag: str) -> Language:
        catalogue = Catalogue()
        # A region's own file need only say what it says otherwise: pt_PT stands before pt.
        for name in (tag, tag.partition("_")[0]) if "_" in tag else (tag,):
            for path in self._files.get(name, ()):
                catalogue = catalogue.before(read(path))
        return Language(tag, catalogue, self.missing)


def _normal(locale: str) -> str:
    """`pt-BR`, `pt_br.UTF-8` and `PT-br@euro` as `pt_BR`."""
    first, *rest = locale.partition(".")[0].partition("@")[0].replace("-", "_").split("_")
    return "_".join([first.lower(), *(part.title() if len(part) == 4 else part.upper() for part in rest)])
