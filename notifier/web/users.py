"""People: their profile, one by one and many at once, their erasure, and all that is held about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g
from sqlalchemy import Connection

from notifier.channels import BadAddress
from notifier.pipeline.erase import Eraser
from notifier.policy.choices import Author, Wishes
from notifier.store.choices import Choices
from notifier.store.export import export_text
from notifier.store.people import People, Profile
from notifier.web.access import needs, takes
from notifier.web.bodies import MOST_IN_BATCH, BatchUserBody, PeopleBody, UserBody
from notifier.web.parts import parts
from notifier.web.preferences import author_of_request, wishes_of
from notifier.web.problems import Fault, Problem, as_json, invalid, not_found
from notifier.web.reading import checked_value, read
from notifier.web.shapes import moment

bp = Blueprint("users", __name__, url_prefix="/v1")

MOST_OCTETS = 4 * 1024 * 1024  # of a batch
CHUNK = 100  # people in one transaction
FAULTS = 10  # named of one item; an answer must not be many times larger than what it answers


@dataclass(frozen=True, slots=True)
class Wanted:
    """A person as asked for, checked: `changes` of the profile, the mailbox ("" for none, None as it is), choices."""

    id: str
    changes: Mapping[str, str]
    mailbox: str | None
    wishes: Wishes | None = None


@bp.put("/users/<user:user_id>")
@needs("people")
@takes(UserBody)
def save(user_id: str) -> dict[str, Any]:
    """Make a person, or change what is given."""
    body = read(UserBody)
    if body.id not in (None, user_id):
        raise invalid([Fault("/id", "invalid", "This must be the id of the address, or be left out.")])
    wanted = _wanted(user_id, body)
    author = author_of_request()
    with parts().database.write() as connection:
        _save_all(connection, [wanted], author)
        profile = People(connection).profile(user_id)
    return _user(_known(profile, user_id))


@bp.put("/users/batch")
@needs("people")
@takes(PeopleBody)
def save_many() -> dict[str, Any]:
    """Make or change up to 1,000 people. One result for each, in order; one that is wrong does not stop the others."""
    results: list[dict[str, Any]] = []
    wanted: list[Wanted] = []
    items = read(PeopleBody, MOST_OCTETS).users
    if len(items) > MOST_IN_BATCH:
        raise Problem(413, "too-large", f"A batch holds at most {MOST_IN_BATCH} people.")
    for index, item in enumerate(items):
        try:
            one = _checked(item)
        except Problem as problem:
            results.append({"index": index, "problem": as_json(problem)})
        else:
            wanted.append(one)
            results.append({"index": index, "id": one.id})
    author = author_of_request()
    for chunk in _chunks(wanted):
        parts().database.transact(lambda tx, chunk=chunk: _save_all(tx, chunk, author))  # type: ignore[misc]
    return {"results": results}


@bp.get("/users/<user:user_id>")
@needs("people")
def show(user_id: str) -> dict[str, Any]:
    """A person's profile."""
    with parts().database.read() as connection:
        return _user(_known(People(connection).profile(user_id), user_id))


@bp.delete("/users/<user:user_id>")
@needs("people")
def erase(user_id: str) -> Response:
    """Erase a person, everywhere. Broken off, it goes on where it stopped when it is asked for again."""
    Eraser(parts().database, parts().catalogue, parts().clock).erase(user_id, who=g.app_id)
    return Response(status=204)


@bp.get("/users/<user:user_id>/export")
@needs("people")
def export(user_id: str) -> Response:
    """Everything that is held about a person. That it was asked for stands in the audit."""
    text = export_text(parts().database, user_id, who=g.app_id, now=parts().clock())
    return Response(text, content_type="application/json")


def _checked(item: Any) -> Wanted:
    """One person of a batch. Raises `Problem`, with pointers into the item."""
    body = checked_value(BatchUserBody, item, FAULTS)
    return _wanted(body.id, body, wishes_of(body.preferences, "/preferences") if body.preferences else None)


def _wanted(user: str, body: UserBody, wishes: Wishes | None = None) -> Wanted:
    changes = body.model_dump(include={"name", "locale", "timezone"}, exclude_none=True)
    removed = "" if "email" in body.model_fields_set else None
    return Wanted(user, changes, _mailbox(body.email) if body.email else removed, wishes)


def _chunks(wanted: list[Wanted]) -> Iterator[list[Wanted]]:
    """As many people as one transaction takes; whoever stands in the batch twice is changed twice, in that order."""
    chunk: dict[str, Wanted] = {}
    for one in wanted:
        if one.id in chunk or len(chunk) == CHUNK:
            yield list(chunk.values())
            chunk = {}
        chunk[one.id] = one
    if chunk:
        yield list(chunk.values())


def _save_all(connection: Connection, wanted: list[Wanted], author: Author) -> None:
    people, now = People(connection), parts().clock()
    people.save_all({one.id: one.changes for one in wanted}, now)
    people.set_mailboxes({one.id: one.mailbox for one in wanted if one.mailbox}, now)
    for one in wanted:
        if one.mailbox is not None and not one.mailbox:
            people.drop_mailbox(one.id, now)
    wishes = {one.id: one.wishes for one in wanted if one.wishes is not None}
    Choices(connection).change(wishes, author, now)


def _mailbox(text: str) -> str:
    try:
        return parts().parse_mailbox(text)
    except BadAddress as error:
        raise invalid([Fault("/email", "invalid", str(error))]) from None


def _known(profile: Profile | None, user_id: str) -> Profile:
    if profile is None:
        raise not_found("user", user_id)
    return profile


def _user(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "email": profile.email or None,
        "name": profile.name,
        "locale": profile.locale,
        "timezone": profile.timezone,
        "created_at": moment(profile.created_at),
    }
