"""Lays out a digest as a mail: what happened, thing by thing, the same in the text and the HTML."""

from jinja2 import TemplateError

from notifier.channels import Digest, Notice, TemplateFault
from notifier.channels.email.filling import Page, filled, linked, stop_page
from notifier.channels.email.sections import Section, WordsOf, sections
from notifier.channels.wording import Wording, Writer, shortened
from notifier.languages.digests import digest_heading, digest_note, digest_period
from notifier.policy.calendar import zone_of

LISTED = 10  # things told one by one; the rest is a number
LARGEST = 100_000  # octets of HTML: Gmail cuts off what is over 102 KB, the link to unsubscribe first
_PREHEADER = 120


def lay_out_digest(notice: Notice, digest: Digest, *, brand: str, address: str, writer: Writer) -> Page:
    """The digest as text and as HTML with its styles in the tags. Raises `TemplateFault`."""
    wording = writer.word(notice)
    words_of = _worded_once(notice, wording, writer)
    context = _context(notice, digest, wording, brand=brand, address=address)
    try:
        for most in range(LISTED, 0, -1):
            told = sections(notice.items, words_of, wording.language, most=most)
            context |= {"sections": told, "more": _more(notice, told, wording)}
            html = filled("digest.html", context)
            # Only where names and links are as long as they may be.
            if len(html.encode("utf-8", "replace")) <= LARGEST:
                break
        return Page(wording.subject, filled("digest.txt", context), html, wording.language)
    except TemplateError as error:
        raise TemplateFault(f"{digest.cadence} digest: {error}") from error


def _worded_once(notice: Notice, wording: Wording, writer: Writer) -> WordsOf:
    """Words items, each once: to do so takes most of the time."""
    known = {id(item): words for item, words in zip(notice.items, wording.first, strict=False)}

    def words_of(item: Notice) -> Wording:
        if id(item) not in known:
            known[id(item)] = writer.word(item)
        return known[id(item)]

    return words_of


def _context(notice: Notice, digest: Digest, wording: Wording, *, brand: str, address: str) -> dict[str, object]:
    language, zone = wording.language, zone_of(notice.person.timezone)
    cadence, wanted_at = digest.cadence, digest.wanted_at
    return {
        "subject": wording.subject,
        "preheader": _preheader(notice, wording),
        "heading": digest_heading(language, cadence),
        "period": digest_period(language, cadence, wanted_at, zone),
        "language": language.lang,
        "direction": language.direction,
        "brand": brand,
        "note": digest_note(language, cadence, wanted_at, zone, address=address, brand=brand),
        "unsubscribe": language.gettext("Unsubscribe from this digest"),
        "unsubscribe_url": linked(stop_page(notice)),
        "settings": language.gettext("Settings"),
        "preferences_url": linked(notice.preferences_url),
        "why": language.gettext("Why this mail?"),
        "why_url": linked(notice.why_url),
    }


def _preheader(notice: Notice, wording: Wording) -> str:
    """What a list of mails shows behind the subject: what comes second, or what the only thing says."""
    between = " · " if len(notice.items) > 1 else " "
    rows = [row.strip() for row in wording.excerpt.split("\n")]
    return shortened(between.join(row for row in rows if row not in ("", "…")) or wording.sentence, _PREHEADER)


def _more(notice: Notice, told: list[Section], wording: Wording) -> str:
    """How many are not told one by one."""
    more = len(notice.items) - sum(len(section.lines) for section in told)
    return wording.language.ngettext("and %(more)s more", "and %(more)s more", more, more=more) if more else ""
