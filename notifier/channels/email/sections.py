"""What a digest tells, grouped by the things that it is about: the likes, comments and shares of a post together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from notifier.channels import Notice
from notifier.channels.email.filling import linked
from notifier.channels.wording import Wording, Writer, name_of, shortened, titled
from notifier.languages import Language
from notifier.languages.text import tidy_line
from notifier.policy.events import Thing

_TITLE, _SENTENCE, _EXCERPT = 120, 300, 140  # characters


@dataclass(frozen=True, slots=True)
class Line:
    """One thing told, in the language that it is said in."""

    sentence: str
    excerpt: str
    url: str
    language: Language


@dataclass(frozen=True, slots=True)
class Section:
    """What is told of one thing. `title` is empty where its one line says all; a `face` is shown round."""

    title: str
    url: str
    image: str
    alt: str
    face: bool
    lines: tuple[Line, ...]


def sections(items: Sequence[Notice], writer: Writer, language: Language, *, most: int) -> list[Section]:
    """The items in sections, in the order of the first of each, with at most so many lines in all."""
    return [_section(group, writer, language) for group in _first(by_thing(items), most)]


def by_thing(items: Sequence[Notice]) -> list[list[Notice]]:
    """The items in groups, each about one thing; groups and items in the order given."""
    groups: dict[tuple[str, str, str], list[Notice]] = {}
    for item in items:
        groups.setdefault(_key(item), []).append(item)
    return list(groups.values())


def _key(item: Notice) -> tuple[str, str, str]:
    """What it is about, by its id in the app; what concerns the person themself stands by its type."""
    thing = _thing(item)
    about = item.type if thing.id == item.person.id else ""
    return item.events[-1].app, thing.id, about


def _thing(item: Notice) -> Thing:
    """What it is about. A comment is about the post; a post in an album has a name or picture and is about itself."""
    event = item.events[-1]
    is_alone = not item.group and bool(event.object.name or event.object.image)
    return event.object if is_alone or event.target is None else event.target


def _first(groups: Sequence[Sequence[Notice]], most: int) -> Iterator[Sequence[Notice]]:
    for group in groups:
        if not most:
            return
        yield group[:most]
        most -= len(group[:most])


def _section(group: Sequence[Notice], writer: Writer, language: Language) -> Section:
    worded = [writer.word(item) for item in group]
    if _thing(group[0]).id == group[0].person.id:
        face, name = linked(worded[0].avatar), name_of(group[0].events[-1].actor)
        return Section("", "", face, shortened(name, _TITLE), face=True, lines=tuple(map(_line, worded)))
    things = [_thing(item) for item in group]
    title = _title(things, worded) if len(group) > 1 else ""
    url = _some(linked(thing.url) for thing in things) if title else ""
    lines = [_line(words, _content(thing)) for words, thing in zip(worded, things, strict=True)]
    if title:
        lines = [_below(line, thing, url) for line, thing in zip(lines, things, strict=True)]
    return Section(
        title=title,
        url=url,
        image=_some(linked(words.image) for words in worded),
        alt=shortened(_some(thing.name for thing in things), _TITLE) or _no_name(language),
        face=False,
        lines=tuple(lines),
    )


def _title(things: Sequence[Thing], worded: Sequence[Wording]) -> str:
    """What the thing is called, or how it begins; nothing where a line says just that."""
    title = _some(thing.name for thing in things) or _some(thing.content.strip() for thing in things)
    is_said = any(words.sentence == title for words in worded)
    return "" if is_said else shortened(tidy_line(title), _TITLE)


def _line(words: Wording, content: str = "") -> Line:
    """A line as it stands alone; `content` is what it is about, said where it has no other words of people."""
    sentence = tidy_line(shortened(words.sentence, _SENTENCE))
    excerpt = shortened(" ".join((words.excerpt or content).split()), _EXCERPT)
    return Line(sentence, excerpt, linked(words.url), words.language)


def _content(thing: Thing) -> str:
    """The beginning of a thing without a name, by which one knows it."""
    return "" if thing.name else thing.content


def _below(line: Line, thing: Thing, url: str) -> Line:
    """The line as it stands below the thing's title and link, which it need not repeat."""
    end = tidy_line(titled(line.language, thing))
    sentence = line.sentence.removesuffix(end).rstrip() if end else line.sentence
    excerpt = "" if line.excerpt and thing.content.startswith(line.excerpt.rstrip("…")) else line.excerpt
    return replace(line, sentence=sentence or line.sentence, excerpt=excerpt, url="" if line.url == url else line.url)


def _no_name(language: Language) -> str:
    return language.gettext("Picture of what this is about")


def _some(texts: Iterable[str]) -> str:
    """The first that says anything."""
    return next(filter(None, texts), "")
