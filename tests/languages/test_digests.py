"""What a digest is called and when it comes, in each language and at the person's place."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from notifier.languages import Language, Languages
from notifier.languages.digests import digest_heading, digest_note, digest_period
from notifier.policy.words import Cadence

ALL = Languages()
CADENCES = (Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY)
LISBON = ZoneInfo("Europe/Lisbon")
NEW_YEAR = datetime(2027, 1, 4, 8, tzinfo=UTC)


def plain(text: str) -> str:
    return re.sub(r"[\u2009\u202f]", " ", text)


@pytest.mark.parametrize(
    ("tag", "day", "week", "hour"),
    [
        ("en", "Monday, January 4, 2027", "Dec 28, 2026 – Jan 4, 2027", "Monday, January 4, 2027, 8:00 AM"),
        ("de", "Montag, 4. Januar 2027", "28. Dez. 2026 – 4. Jan. 2027", "Montag, 4. Januar 2027, 08:00"),
        ("es", "lunes, 4 de enero de 2027", "28 dic 2026 – 4 ene 2027", "lunes, 4 de enero de 2027, 8:00"),
        ("ja", "2027年1月4日月曜日", "2026年12月28日～2027年1月4日", "2027年1月4日月曜日 8:00"),
        ("ar", "الاثنين، 4 يناير 2027", "28 ديسمبر 2026 – 4 يناير 2027", "الاثنين، 4 يناير 2027، 8:00 ص"),
    ],
)
def test_days_weeks_and_hours_are_written_as_the_language_writes_them(tag: str, day: str, week: str, hour: str):
    said = [plain(digest_period(ALL.speak(tag), cadence, NEW_YEAR, LISBON)) for cadence in CADENCES]
    assert said == [hour, day, week]


def test_a_week_within_a_month_names_it_once():
    at = datetime(2026, 11, 28, 8, tzinfo=UTC)
    assert plain(digest_period(ALL.english, Cadence.WEEKLY, at, LISBON)) == "Nov 21 – 28, 2026"
    assert digest_period(ALL.speak("de"), Cadence.WEEKLY, at, LISBON) == "21.–28. Nov. 2026"


@pytest.mark.parametrize("tag", ALL.tags)
def test_each_digest_has_its_own_name_and_reason(tag: str):
    language = ALL.speak(tag)
    assert len({digest_heading(language, cadence) for cadence in CADENCES}) == 3
    notes = [
        digest_note(language, cadence, NEW_YEAR, LISBON, address="b@app.example", brand="Acme") for cadence in CADENCES
    ]
    assert len(set(notes)) == 3
    assert all("b@app.example" in note and "Acme" in note for note in notes)
    assert [bool(re.search("0?8:00", note)) for note in notes] == [False, True, True]


@pytest.mark.parametrize(("tag", "day"), [("tlh", "Monday, January 4, 2027"), ("pt_XX", "segunda-feira, 4 de janeiro")])
def test_a_language_that_unicode_does_not_know_has_the_days_of_the_nearest_that_it_does(tag: str, day: str):
    assert Language(tag).day(NEW_YEAR, LISBON).startswith(day)
    assert Language(tag).listed(["Ana", "Ben"])
