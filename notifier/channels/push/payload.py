"""Words a notice as the JSON that a browser shows: Declarative Web Push, which our service worker reads as well.

Safari shows it without a service worker (the number 8030 says that it is meant so); elsewhere a worker hands
`notification` to `showNotification()`, and can drop doubles by `data.delivery`.
"""

import base64
import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from notifier.channels import Notice
from notifier.channels.push.encoder import LARGEST
from notifier.channels.wording import BUILT_IN, Wording, Writer
from notifier.languages import Language

AIM = 2048  # octets: Mozilla's Android bridge may hold only 2,744 of ciphertext
BODY, TITLE = 600, 300  # octets, more than a phone shows
LONGEST_ESCAPE = 6  # octets that one character takes at most in JSON, "\u0000"
LEAST_BODY = 150  # octets; rather than less text, no picture
WIDE = 1_080  # pixels of the picture: as wide as a phone's screen
DAY = 86_400  # seconds: how long a push service keeps the message for a browser that is away
LONGEST_TTL = 28 * DAY  # what FCM keeps at most


@dataclass(frozen=True, slots=True)
class Note:
    """The parts of a notification that may be left out or shortened to fit. Empty parts are not sent."""

    title: str
    body: str = ""
    navigate: str = ""
    icon: str = ""
    image: str = ""


def payload(notice: Notice, writer: Writer = BUILT_IN) -> bytes:
    """The plaintext of the push: valid JSON, at most `LARGEST` octets. Raises `TemplateFault`.

    A notice that was too large for the service the last time (413) carries only its title and link.
    """
    words = writer.word(notice)
    note = _note(words, short=is_short(notice))
    octets = _encoded(notice, note, words.language)
    for smaller, limit in _STEPS:
        if len(octets) > limit:
            note = smaller(note, len(octets) - limit)
            octets = _encoded(notice, note, words.language)
    return octets


def is_short(notice: Notice) -> bool:
    """Whether only title and link are sent, because more was too large."""
    return notice.last_code == "413"


def time_to_live(notice: Notice, now: datetime) -> int:
    """Seconds for which the push service should keep the message."""
    if notice.expires_at is None:
        return DAY
    left = (notice.expires_at - now) // timedelta(seconds=1)
    return min(max(left, 0), LONGEST_TTL)


def topic(notice: Notice) -> str:
    """The name under which a newer push replaces one that still waits (RFC 8030, 5.4).

    The same for every notice of a group, and for every try of a notice without one; the next digest of a cadence takes
    the place of the last. Hashed, because the push
    service sees it. 32 characters, all that is allowed: Apple is reported to decode it and refuse other lengths.
    """
    key = f"{notice.person.id}\0{_replacing(notice)}"
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode("utf-8", "replace")).digest()[:24]).decode()


def _replacing(notice: Notice) -> str:
    """What a later push replaces if it has the same. No group begins with a zero."""
    if notice.digest:
        return f"\0digest/{notice.digest.cadence}"
    return notice.group or f"\0{notice.notification_id}"


def cut(text: str, octets: int) -> str:
    """The text in at most so many octets of JSON, with an ellipsis where something is missing.

    Cut at a space where one is near, and never inside what a reader takes for one character.
    """
    if len(text) * LONGEST_ESCAPE <= octets or _size(text) <= octets:
        return text
    kept, next_ = _fitting(text, octets - _size("…"))
    space = len(kept) if next_.isspace() else kept.rfind(" ", len(kept) * 2 // 3)
    return ((kept[:space] if space > 0 else kept).rstrip() + "…") if kept else ""


def _fitting(text: str, octets: int) -> tuple[str, str]:
    """As much of the text as fits, and the first cluster that does not."""
    kept = ""
    for cluster in _clusters(text):
        octets -= _size(cluster)
        if octets < 0:
            return kept, cluster
        kept += cluster
    return kept, ""


def _note(words: Wording, *, short: bool) -> Note:
    note = Note(cut(words.sentence, TITLE) or "…", navigate=_link(words.url))
    if short:
        return note
    return replace(
        note, body=cut(words.excerpt, BODY), icon=_link(words.avatar), image=_link(words.image.sized(WIDE).url)
    )


def _encoded(notice: Notice, note: Note, language: Language) -> bytes:
    shown = {
        "title": note.title,
        "body": note.body,
        "navigate": note.navigate,
        "lang": language.lang,
        "dir": language.direction,
        "icon": note.icon,
        "image": note.image,
        "tag": topic(notice),
        "timestamp": int(notice.created_at.timestamp() * 1000),
        "data": {"delivery": notice.delivery_id, "notification": notice.notification_id, "type": _type(notice)},
    }
    return _json({"web_push": 8030, "notification": {name: part for name, part in shown.items() if part}})


def _type(notice: Notice) -> str:
    return f"digest.{notice.digest.cadence}" if notice.digest else notice.type[:255]


def _with_less_body(note: Note, surplus: int) -> Note:
    return replace(note, body=cut(note.body, max(_size(note.body) - surplus, LEAST_BODY)))


# What is given up for size, the dearest last, each with the limit that it is given up for.
_STEPS: tuple[tuple[Callable[[Note, int], Note], int], ...] = (
    (_with_less_body, AIM),
    (lambda note, _: replace(note, image=""), AIM),
    (lambda note, _: replace(note, icon=""), AIM),
    (lambda note, _: replace(note, body=""), LARGEST),
    (lambda note, _: replace(note, navigate=""), LARGEST),
)


def _link(url: str) -> str:
    return url if url.lower().startswith(("https://", "http://")) else ""


def _size(text: str) -> int:
    return len(_json(text)) - 2


def _json(value: object) -> bytes:
    # A lone surrogate, which JSON can smuggle into a text, has no UTF-8: it becomes a question mark.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _clusters(text: str) -> Iterator[str]:
    cluster = ""
    for char in text:
        if cluster and not _joins(cluster, char):
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster


def _joins(cluster: str, char: str) -> bool:
    """Whether the character belongs to the ones before: the rules of UAX #29 that the standard library can tell."""
    last, code = cluster[-1], ord(char)
    if last == "\u200d" or unicodedata.combining(last) == 9:  # joiner; a virama ties the next consonant
        return True
    if unicodedata.category(char) in ("Mn", "Mc", "Me") or char in "\u200c\u200d\u0e33\u0eb3":
        return True
    if 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F or 0x1160 <= code <= 0x11FF:
        return True  # skin tones, the letters of a flag, the rest of a Hangul syllable
    return _is_flag_half(char) and _is_flag_half(last) and len(cluster) % 2 == 1


def _is_flag_half(char: str) -> bool:
    return 0x1F1E6 <= ord(char) <= 0x1F1FF
