"""What holds for every page that the link of a mail opens: nobody keeps it, and a link that ended says what to do."""

from datetime import timedelta

from flask import Blueprint, Response, render_template, request

from notifier.channels import Address
from notifier.languages import Language
from notifier.languages.templates import said_in
from notifier.policy.links import LASTS, Link, end_of, read_token
from notifier.store.people import People, Profile
from notifier.web.parts import parts

CHANNEL = "email"  # the only one whose messages carry these links
RENEW = "renew"


def link_pages(name: str, import_name: str) -> Blueprint:
    """A blueprint of such pages."""
    bp = Blueprint(name, import_name)
    bp.after_request(_kept_nowhere)
    return bp


def _kept_nowhere(response: Response) -> Response:
    """A page for one person: no cache keeps it, and no search engine."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def read_link(purpose: str, token: str) -> Link | None:
    """The link of a token of ours for this purpose, also of one that has run out; or None."""
    return read_token(parts().link_secret, purpose, token)


def has_run_out(link: Link) -> bool:
    """Whether the link is good no more."""
    end = end_of(link)
    return end is not None and end <= parts().clock()


def owner_of(address_id: str) -> tuple[str, str, Profile | None] | None:
    """The person whose address it is, the address itself and their profile; None where nobody has it any more."""
    with parts().database.read() as connection:
        people = People(connection)
        owner = people.owner(address_id)
        return (*owner, people.profile(owner[0])) if owner else None


def address_of(link: Link) -> str:
    """The id of the address that the link speaks of."""
    return f"sub_{link.id.hex()}"


def masked(address_id: str, value: str) -> str:
    """The address as the page may show it to whoever holds its link."""
    return parts().masked(CHANNEL, Address(address_id, value))


def browser_language() -> Language:
    """The one of ours that the browser likes best: where nobody is known, it says what its owner reads."""
    languages = parts().languages
    asked = request.accept_languages.best_match([tag.replace("_", "-") for tag in languages.tags], "en")
    return languages.speak(asked)


def unknown_link() -> tuple[str, int]:
    """The page of a link that is not ours, in the language of the browser."""
    return _page("public/link_unknown.html"), 404


def old_link(address_id: str) -> tuple[str, int]:
    """The page of a link that has run out: a post from it mails a new one.

    In the language of the browser, and without a look at who has the address: the answer is the same for everybody.
    """
    if request.form.get("act") != RENEW:
        return _page("public/link_old.html", asked=False, days=LASTS // timedelta(days=1)), 410
    return link_mailed(address_id), 200


def link_mailed(address_id: str) -> str:
    """Mail a new link to the settings to whoever has the address, and say so; nobody learns whether anybody has it."""
    if address_id:
        parts().new_links.mail(address_id)
    return _page("public/link_old.html", asked=True)


def _page(template: str, **shown: object) -> str:
    language = browser_language()
    return render_template(template, language=language, **shown, **said_in(language))
