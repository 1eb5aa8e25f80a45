"""What a scene prints: who got which words, who did not and why; equal lines are summed up."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from notifier.channels.wording import shortened
from notifier.cli.demo.arrived import Arrived
from notifier.cli.demo.people import Person
from notifier.policy.words import State

WIDTH = 100
MOST = 5  # different messages, or items of a feed, that are shown
_WHO, _WHERE, _WHAT = 9, 12, 14
_LEFT = 2 + _WHO + _WHERE + _WHAT
NEAR = timedelta(minutes=10)
SENT_TOO_EARLY = "It was sent before it was taken back; the record says both."
STAYS, SHOWS, EMPTY = "stays sent", "shows", "empty"
_COLOURS = {State.SENT: "green", SHOWS: "green", State.WAITING: "yellow", State.FAILED: "red"}


@dataclass(frozen=True, slots=True)
class Decided:
    """One delivery as the service explains it for one event; it may have been sent before that was taken back."""

    user: str
    channel: str
    delivery: str
    state: State
    sentence: str
    rule: str
    value: str
    due_at: datetime | None
    sent_too_early: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One printed row: on which channels, how many, in which state, and the words below each other."""

    channels: tuple[str, ...]
    count: int
    what: str
    words: tuple[str, ...]


def decided_in(explained: Iterable[Mapping[str, Any]]) -> Iterator[Decided]:
    """The lines of explanations, those of the feed left out: it is read itself."""
    for one in explained:
        for line in one["lines"]:
            if line["delivery"] and line["channel"] != "feed":
                yield _decided(line, undone=one["event"]["undone_by"] is not None)


def fresh(decided: Iterable[Decided], told_before: Collection[Decided]) -> list[Decided]:
    """What is not known yet of what stands in the log; what was sent only where it was taken back since."""
    seen = set(told_before)
    found = [one for one in decided if one.state != State.SENT or one.sent_too_early]
    return list(dict.fromkeys(one for one in found if one not in seen))


def told(person: Person, arrived: Sequence[Arrived], decided: Iterable[Decided], now: datetime) -> list[Row]:
    """The rows of one person: first what came, then what did not and why."""
    rows = list(_came(arrived))
    for (what, *words), same in _by_reason(decided).items():
        channels: dict[str, set[str]] = {}
        for one in same:
            channels.setdefault(one.channel, set()).add(one.delivery)
        first_due = min((one.due_at for one in same if one.due_at), default=None)
        because = [f"{line}{_due(first_due, person, now)}" for line in words[1:]]
        counts = {channel: len(deliveries) for channel, deliveries in channels.items()}
        rows += _alike(what, (words[0], *because), counts)
    return rows


def feed_rows(items: Sequence[str]) -> list[Row]:
    """The rows of what stands in a feed."""
    if not items:
        return [Row(("feed",), 0, EMPTY, ())]
    counts = Counter(items)
    words = [f"{item} ({count} times)" if count > 1 else item for item, count in counts.items()]
    more = [f"and {len(words) - MOST} more"] if len(words) > MOST else []
    return [Row(("feed",), 0, SHOWS, (*words[:MOST], *more))]


def printed(rows: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """The lines of all people's rows, by name; people with the same rows share them."""
    shared: dict[tuple[Row, ...], list[str]] = {}
    for name, own in rows.items():
        if own:
            shared.setdefault(tuple(own), []).append(name)
    for own, names in shared.items():
        who = ", ".join(names)
        for row in own:
            yield from _lines(who, row)
            who = ""


def headline(name: str, title: str) -> str:
    """The line above a scene."""
    begin = f"── {name} ── {title} "
    return "\n" + click.style(begin + "─" * (WIDTH - len(begin)), bold=True)


def caption(text: str) -> str:
    """What happened, above what became of it."""
    return f"\n{click.wrap_text(text, WIDTH)}"


def books_line(books: Mapping[str, Any]) -> str:
    """How the books of the whole service stand."""
    columns = ("accepted", "delivered", "skipped", "failed", "cancelled", "waiting")
    sums = [sum(channel[column] for channel in books["channels"].values()) for column in columns]
    accepted, *rest = (f"{count:,} {column}" for count, column in zip(sums, columns, strict=True))
    verdict = "balanced" if books["balanced"] else f"NOT BALANCED, {books['unaccounted']:,} unaccounted"
    verdict = click.style(verdict, fg="green" if books["balanced"] else "red")
    return f"\n  books: {verdict}   {accepted} = {' + '.join(rest)}"


def _decided(line: Mapping[str, Any], *, undone: bool) -> Decided:
    state = State(line["state"])
    return Decided(
        line["user"],
        line["channel"],
        line["delivery"],
        state,
        line["sentence"],
        line["rule"],
        line["value"],
        datetime.fromisoformat(line["due_at"]) if line["due_at"] else None,
        sent_too_early=undone and state == State.SENT,
    )


def _came(arrived: Iterable[Arrived]) -> Iterator[Row]:
    """What came, the same words only once; of very many the first."""
    counts: dict[tuple[str, ...], Counter[str]] = {}
    for one in arrived:
        counts.setdefault((one.text, *(f"· {line}" for line in one.below)), Counter())[one.channel] += 1
    for words, channels in list(counts.items())[:MOST]:
        yield from _alike(State.SENT, words, channels)
    rest = sum(list(counts.values())[MOST:], Counter[str]())
    yield from _alike(State.SENT, ("more like these",), rest)


def _alike(what: str, words: tuple[str, ...], counts: Mapping[str, int]) -> list[Row]:
    """One row for all channels that say the same as often."""
    by_count: dict[int, list[str]] = {}
    for channel, count in counts.items():
        by_count.setdefault(count, []).append(channel)
    return [Row(tuple(channels), count, what, words) for count, channels in by_count.items()]


def _by_reason(decided: Iterable[Decided]) -> dict[tuple[str, ...], list[Decided]]:
    """What was decided by state, sentence, and rule with value."""
    found: dict[tuple[str, ...], list[Decided]] = {}
    for one in decided:
        because = f"{one.rule}: {one.value}" if one.value else one.rule
        key = (STAYS, SENT_TOO_EARLY) if one.state == State.SENT else (one.state, one.sentence, because)
        found.setdefault(key, []).append(one)
    return found


def _due(due_at: datetime | None, person: Person, now: datetime) -> str:
    if due_at is None:
        return ""
    if due_at - now < NEAR:
        return f", due in {round((due_at - now) / timedelta(minutes=1))} min"
    return f", due {due_at.astimezone(ZoneInfo(person.timezone)):%a %H:%M}"


def _lines(who: str, row: Row) -> Iterator[str]:
    count = f"{row.count} " if row.count else ""
    name, where = click.style(f"{who:{_WHO}}", bold=True), " ".join(row.channels)
    first, *rest = (shortened(words, WIDTH - _LEFT) for words in row.words or ("",))
    what = count + row.what
    state = click.style(f"{what:{_WHAT}}" if first else what, fg=_COLOURS.get(row.what, "cyan"))
    yield f"  {name}{where:{_WHERE}}{state}{first}"
    for words in rest:
        yield " " * _LEFT + click.style(words, dim=True)
