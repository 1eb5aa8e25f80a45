"""What a digest tells, grouped by the things that it is about: the likes, comments and shares of a post together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from notifier.channels import Notice
from notifier.channels.email.filling import linked
from notifier.channels.wording import EXCERPT, Wording, name_of, shortened, titled
from notifier.languages import Language
from notifier.languages.text import tidy_block, tidy_line
from notifier.policy.events import Thing

WordsOf = Callable[[Notice], Wording]

SIDE = 128  # pixels of a picture beside a section, which is shown half as large: screens are fine
_TITLE, _SENTENCE, _EXCERPT = 100, 250, 140  # characters


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


def sections(items: Sequence[Notice], words_of: WordsOf, language: Language, *, most: int) -> list[Section]:
    """The items in sections, in the order of the first of each, with at most so many lines in all.

    `words_of` words an item; `language` is the mail's.
    """
    return [_section(group, words_of, language) for group in _first(by_thing(items), most)]


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
    is_alone = not item.group and bool(event.object.name or event.object.image or event.media)
    return event.object if is_alone or event.target is None else event.target


def _first(groups: Sequence[Sequence[Notice]], most: int) -> Iterator[Sequence[Notice]]:
    for group in groups:
        if not most:
            return
        yield group[:most]
        most -= len(group[:most])


def _section(group: Sequence[Notice], words_of: WordsOf, language: Language) -> Section:
    worded = [words_of(item) for item in group]
    if _thing(group[0]).id == group[0].person.id:
        face, name = linked(worded[0].avatar), name_of(group[0].events[-1].actor)
        lines = tuple(_line(words, words.sentence, words.excerpt) for words in worded)
        return Section("", "", face, shortened(name, _TITLE), face=True, lines=lines)
    things = [_thing(item) for item in group]
    title = _title(things, worded) if len(group) > 1 else ""
    url = _some(linked(thing.url) for thing in things) if title else ""
    pairs = zip(worded, things, strict=True)
    return Section(
        title=title,
        url=url,
        image=_some(linked(words.image.sized(SIDE, square=True).url) for words in worded),
        alt=_alt(worded, things, language),
        face=False,
        lines=tuple(_below(url, *pair) if title else _alone(*pair) for pair in pairs),
    )


def _alt(worded: Sequence[Wording], things: Sequence[Thing], language: Language) -> str:
    """What the picture shows, or else what the thing is called."""
    said = _some(words.image.alt for words in worded) or _some(thing.name for thing in things)
    return shortened(said, _TITLE) or language.gettext("Picture of what this is about")


def _title(things: Sequence[Thing], worded: Sequence[Wording]) -> str:
    """What the thing is called, or how it begins; nothing where a line says just that."""
    title = tidy_line(_some(thing.name for thing in things) or _some(thing.content for thing in things))
    is_said = any(words.sentence == title for words in worded)
    return "" if is_said else shortened(title, _TITLE)


def _below(url: str, words: Wording, thing: Thing) -> Line:
    """A line that stands below the thing's title and link, which it need not repeat."""
    end = tidy_line(titled(words.language, thing))
    is_title = not thing.name and words.excerpt == shortened(tidy_block(thing.content), EXCERPT)
    excerpt = "" if is_title else words.excerpt
    line = _line(words, words.sentence.removesuffix(end).rstrip() or words.sentence, excerpt)
    return replace(line, url="") if line.url == url else line


def _alone(words: Wording, thing: Thing) -> Line:
    """A line by itself. Of a thing without a name it says how that begins, so that one knows which is meant."""
    return _line(words, words.sentence, words.excerpt or ("" if thing.name else thing.content))


def _line(words: Wording, sentence: str, excerpt: str) -> Line:
    return Line(
        tidy_line(shortened(sentence, _SENTENCE)),
        tidy_line(shortened(" ".join(excerpt.split()), _EXCERPT)),
        linked(words.url),
        words.language,
    )


def _some(texts: Iterable[str]) -> str:
    """The first that says anything."""
    return next(filter(None, texts), "")
