"""The people who acted, as one phrase: "Ana", "Ana and Ben", "Ana, Ben and 11 others", right in every language."""

import re
from collections.abc import Sequence

from notifier.languages.language import Language
from notifier.languages.text import Spoken

# Spanish says "e" for "y" before the sound of i: "Ana e Inés", but "Ana y Hiedra".
_AND_BEFORE_I = re.compile(r" y (?=[\u2068]?(?:[ií]|h[ií](?![aeo])))", re.IGNORECASE)


def people(language: Language, names: Sequence[str], others: int) -> Spoken:
    """The first two names (at least one is given) and the number of all the others."""
    first, *rest = names
    others += max(len(rest) - 1, 0)
    if not rest and not others:
        return language.pgettext("who", "%(first)s", first=first)
    if not rest:
        return language.ngettext(
            "%(first)s and %(count)s other", "%(first)s and %(count)s others", others, first=first, count=others
        )
    if not others:
        return _in_spanish(language, language.gettext("%(first)s and %(second)s", first=first, second=rest[0]))
    return language.ngettext(
        "%(first)s, %(second)s and %(count)s other",
        "%(first)s, %(second)s and %(count)s others",
        others,
        first=first,
        second=rest[0],
        count=others,
    )


def _in_spanish(language: Language, phrase: Spoken) -> Spoken:
    return Spoken(_AND_BEFORE_I.sub(" e ", phrase)) if language.tag.startswith("es") else phrase
