"""When something comes, in words: today and tomorrow are those of the person's own calendar."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from notifier.languages import ENGLISH, Languages
from notifier.languages.when import place, weekday_names, when

ALL = Languages()
NOW = datetime(2026, 11, 21, 16, tzinfo=UTC)  # one in the morning of the 22nd in Tokyo
TOKYO, LISBON = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Lisbon")


@pytest.mark.parametrize(
    ("ahead", "zone", "words"),
    [
        (timedelta(hours=2), LISBON, "today at 6:00\u202fPM"),
        (timedelta(hours=9), LISBON, "tomorrow at 1:00\u202fAM"),
        (timedelta(hours=7), TOKYO, "today at 8:00\u202fAM"),
        (timedelta(hours=23), TOKYO, "tomorrow at 12:00\u202fAM"),
        (timedelta(days=2), LISBON, "Monday, November 23, 2026 at 4:00\u202fPM"),
        (timedelta(days=-1), LISBON, "Friday, November 20, 2026 at 4:00\u202fPM"),
    ],
)
def test_the_day_is_told_by_the_persons_own_calendar(ahead: timedelta, zone: ZoneInfo, words: str):
    assert when(ENGLISH, NOW + ahead, NOW, zone) == words


@pytest.mark.parametrize(
    ("tag", "today", "monday", "city"),
    [
        ("de", "heute um 18:00", "Montag, 23. November 2026 um 18:00", "Lissabon"),
        ("es", "hoy a las 18:00", "el lunes, 23 de noviembre de 2026 a las 18:00", "Lisboa"),
        ("pt", "hoje às 18:00", "segunda-feira, 23 de novembro de 2026 às 18:00", "Lisboa"),
        ("ja", "今日 18:00", "2026年11月23日月曜日 18:00", "リスボン"),
        ("ar", "اليوم الساعة 6:00 م", "الاثنين، 23 نوفمبر 2026 الساعة 6:00 م", "لشبونة"),
    ],
)
def test_every_language_has_its_own_form(tag: str, today: str, monday: str, city: str):
    language = ALL.speak(tag)
    at = NOW + timedelta(hours=2)
    assert when(language, at, NOW, LISBON) == today
    assert when(language, at + timedelta(days=2), NOW, LISBON) == monday
    assert place(language, LISBON) == city
    assert len(set(weekday_names(language))) == 7


def test_every_time_zone_has_the_name_of_a_place():
    for name in available_timezones() - {"localtime"}:
        assert place(ENGLISH, ZoneInfo(name)), name
    assert place(ENGLISH, ZoneInfo("America/Argentina/Buenos_Aires")) == "Buenos Aires"
    assert place(ENGLISH, ZoneInfo("UTC")) == "UTC"
    assert weekday_names(ENGLISH)[0] == "Monday"


def test_an_operators_language_that_babel_does_not_know_has_english_forms(tmp_path: Path):
    head = (
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    )
    (tmp_path / "tlh.po").write_text(head + 'msgid "Save"\nmsgstr "pol"\n')
    language = Languages(tmp_path).speak("tlh")
    assert (weekday_names(language)[6], place(language, TOKYO)) == ("Sunday", "Tokyo")
