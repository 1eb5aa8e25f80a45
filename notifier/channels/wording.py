"""The words of a notice, the same on every channel: one template per type, read block by block.

A template is `templates/<type>.jinja` (`comment.created` → `comment.jinja`; without one: `fallback.jinja`) with
the blocks `sentence` (one line that stands alone), `subject` (of a mail; the same for all mails of one thread),
`excerpt` (the content that the event is about, may be empty), `action` (what the button says) and `url` (where it
leads; without one, to the object). It is plain text: whoever puts it into HTML escapes it there.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError
from jinja2.exceptions import TemplateNotFound

from notifier.channels import Notice, TemplateFault
from notifier.policy.events import Actor, Event, one_line, text_block

TEMPLATES = Path(__file__).parent / "templates"
EXCERPT = 600  # characters; a message is an invitation to look, not the post


@dataclass(frozen=True, slots=True)
class Wording:
    """Plain text in the person's language, ready to be put into any channel's shape."""

    sentence: str
    subject: str
    excerpt: str
    action: str
    url: str
    image: str
    avatar: str
    lang: str


def word(notice: Notice) -> Wording:
    """Word the notice. Raises `TemplateFault` where the template fails."""
    event = notice.events[-1]
    context = {
        "event": event,
        "who": who(notice),
        "actor": name_of(event.actor),
        "count": len(_actors(notice.events)) + notice.earlier_actors,
        "thing": event.object.type or "post",
        # Others than the owner hear of it too, named in `to`.
        "whose": "your" if event.object.owner == notice.person.id else "a",
        "person": notice.person,
    }
    try:
        template = _template(notice.type)
        ready = template.new_context(context)
        blocks = {name: "".join(block(ready)) for name, block in template.blocks.items()}
    except TemplateError as error:
        raise TemplateFault(f"{notice.type}: {error}") from error
    sentence = one_line(blocks["sentence"])
    return Wording(
        sentence=sentence,
        subject=one_line(blocks.get("subject")) or sentence,
        excerpt=shortened(text_block(blocks.get("excerpt")), EXCERPT),
        action=one_line(blocks.get("action")) or "Open",
        url=one_line(blocks.get("url")) or _url(event),
        image=(event.target.image if event.target else "") or event.object.image,
        avatar=event.actor.avatar,
        lang=notice.person.locale,
    )


def who(notice: Notice) -> str:
    """The actors by name, each once, the latest first: "Ana", "Ana and Ben", "Ana, Ben and 11 others"."""
    names = [name_of(actor) for actor in _actors(notice.events)]
    others = max(len(names) - 2, 0) + notice.earlier_actors
    if not others:
        return " and ".join(names)
    return f"{', '.join(names[:2])} and {others} other{'s' if others > 1 else ''}"


def name_of(actor: Actor) -> str:
    """What to call the one who acted."""
    return actor.name or actor.id


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, cut at a space where there is one near, with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ", limit // 2)
    return (cut[:space] if space > 0 else cut).rstrip() + "…"


def _actors(events: tuple[Event, ...]) -> list[Actor]:
    return list({event.actor.id: event.actor for event in reversed(events)}.values())


def _url(event: Event) -> str:
    return event.object.url or (event.target.url if event.target else "") or event.actor.url


def load() -> None:
    """Compile every template now, so that no first message waits for its own."""
    for name in _environment().list_templates():
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    # Plain text on purpose: these words also go where HTML entities would show.
    return Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=False)  # noqa: S701 (escaped where they meet HTML)


@cache
def _template(type_: str) -> Template:
    try:
        return _environment().get_template(f"{type_.removesuffix('.created')}.jinja")
    except TemplateNotFound:
        return _environment().get_template("fallback.jinja")
