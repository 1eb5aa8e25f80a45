"""Announcements: what somebody who runs the service tells everyone, someone's followers, or certain people."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from notifier.policy.events import one_line
from notifier.policy.fields import CONTENT, ID, NAME, URL, id_fault, is_web_address

TYPE, TAKEN_BACK = "announcement.created", "announcement.deleted"
NOBODY = "notifier"  # who announces where no person is named
MOST_NAMED = 1_000
AUDIENCES = ("everyone", "followers_of", "to")
FIELDS = ("title", "content", "url", "image", "actor", "from_name", *AUDIENCES)

Fault = tuple[str, str]  # a JSON pointer, and what would be right


class WrongAnnouncement(ValueError):
    """Arguments that make no announcement: `faults` are JSON pointers into them, each with what would be right."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{pointer}: {detail}" for pointer, detail in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is announced, and to whom: `everyone`, the followers of somebody, or those named in `to`.

    `actor` is the id of the one who says it, who never hears of it, and `from_name` what they are called.
    """

    title: str
    content: str = ""
    url: str = ""
    image: str = ""
    actor: str = NOBODY
    from_name: str = ""
    everyone: bool = False
    followers_of: str = ""
    to: tuple[str, ...] = ()


def read_announcement(arguments: Mapping[str, Any]) -> Announcement:
    """The announcement that these arguments say; null is the same as left out.

    Raises `WrongAnnouncement`, which names everything that is wrong.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    faults = [*_unknown(given), *_missing(given)]
    faults += [fault for name, check in _CHECKS.items() if name in given for fault in check(f"/{name}", given[name])]
    if faults:
        raise WrongAnnouncement(tuple(faults))
    return Announcement(
        title=one_line(given["title"]),
        content=given.get("content", ""),
        url=given.get("url", ""),
        image=given.get("image", ""),
        actor=given.get("actor", NOBODY),
        from_name=one_line(given.get("from_name")),
        everyone=given.get("everyone", False),
        followers_of=given.get("followers_of", ""),
        to=tuple(given.get("to", ())),
    )


def arguments_of(announcement: Announcement) -> dict[str, Any]:
    """The arguments that say this announcement; what is empty is left out."""
    found = {name: getattr(announcement, name) for name in FIELDS}
    found["to"] = list(announcement.to)
    return {name: value for name, value in found.items() if value}


def data_of(announcement: Announcement, thing: str) -> dict[str, Any]:
    """The `data` of the event that announces it; `thing` is the id of what is announced.

    That it is for everyone does not stand there: whatever stands in `data`, an app could have sent.
    """
    who = {"id": announcement.actor, "name": announcement.from_name}
    said = {"name": announcement.title, "content": announcement.content}
    links = {"url": announcement.url, "image": announcement.image}
    named = {"followers_of": announcement.followers_of, "to": list(announcement.to)}
    return {
        "actor": _filled(who),
        "object": _filled({"id": thing, "type": "announcement"} | said | links),
        **_filled(named),
    }


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _unknown(given: Mapping[str, Any]) -> list[Fault]:
    known = ", ".join(FIELDS)
    return [
        (f"/{str(name).replace('~', '~0').replace('/', '~1')}", f"This is not known; we know {known}.")
        for name in given
        if name not in FIELDS
    ]


def _missing(given: Mapping[str, Any]) -> Iterator[Fault]:
    if "title" not in given:
        yield "/title", "An announcement needs a title."
    audiences = [name for name in AUDIENCES if name in given and given[name] is not False]
    if not audiences:
        yield "/everyone", "Say who hears of it: give everyone (true), followers_of (an id) or to (a list of ids)."
    for name in audiences[1:]:
        yield f"/{name}", f"Give either this or {audiences[0]}, not both."


def _is_text(value: object, most: int) -> TypeGuard[str]:
    # Half a surrogate pair can stand in JSON, and in no message.
    return isinstance(value, str) and len(value) <= most and not any("\ud800" <= mark <= "\udfff" for mark in value)


def _line(pointer: str, value: object) -> Iterator[Fault]:
    if not _is_text(value, NAME):
        yield pointer, f"This must be a text of at most {NAME} characters."


def _title(pointer: str, value: object) -> Iterator[Fault]:
    if not _is_text(value, NAME) or not one_line(value):
        yield pointer, f"This must be a text of 1 to {NAME} characters."


def _content(pointer: str, value: object) -> Iterator[Fault]:
    if not _is_text(value, CONTENT):
        yield pointer, f"This must be a text of at most {CONTENT:,} characters."


def _url(pointer: str, value: object) -> Iterator[Fault]:
    if not _is_text(value, URL) or (value and not is_web_address(value)):
        yield pointer, f"This must be an http or https address of at most {URL:,} characters."


def _id(pointer: str, value: object) -> Iterator[Fault]:
    if not isinstance(value, str):
        yield pointer, f"This must be an id, a text of 1 to {ID} characters."
    elif fault := id_fault(value):
        yield pointer, f"This {fault}."


def _flag(pointer: str, value: object) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield pointer, "This must be true or false."


def _ids(pointer: str, value: object) -> Iterator[Fault]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_NAMED:
        yield pointer, f"This must be a list of 1 to {MOST_NAMED:,} ids."
        return
    for place, one in enumerate(value):
        yield from _id(f"{pointer}/{place}", one)


_CHECKS: Mapping[str, Callable[[str, object], Iterator[Fault]]] = {
    "title": _title,
    "content": _content,
    "url": _url,
    "image": _url,
    "actor": _id,
    "from_name": _line,
    "everyone": _flag,
    "followers_of": _id,
    "to": _ids,
}
