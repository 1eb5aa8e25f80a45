"""Whom and what a person blocks and mutes."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from notifier.policy.relations import BLOCK, MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE
from notifier.store.relations import Relations, Tie
from notifier.web import pages
from notifier.web.access import of_person, takes
from notifier.web.bodies import PageQuery
from notifier.web.parts import parts
from notifier.web.preferences import author_of_request, refusal
from notifier.web.problems import Fault, invalid
from notifier.web.shapes import moment

bp = Blueprint("relations", __name__, url_prefix="/v1")

MUTES = {"actor": MUTE_ACTOR, "object": MUTE_OBJECT, "type": MUTE_TYPE}
_WORDS = {kind: word for word, kind in MUTES.items()}


@bp.put("/users/<user:user_id>/mutes/<mute:mute_id>")
@of_person("people")
def mute(user_id: str, mute_id: str) -> dict[str, Any]:
    """Mute a person (`actor:ID`), a thing (`object:ID`) or a type (`type:like`)."""
    return _mute_shape(_tie(user_id, _mute(mute_id, _muted_type)))


@bp.delete("/users/<user:user_id>/mutes/<mute:mute_id>")
@of_person("people")
def unmute(user_id: str, mute_id: str) -> Response:
    """Mute it no more."""
    return _untie(user_id, _mute(mute_id, _any_type))


@bp.get("/users/<user:user_id>/mutes")
@of_person("people")
@takes(query=PageQuery)
def mutes(user_id: str) -> Response:
    """What the person has muted."""
    query = pages.asked_page()
    found = _page(user_id, (MUTE_ACTOR, MUTE_OBJECT, MUTE_TYPE), query)
    return pages.answer(found, query, _mute_shape, _mark)


@bp.put("/users/<user:user_id>/blocks/<user:actor_id>")
@of_person("people")
def block(user_id: str, actor_id: str) -> dict[str, Any]:
    """Block a person: nothing that they do is told to this one."""
    return _block_shape(_tie(user_id, _block(actor_id)))


@bp.delete("/users/<user:user_id>/blocks/<user:actor_id>")
@of_person("people")
def unblock(user_id: str, actor_id: str) -> Response:
    """Block them no more."""
    return _untie(user_id, _block(actor_id))


@bp.get("/users/<user:user_id>/blocks")
@of_person("people")
@takes(query=PageQuery)
def blocks(user_id: str) -> Response:
    """Whom the person has blocked."""
    query = pages.asked_page()
    return pages.answer(_page(user_id, (BLOCK,), query), query, _block_shape, _mark)


def mute_name(tie: Tie) -> str:
    """How it is named outside: "actor:ana", "type:like"."""
    kind = parts().catalogue.find(tie.other) if tie.kind == MUTE_TYPE else None
    return f"{_WORDS[tie.kind]}:{kind.short if kind else tie.other}"


def _tie(user: str, tie: Tie) -> Tie:
    author = author_of_request()
    return parts().database.transact(lambda tx: Relations(tx).tie(user, tie, _name(tie), author))


def _untie(user: str, tie: Tie) -> Response:
    author = author_of_request()
    parts().database.transact(lambda tx: Relations(tx).untie(user, tie, _name(tie), author))
    return Response(status=204)


def _page(user: str, kinds: tuple[str, ...], query: PageQuery) -> list[Tie]:
    place = pages.place(query)
    kind, _, other = place.partition(" ")
    if place and kind not in kinds:
        raise pages.wrong_cursor()
    with parts().database.read() as connection:
        return Relations(connection).page(user, kinds, (kind, other) if place else None, query.limit + 1)


def _mute(text: str, type_named: Callable[[str], str]) -> Tie:
    """What is named as `actor:ID`, `object:ID` or `type:NAME`. Refuses anything else."""
    word, _, other = text.partition(":")
    if word not in MUTES or not other:
        raise invalid([Fault("", "invalid", "Say what to mute as actor:ID, object:ID or type:NAME.")])
    kind = MUTES[word]
    return Tie(kind, type_named(other) if kind == MUTE_TYPE else other, parts().clock())


def _muted_type(name: str) -> str:
    """The long name of a type that can be muted. Refuses all others."""
    kind, why = parts().catalogue.find(name), refusal(name)
    if kind is None or why:
        raise invalid([Fault("", "invalid" if kind else "unknown_type", why)])
    if kind.mandatory:
        raise invalid([Fault("", "mandatory", f"People always hear of {kind.short}: it cannot be muted.")])
    return kind.name


def _any_type(name: str) -> str:
    """The long name of any type: one may have left the catalogue since it was muted."""
    kind = parts().catalogue.find(name)
    return kind.name if kind else name


def _block(actor: str) -> Tie:
    return Tie(BLOCK, actor, parts().clock())


def _name(tie: Tie) -> str:
    return tie.other if tie.kind == BLOCK else mute_name(tie)


def _mute_shape(tie: Tie) -> dict[str, Any]:
    name = mute_name(tie)
    kind, _, of = name.partition(":")
    return {"id": name, "kind": kind, kind: of, "created_at": moment(tie.created_at)}


def _block_shape(tie: Tie) -> dict[str, Any]:
    return {"id": tie.other, "created_at": moment(tie.created_at)}


def _mark(tie: Tie) -> str:
    return f"{tie.kind} {tie.other}"
