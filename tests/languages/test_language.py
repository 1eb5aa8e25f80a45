"""Whom we speak to in what, how many there are in each language, and names that run the other way."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.languages import Languages, Missing, Spoken, tidy_line
from notifier.languages.missing import MOST
from notifier.languages.people import people
from notifier.languages.text import FSI, PDI, direction_of, isolated
from notifier.languages.things import kind_name, thing_name
from notifier.policy.words import SENTENCES, Reason

ALL = Languages()
HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'


@pytest.mark.parametrize(
    ("locale", "tag", "instead_of"),
    [
        ("en", "en", ""),
        ("en-GB", "en", ""),
        ("pt-BR", "pt", ""),
        ("pt_PT", "pt", ""),
        ("de_AT", "de", ""),
        ("DE-at", "de", ""),
        ("ar-u-nu-latn", "ar", ""),
        ("ja_JP.UTF-8", "ja", ""),
        ("es@euro", "es", ""),
        ("zh-Hant-TW", "en", "zh"),
        ("tlh", "en", "tlh"),
        ("", "en", ""),
        ("../../etc", "en", ""),
    ],
)
def test_the_nearest_language_is_spoken_and_english_where_there_is_none(locale: str, tag: str, instead_of: str):
    found = ALL.speak(locale)
    assert (found.tag, found.instead_of.lower()) == (tag, instead_of)


def test_an_operators_catalogues_add_languages_regions_and_other_words(tmp_path: Path):
    (tmp_path / "fr.po").write_text(HEAD + 'msgid "Open"\nmsgstr "Ouvrir"\n')
    (tmp_path / "pt_PT.po").write_text(HEAD + 'msgid "your photo"\nmsgstr "a tua fotografia"\n')
    (tmp_path / "en.po").write_text(HEAD + 'msgid "Open"\nmsgstr "Go there"\n')
    own = Languages(tmp_path)
    assert own.speak("fr-CA").gettext("Open") == "Ouvrir"
    assert own.speak("pt-PT").gettext("your photo") == "a tua fotografia"
    assert (own.speak("pt-PT").gettext("Open"), own.speak("pt-BR").gettext("your photo")) == ("Abrir", "sua foto")
    assert own.speak("tlh").gettext("Open") == "Go there"
    assert own.speak("pt-PT").lang == "pt-PT"


OTHERS = [
    ("en", 1, "Ana, Ben and 1 other"),
    ("en", 11, "Ana, Ben and 11 others"),
    ("de", 1, "Ana, Ben und 1 weitere Person"),
    ("de", 11, "Ana, Ben und 11 weitere Personen"),
    ("es", 1, "Ana, Ben y 1 persona más"),
    ("es", 2, "Ana, Ben y 2 personas más"),
    ("pt", 1, "Ana, Ben e mais 1 pessoa"),
    ("pt", 11, "Ana, Ben e mais 11 pessoas"),
    ("ja", 1, "Anaさん、Benさん、他1人"),
    ("ja", 100, "Anaさん、Benさん、他100人"),
    ("ar", 1, "Ana وBen وشخص آخر"),
    ("ar", 2, "Ana وBen وشخصين آخرين"),
    ("ar", 3, "Ana وBen و3 أشخاص آخرين"),
    ("ar", 10, "Ana وBen و10 أشخاص آخرين"),
    ("ar", 11, "Ana وBen و11 شخصًا آخر"),
    ("ar", 99, "Ana وBen و99 شخصًا آخر"),
    ("ar", 100, "Ana وBen و100 شخص آخر"),
    ("ar", 103, "Ana وBen و103 أشخاص آخرين"),
]


@pytest.mark.parametrize(("tag", "others", "said"), OTHERS)
def test_the_others_are_counted_as_the_language_counts(tag: str, others: int, said: str):
    assert plain(people(ALL.speak(tag), ["Ana", "Ben"], others)) == said


@pytest.mark.parametrize(
    ("tag", "names", "others", "said"),
    [
        ("en", ["Ana"], 0, "Ana"),
        ("en", ["Ana", "Ben"], 0, "Ana and Ben"),
        ("en", ["Ana"], 3, "Ana and 3 others"),
        ("en", ["Ana", "Ben", "Cleo"], 0, "Ana, Ben and 1 other"),
        ("de", ["Ana", "Ben"], 0, "Ana und Ben"),
        ("es", ["Ana", "Ben"], 0, "Ana y Ben"),
        ("es", ["Ana", "Inés"], 0, "Ana e Inés"),
        ("es", ["Ana", "Hilda"], 0, "Ana e Hilda"),
        ("es", ["Ana", "Hiedra"], 0, "Ana y Hiedra"),
        ("pt", ["Ana"], 1, "Ana e mais 1 pessoa"),
        ("ja", ["Ana"], 0, "Anaさん"),
        ("ja", ["Ana", "Ben"], 0, "AnaさんとBenさん"),
        ("ar", ["Ana"], 2, "Ana وشخصين آخرين"),
    ],
)
def test_people_are_named_as_the_language_names_them(tag: str, names: list[str], others: int, said: str):
    assert plain(people(ALL.speak(tag), names, others)) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "إشعار جديد"),
        (2, "إشعاران جديدان"),
        (3, "3 إشعارات جديدة"),
        (11, "11 إشعارًا جديدًا"),
        (100, "100 إشعار جديد"),
    ],
)
def test_arabic_has_a_form_for_one_two_few_and_many(number: int, said: str):
    found = ALL.speak("ar").ngettext("%(count)s new notification", "%(count)s new notifications", number, count=number)
    assert found == said


def plain(text: str) -> str:
    return text.replace(FSI, "").replace(PDI, "")


def test_a_name_that_runs_the_other_way_is_kept_apart_and_others_stand_as_they_are():
    assert isolated("Ana", "ltr") == "Ana"
    assert isolated("Жанна", "ltr") == "Жанна"
    assert isolated("أحمد", "ltr") == f"{FSI}أحمد{PDI}"
    assert isolated("Ana", "rtl") == f"{FSI}Ana{PDI}"
    assert isolated("أحمد", "rtl") == "أحمد"
    said = people(ALL.speak("ar"), ["Ana", "أحمد"], 0)
    assert said == f"{FSI}Ana{PDI} وأحمد"
    whole = ALL.speak("ar").ngettext("%(who)s mentioned you", "%(who)s mentioned you", 2, who=said)
    assert whole == f"إشارة إليك من {said}", "isolated once, not once more as a part of the sentence"


@given(st.text(alphabet=st.sampled_from("aא١1 -\u202e\u2066\u2067\u2068\u2069\u202c"), max_size=20))
def test_no_name_can_turn_the_sentence_around_it(name: str):
    for tag in ("en", "ar"):
        said = tidy_line(ALL.speak(tag).pgettext("who", "%(first)s", first=name))
        assert not set(said) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067")
        assert said.count(FSI) == said.count(PDI) <= 1
        assert FSI not in said or said.index(FSI) < said.index(PDI)


def test_marks_that_were_cut_apart_are_taken_away():
    assert tidy_line(f"a {FSI}b\n c") == "a b c"
    assert tidy_line(f"a {FSI}b{PDI}\u202e c") == f"a {FSI}b{PDI} c"


@pytest.mark.parametrize(
    ("text", "direction"),
    [("What", "ltr"), ("«رائع»", "rtl"), ("  7. Ж", "ltr"), ("שלום", "rtl"), ("12 %", None), ("", None)],
)
def test_what_people_write_runs_as_its_first_letter_does(text: str, direction: str | None):
    assert direction_of(text) == direction


def test_known_things_are_translated_and_unknown_ones_are_a_post_and_counted():
    german = Languages().speak("de")
    assert thing_name(german, "photo", is_own=True) == "dein Foto"
    assert thing_name(german, "photo", is_own=False) == "ein Foto"
    assert thing_name(german, "", is_own=True) == "deinen Beitrag"
    assert thing_name(german, "recipe", is_own=True) == "deinen Beitrag"
    assert thing_name(german, "x y<b>", is_own=True) == "deinen Beitrag"
    assert german.missing.take() == {("de", "your recipe"): 1}


def test_english_names_a_thing_by_any_plain_word():
    english = ALL.english
    assert thing_name(english, "recipe", is_own=True) == "your recipe"
    assert thing_name(english, "event", is_own=False) == "an event"
    assert thing_name(english, "blog_post", is_own=True) == "your post"


def test_types_have_names_and_unknown_ones_stand_as_they_are():
    german = Languages().speak("de")
    assert kind_name(german, "comment.created") == "Kommentare"
    assert kind_name(german, "order.shipped") == "order shipped"
    assert german.missing.take() == {("de", "order shipped"): 1}
    assert kind_name(ALL.english, "comment.created") == "comment"


def test_every_reason_has_a_sentence_of_its_own_in_every_language():
    for tag in ALL.tags:
        sentences = {ALL.speak(tag).sentence(reason) for reason in Reason}
        assert len(sentences) == len(SENTENCES)


def test_what_is_missing_is_said_in_english_counted_and_taken_once():
    languages = Languages()
    spanish = languages.speak("es")
    assert spanish.gettext("%(who)s waves", who="Ana") == "Ana waves"
    assert spanish.ngettext("%(n)s wave", "%(n)s waves", 2, n=2) == "2 waves"
    assert spanish.pgettext("sea", "wave") == "wave"
    assert languages.missing.take() == {("es", "%(who)s waves"): 1, ("es", "%(n)s wave"): 1, ("es", "wave"): 1}
    assert languages.missing.take() == {}


def test_no_sender_can_fill_the_memory_with_languages():
    missing = Missing()
    for number in range(MOST + 10):
        missing.add(f"x{number}", "")
    missing.add("x0", "")
    taken = missing.take()
    assert (len(taken), taken["x0", ""]) == (MOST, 2)


def test_days_times_and_lists_are_written_as_the_language_writes_them():
    moment, berlin = datetime(2026, 11, 21, 7, 5, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    german = ALL.speak("de")
    assert german.day(moment, berlin) == "Samstag, 21. November 2026"
    assert german.time(moment, berlin) == "08:05"
    assert ALL.speak("ja").day(moment, ZoneInfo("Asia/Tokyo")) == "2026年11月21日土曜日"
    assert german.listed(["Ana", "Ben", "Cleo"]) == "Ana, Ben und Cleo"
    assert isinstance(german.listed(["Ana"]), Spoken)
