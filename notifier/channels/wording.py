"""The words of a notice, the same on every channel: one template per type, read block by block.

What tells of several things has a template as well: `summary.jinja`, and `digest.jinja`.

A template is `<type>.jinja` (`comment.created` → `comment.jinja`; without one: `fallback.jinja`), in the operator's
folder or here in `templates/`. Its blocks are `sentence` (one line that stands alone), `subject` (of a mail; the same
for all mails of one thread), `excerpt` (the content that the event is about, may be empty), `action` (what the button
says), `url` (where it leads; without one, to the object) and `avatar` (without one, the actor's). It is plain text:
whoever puts it into HTML escapes it there. What is to be translated stands in `{% trans %}`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError
from jinja2.exceptions import TemplateNotFound

from notifier.channels import Notice, TemplateFault
from notifier.channels.illustration import Illustration
from notifier.languages import Language, Languages, Spoken, tidy_block, tidy_line
from notifier.languages.people import people
from notifier.languages.reading import text_of
from notifier.languages.templates import messages_in, said_in, speaking
from notifier.languages.text import isolated
from notifier.languages.things import kind_name, thing_name
from notifier.policy.events import Actor, Event, Thing

TEMPLATES = Path(__file__).parent / "templates"
FALLBACK, SUMMARY, DIGEST = "fallback", "summary", "digest"
FIRST = 3  # of a summary or digest are said in its own words
EXCERPT = 600  # characters; a message is an invitation to look, not the post
TOP = 90  # characters of one thing in a digest's subject and on a screen, so that what follows is seen as well


@dataclass(frozen=True, slots=True)
class Wording:
    """Plain text in one language, ready to be put into any channel's shape."""

    sentence: str
    subject: str
    excerpt: str
    action: str
    url: str
    image: Illustration
    avatar: str
    language: Language
    first: tuple["Wording", ...] = ()  # of a summary or digest: the words of its first items

    @property
    def lang(self) -> str:
        """The language that the words are really in, as a `lang` attribute names it."""
        return self.language.lang


@dataclass(frozen=True, slots=True)
class Words:
    """A type's template, and what its messages are called in the catalogues."""

    template: Template
    messages: tuple[str, ...]


class Writer:
    """Words notices: each in the language of the one who is told, or in English where that language lacks a message.

    Templates in `folder` come before the built-in ones. Below `media_url` are the pictures that we made; without it
    those that events name are shown alone. Safe to use from many threads.
    """

    def __init__(self, languages: Languages, folder: Path | None = None, media_url: str = "") -> None:
        self.languages = languages
        self._media_url = media_url
        self._loader = FileSystemLoader([TEMPLATES] if folder is None else [folder, TEMPLATES])
        self._words: dict[str, Words] = {}

    def word(self, notice: Notice) -> Wording:
        """Word the notice; its address is not looked at. Raises `TemplateFault` where the template fails."""
        words = self._words_of(_template_of(notice))
        language = self._language(notice, words)
        first = tuple(self.word(item) for item in notice.items[:FIRST])
        try:
            blocks = _blocks(words.template, self.context(notice, language, first))
        except TemplateError as error:
            raise TemplateFault(f"{words.template.name}: {error}") from error
        event = _shown(notice)
        sentence = tidy_line(blocks["sentence"])
        return Wording(
            sentence=sentence,
            subject=tidy_line(blocks.get("subject", "")) or sentence,
            excerpt=shortened(tidy_block(blocks.get("excerpt", "")), EXCERPT),
            action=tidy_line(blocks.get("action", "")) or language.gettext("Open"),
            url=tidy_line(blocks.get("url", "")) or _url(event),
            image=self._image(notice, first),
            avatar=tidy_line(blocks["avatar"]) if "avatar" in blocks else event.actor.avatar,
            language=language,
            first=first,
        )

    def load(self) -> None:
        """Compile every template now, so that no first message waits for its own. Languages are read when spoken."""
        for name in self.environment.list_templates(["jinja"]):
            self._words_of(name.removesuffix(".jinja"))

    def lacks(self, type_: str, locale: str) -> list[str]:
        """The messages of a type's template that the language lacks, so that English is spoken instead.

        Raises `TemplateFault`.
        """
        keys = self.languages.speak(locale).lacking(self._words_of(type_).messages)
        return [text_of(key) for key in keys]

    def source(self, type_: str) -> Path:
        """The file of a type's template. Raises `TemplateFault`."""
        return Path(str(self._words_of(type_).template.filename))

    @cached_property
    def environment(self) -> Environment:
        """Where the templates are found and compiled."""
        # Plain text on purpose: these words also go where HTML entities would show.
        return speaking(
            Environment(
                loader=self._loader,
                undefined=StrictUndefined,
                autoescape=False,  # noqa: S701 (escaped where they meet HTML)
            )
        )

    def _image(self, notice: Notice, first: Sequence[Wording]) -> Illustration:
        """The picture of what it is about: a digest shows that of the first thing, a summary none."""
        if first:
            return first[0].image if notice.digest else Illustration()
        event = notice.events[-1]
        url = (event.target.image if event.target else "") or event.object.image
        return Illustration(url, notice.pictures.get(event.id), self._media_url)

    def _words_of(self, type_: str) -> Words:
        if type_ not in self._words:
            self._words[type_] = self._read(type_)
        return self._words[type_]

    def _read(self, type_: str) -> Words:
        name = f"{type_.removesuffix('.created')}.jinja"
        try:
            template = self.environment.get_template(name)
        except TemplateNotFound:
            template = self.environment.get_template(f"{FALLBACK}.jinja")
        except TemplateError as error:
            raise TemplateFault(f"{name}: {error}") from error
        source, _, _ = self._loader.get_source(self.environment, str(template.name))
        return Words(template, messages_in(self.environment, source))

    def _language(self, notice: Notice, words: Words) -> Language:
        """One language for the whole message, that has all its words; what it lacks is counted."""
        language = self.languages.speak(notice.person.locale)
        self.languages.note_absence(language)
        lacking = language.lacking(words.messages)
        for key in lacking:
            self.languages.missing.add(language.tag, text_of(key))
        return self.languages.english if lacking else language

    def context(self, notice: Notice, language: Language, first: Sequence[Wording] = ()) -> dict[str, object]:
        """What a template is given; `first` are the words of the first items of a summary or digest."""
        event, person = _shown(notice), notice.person
        return {
            **self.environment.globals,
            **said_in(language),
            "event": event,
            "who": who(notice, language),
            "actor": name_of(event.actor),
            "count": len(notice.items) or len(_actors(notice.events)) + notice.earlier_actors,
            "mine": event.object.owner == person.id,
            "person": person,
            "preferences_url": notice.preferences_url,
            "kind": partial(kind_name, language, notice.type),
            "called": partial(_called, language, person.id),
            "titled": partial(titled, language),
            "sentences": [_said(one, language, TOP if notice.digest else None) for one in first],
            "first": first[0] if first else None,
        }


def who(notice: Notice, language: Language) -> Spoken:
    """The actors by name, each once, the latest first: "Ana", "Ana and Ben", "Ana, Ben and 11 others"."""
    return people(language, [name_of(actor) for actor in _actors(notice.events)], notice.earlier_actors)


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


def _template_of(notice: Notice) -> str:
    if notice.digest:
        return DIGEST
    return SUMMARY if notice.items else notice.type


def _said(one: Wording, language: Language, limit: int | None) -> Spoken:
    """The sentence of an item as a part of what the language says; the item may be in English all the same."""
    sentence = tidy_line(shortened(one.sentence, limit)) if limit else one.sentence
    is_alike = one.language.direction == language.direction
    return Spoken(sentence if is_alike else isolated(sentence, language.direction))


def _blocks(template: Template, context: dict[str, object]) -> dict[str, str]:
    # Shared: it has Jinja's own globals already, and merging them anew takes longer than the words.
    ready = template.new_context(context, shared=True)
    return {name: "".join(block(ready)) for name, block in template.blocks.items()}


def _called(language: Language, person: str, thing: Thing) -> Spoken:
    return thing_name(language, thing.type, is_own=thing.owner == person)


def titled(language: Language, thing: Thing | None) -> str:
    """How a sentence ends that tells of a thing with a name: ": Sunset"."""
    return language.gettext(": %(title)s", title=thing.name) if thing and thing.name else ""


def _shown(notice: Notice) -> Event:
    """The event whose picture and link are shown: the newest."""
    return (notice.items[0] if notice.items else notice).events[-1]


def _actors(events: tuple[Event, ...]) -> list[Actor]:
    return list({event.actor.id: event.actor for event in reversed(events)}.values())


def _url(event: Event) -> str:
    return event.object.url or (event.target.url if event.target else "") or event.actor.url


BUILT_IN = Writer(Languages())
