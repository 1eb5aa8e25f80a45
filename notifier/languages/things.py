"""What things and types of events are called. Apps name them as they like; those that are known have translations."""

from notifier.languages.language import SOURCE, Language
from notifier.languages.reading import key_of
from notifier.languages.text import Spoken, message

# As they stand behind a verb: "Ana liked your post", German "deinen Beitrag".
YOURS = {
    "post": message("your post"),
    "comment": message("your comment"),
    "photo": message("your photo"),
    "video": message("your video"),
    "story": message("your story"),
    "picture": message("your picture"),
}
SOMEONES = {
    "post": message("a post"),
    "comment": message("a comment"),
    "photo": message("a photo"),
    "video": message("a video"),
    "story": message("a story"),
    "picture": message("a picture"),
}
NEUTRAL = "post"
KINDS = ("like", "comment", "follow", "mention", "share", "post", "announcement", "security")
CONTEXT = "kind"  # of their messages in the catalogues


def thing_name(language: Language, type_: str, *, is_own: bool) -> Spoken:
    """ "your post", "a comment"; what a catalogue has no word for is a post, and counted."""
    known = YOURS if is_own else SOMEONES
    if not type_ or type_ in known:
        return language.gettext(known[type_ or NEUTRAL])
    text = _english(type_, is_own=is_own)
    if not text:
        return language.gettext(known[NEUTRAL])
    if language.tag != SOURCE and language.lacking([text]):
        language.missing.add(language.tag, text)
        return language.gettext(known[NEUTRAL])
    return language.gettext(text)


def kind_name(language: Language, type_: str) -> str:
    """What messages of this type are about: "comment"; what a catalogue has no word for stands as it is."""
    short = type_.removesuffix(".created")
    if short in KINDS:
        return language.pgettext(CONTEXT, short)
    text = short.replace(".", " ").replace("_", " ")
    if language.tag != SOURCE and language.lacking([key_of(text, CONTEXT)]):
        language.missing.add(language.tag, text)
        return text
    return language.pgettext(CONTEXT, text)


def _english(type_: str, *, is_own: bool) -> str:
    """The type as an English phrase, if it is a plain word."""
    if not (type_.isascii() and type_.isalpha()):
        return ""
    article = "an" if type_[0].lower() in "aeiou" else "a"
    return f"your {type_}" if is_own else f"{article} {type_}"
