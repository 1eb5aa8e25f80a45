"""The languages that people are spoken to in: English is the source, every other one is a catalogue in `po/`.

`Languages` finds the language of a locale; a `Language` says a message in it. What it lacks is said in English and
counted, so that an operator can see what to translate. `python -m notifier.languages` tells what a catalogue lacks.
"""

from notifier.languages.language import ENGLISH, Language, Languages
from notifier.languages.missing import Missing
from notifier.languages.reading import CatalogueFault
from notifier.languages.text import Spoken, message, tidy_block, tidy_line

__all__ = [
    "ENGLISH",
    "CatalogueFault",
    "Language",
    "Languages",
    "Missing",
    "Spoken",
    "message",
    "tidy_block",
    "tidy_line",
]
