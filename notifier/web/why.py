"""The page that says why a mail came: what happened, what part its reader has in it, and what they chose."""

from dataclasses import dataclass
from datetime import datetime

from flask import render_template, url_for

from notifier.languages import Language, message
from notifier.languages.choosing import OFTEN
from notifier.languages.templates import said_in
from notifier.languages.things import kind_name, thing_name
from notifier.languages.when import when
from notifier.languages.why import PARTS, WAITED
from notifier.policy.calendar import zone_of
from notifier.policy.catalogue import Kind
from notifier.policy.events import Event
from notifier.policy.links import PREFERENCES, UNSUBSCRIBE, WHY, Link, digest_mark, make_token, type_mark
from notifier.policy.why import Waited, part_of, waited_for
from notifier.policy.words import Cadence
from notifier.store.feed import FeedItem
from notifier.store.messages import Part, SentMessage, sent_message
from notifier.store.people import People, Profile
from notifier.web.access import guarded_by
from notifier.web.items import Reader, reader, worded
from notifier.web.link_pages import (
    browser_language,
    has_run_out,
    link_pages,
    masked,
    old_link,
    read_link,
    unknown_link,
)
from notifier.web.parts import parts

bp = link_pages("why", __name__)

CHOICES = {
    "preference": message("You chose for “%(kind)s”: %(often)s."),
    "default": message("By default for “%(kind)s”: %(often)s."),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that the mail told, in words; `direction` is that of the language that has them.

    Where it is not known any more, `gone` says why, and the rest that concerns it is empty.
    """

    text: str
    lang: str
    direction: str
    gone: str
    part: str
    often: str
    happened: str
    waited: str
    since: str


@dataclass(frozen=True, slots=True)
class Teller:
    """Says to one person why a message came."""

    sent: SentMessage
    reader: Reader
    language: Language
    now: datetime

    def when(self, at: datetime) -> str:
        """The moment on the person's own clock."""
        return when(self.language, at, self.now, zone_of(self.reader.person.timezone))


@bp.get("/why/<string:token>")
@guarded_by("link")
def page(token: str) -> str | tuple[str, int]:
    """Why the mail came that has this link. Nothing is shown that the mail did not tell."""
    link = read_link(WHY, token)
    if link is None:
        return unknown_link()
    with parts().database.read() as connection:
        sent = sent_message(connection, f"dlv_{link.id.hex()}")
        profile = People(connection).profile(sent.user) if sent else None
    if has_run_out(link):
        return old_link(sent.address_id if sent else "")
    if sent is None or sent.address is None:
        return _purged()
    return _page(link, sent, sent.address, profile)


@bp.post("/why/<string:token>")
@guarded_by("link")
def renew(token: str) -> str | tuple[str, int]:
    """Mail a new link to the settings, for one that has run out. Any other post changes nothing."""
    return page(token)


def _page(link: Link, sent: SentMessage, address: str, profile: Profile | None) -> str:
    language = parts().languages.speak(profile.locale if profile else "")
    settings = make_token(parts().link_secret, PREFERENCES, _of_address(sent, link.mark))
    teller = Teller(sent, reader(sent.user, profile, parts().word), language, parts().clock())
    return render_template(
        "public/why.html",
        language=language,
        address=masked(sent.address_id, address),
        sent=teller.when(sent.sent_at or sent.created_at),
        told=[_told(teller, part) for part in sent.parts],
        more=sent.more,
        settings=url_for("chosen.show", token=settings),
        stop=_stop(sent, settings),
        **said_in(language),
    )


def _of_address(sent: SentMessage, mark: bytes) -> Link:
    return Link(bytes.fromhex(sent.address_id.removeprefix("sub_")), mark)


def _stop(sent: SentMessage, settings: str) -> str:
    """Where mail like this is stopped, and a link leads back to the settings; empty where it cannot be."""
    kind = parts().catalogue.find(sent.parts[0].type)
    if not sent.cadence and (kind is None or kind.mandatory):
        return ""
    mark = digest_mark(sent.cadence) if sent.cadence else type_mark(sent.parts[0].type)
    token = make_token(parts().link_secret, UNSUBSCRIBE, _of_address(sent, mark))
    return url_for("public.unsubscribe_page", token=token, settings=settings)


def _purged() -> tuple[str, int]:
    language = browser_language()
    return render_template("public/why_purged.html", language=language, **said_in(language)), 410


def _told(teller: Teller, part: Part) -> Told:
    language, events = teller.language, part.told.events
    kind = parts().catalogue.find(part.type)
    if not events or kind is None:
        return _gone(teller, part, language.gettext("It was taken back since."))
    if part.blank:
        return _gone(teller, part, language.gettext("What it said is not kept any more."))
    words = worded(_item(teller.sent.user, part), teller.reader)
    waited = waited_for(part.rule)
    return Told(
        text=words.sentence,
        lang=words.lang,
        direction=words.language.direction,
        gone="",
        part=_part(language, teller.sent.user, events[-1], kind),
        often=_often(teller, part, kind),
        happened=teller.when(events[-1].occurred_at),
        waited=_waited(language, part, waited),
        since=teller.when(part.decided_at) if waited else "",
    )


def _gone(teller: Teller, part: Part, why: str) -> Told:
    """Of a thing that is not known any more, its kind and when the mail about it was decided on."""
    language = teller.language
    name = kind_name(language, part.type)
    return Told(name, language.lang, language.direction, why, "", "", "", "", teller.when(part.decided_at))


def _part(language: Language, user: str, event: Event, kind: Kind) -> str:
    thing = event.target if event.target and event.target.owner == user else event.object
    is_own = thing.owner == user
    return language.gettext(PARTS[part_of(user, event, kind)], thing=thing_name(language, thing.type, is_own=is_own))


def _often(teller: Teller, part: Part, kind: Kind) -> str:
    """What was chosen for such mail when this one was decided on."""
    language = teller.language
    if kind.mandatory:
        return language.gettext("Always on, because it concerns your account.")
    # What held the mail was decided on in the place of the choice that let it come.
    cadence = Cadence(part.value) if part.rule in CHOICES else teller.sent.cadence or Cadence.INSTANT
    text = CHOICES.get(part.rule, message("Mail about “%(kind)s” was set to: %(often)s."))
    return language.gettext(text, kind=kind_name(language, part.type), often=language.gettext(OFTEN[cadence]))


def _waited(language: Language, part: Part, waited: Waited | None) -> str:
    if waited is None:
        return ""
    text = language.gettext(WAITED[waited])
    return f"{text} ({part.value})" if waited == Waited.QUIET_HOURS else text


def _item(user: str, part: Part) -> FeedItem:
    """The thing as it is worded everywhere."""
    at = part.decided_at
    return FeedItem(
        id=part.notification,
        user=user,
        type=part.type,
        fold="",
        opened_at=at,
        feed_at=at,
        changed_at=at,
        seen_at=None,
        read_at=None,
        told=part.told,
    )
