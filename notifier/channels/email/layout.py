"""Puts the words of a notice into the shape of a mail: a text and an HTML that say the same."""

from dataclasses import dataclass, replace

from jinja2 import TemplateError

from notifier.channels import Notice, TemplateFault
from notifier.channels.email.digest import lay_out_digest
from notifier.channels.email.filling import Page, filled, linked, stop_page
from notifier.channels.wording import BUILT_IN, Wording, Writer, name_of, shortened
from notifier.languages import Language, message
from notifier.languages.text import direction_of
from notifier.languages.things import kind_name
from notifier.policy.events import Event

LISTED = 10  # events of a gathered notice; the rest is a number
SENT, SHOWN = 640, 534  # pixels: how wide a picture is, and how wide at most it is shown, as the card has room
_PREHEADER = 120
_LISTED_EXCERPT = 140


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a gathered notice, or one notice of a summary."""

    sentence: str
    excerpt: str
    url: str


def lay_out(notice: Notice, *, brand: str, address: str, writer: Writer = BUILT_IN) -> Page:
    """The notice's words as text and as HTML with its styles in the tags. Raises `TemplateFault`."""
    if notice.digest:
        return lay_out_digest(notice, notice.digest, brand=brand, address=address, writer=writer)
    wording = writer.word(notice)
    context = _context(notice, wording, _lines(notice, writer), brand=brand, address=address)
    try:
        text = filled("mail.txt", context)
        html = filled("mail.html", context)
    except TemplateError as error:
        raise TemplateFault(f"{notice.type}: {error}") from error
    return Page(wording.subject, text, html, wording.language)


def short_type(type_: str) -> str:
    """The type without the ending that all share: "comment"."""
    return type_.removesuffix(".created")


def _context(notice: Notice, wording: Wording, lines: list[Line], *, brand: str, address: str) -> dict[str, object]:
    language, image = wording.language, wording.image.sized(SENT).within(SHOWN)
    return {
        "sentence": wording.sentence,
        "subject": wording.subject,
        "excerpt": wording.excerpt.split("\n") if wording.excerpt else [],
        "excerpt_direction": direction_of(wording.excerpt) or language.direction,  # people write as they like
        "preheader": shortened(" ".join((wording.excerpt or wording.sentence).split()), _PREHEADER),
        "action": wording.action,
        # A summary leads to several places; each of its lines to its own.
        "url": "" if notice.items else linked(wording.url),
        "image": linked(image.url),
        "image_width": image.width or SHOWN,
        "image_height": image.height,
        "image_fills": image.width in (0, SHOWN),
        "image_alt": _alt(notice, wording),
        "image_said": language.gettext("Picture: %(alt)s", alt=wording.image.alt) if wording.image.alt else "",
        "avatar": linked(wording.avatar),
        "actor": name_of(notice.events[-1].actor),
        "lines": lines,
        "more": _more(notice, language),
        "language": wording.lang,
        "direction": language.direction,
        "brand": brand,
        "note": _note(notice, language, brand=brand, address=address),
        "unsubscribe": language.gettext("Unsubscribe"),
        "unsubscribe_url": linked(stop_page(notice)),
        "settings": language.gettext("Settings"),
        "preferences_url": linked(notice.preferences_url),
        "why": language.gettext("Why this mail?"),
        "why_url": linked(notice.why_url),
    }


def _alt(notice: Notice, wording: Wording) -> str:
    known = wording.image.alt or notice.events[-1].object.name
    return known or wording.language.gettext("Picture of what this is about")


def _note(notice: Notice, language: Language, *, brand: str, address: str) -> str:
    """Why the person gets this mail."""
    if notice.items:
        text = message("You get this because such mail is turned on for %(address)s at %(brand)s.")
        return language.gettext(text, address=address, brand=brand)
    if notice.unsubscribe_url:
        text = message("You get this because mail about “%(kind)s” is turned on for %(address)s at %(brand)s.")
        kind = kind_name(language, notice.type)
        return language.gettext(text, kind=kind, address=address, brand=brand)
    text = message("You get this because it concerns your account at %(brand)s, %(address)s.")
    return language.gettext(text, brand=brand, address=address)


def _more(notice: Notice, language: Language) -> str:
    """How many are not listed one by one."""
    more = max(len(notice.items or notice.events) - LISTED, 0) + notice.earlier_events
    return language.ngettext("and %(more)s more", "and %(more)s more", more, more=more) if more else ""


def _lines(notice: Notice, writer: Writer) -> list[Line]:
    """What is told of one by one, newest first; nothing where there is only one thing to tell of."""
    if notice.items:
        return [_line(writer.word(item)) for item in notice.items[:LISTED]]
    if len(notice.events) < 2:
        return []
    return [_line(writer.word(_alone(notice, event))) for event in reversed(notice.events[-LISTED:])]


def _alone(notice: Notice, event: Event) -> Notice:
    return replace(notice, events=(event,), earlier_events=0, earlier_actors=0)


def _line(wording: Wording) -> Line:
    excerpt = shortened(" ".join(wording.excerpt.split()), _LISTED_EXCERPT)
    return Line(wording.sentence, excerpt, linked(wording.url))
