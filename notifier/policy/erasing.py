"""What is left of an event once somebody who stands in it is erased: enough for the others and for the books."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from notifier.policy.catalogue import Kind

THINGS = ("object", "target", "in_reply_to")
PEOPLE = ("person", "user", "actor")  # types of a thing that is a person
_WEB = ("http://", "https://")


class Erasure:
    """Replaces a person by a name that leads nowhere. `person` is their id."""

    def __init__(self, person: str, name: str) -> None:
        self.person = person
        self.name = name
        ids = "|".join(sorted({re.escape(person), re.escape(quote(person, safe=""))}))
        self._mentioned = re.compile(rf"@(?:{ids})(?![\w-])")
        self._linked = re.compile(rf"(?<=[/=@])(?:{ids})(?=$|[/?#&\s])")

    def erased(self, data: Mapping[str, Any], kind: Kind | None) -> dict[str, Any]:
        """The event's data without the person; `kind` is its type's, None where that is unknown.

        What they wrote, what is theirs and what they did leave only ids and types; elsewhere only their name goes.
        """
        acted = data["actor"]["id"] == self.person
        told = kind is not None and (bool(kind.relation) or "object.id" in kind.told)
        found: dict[str, Any] = {}
        for key, value in data.items():
            if key == "actor":
                found[key] = {"id": self.name} if acted else {**self._text(value), "id": value["id"]}
            elif key in THINGS and value:
                found[key] = self._thing(value, made=acted and key == "object", person=told and key == "object")
            elif key in ("to", "mentions", "followers_of") or not acted:
                found[key] = self._text(value)
        return found

    def text(self, text: str) -> str:
        """A text, where it names the person: as all of it, as @them, or in a link."""
        if text == self.person:
            return self.name
        text = self._mentioned.sub("@…", text)
        return self._linked.sub(self.name, text) if text.startswith(_WEB) else text

    def _thing(self, thing: Mapping[str, Any], *, made: bool, person: bool) -> dict[str, Any]:
        kind, owner = thing.get("type") or "", thing.get("owner")
        # Ids are unique among things of one type only: a post "7" is not the person "7".
        is_them = thing["id"] == self.person and (kind in PEOPLE or (person and not kind))
        is_theirs = owner == self.person or (made and not owner and not person and kind not in PEOPLE)
        if is_them or is_theirs:
            kept = {key: thing[key] for key in ("type", "owner") if key in thing}
            return {"id": self.name if is_them else thing["id"], **self._text(kept)}
        return {**self._text(thing), "id": thing["id"], **({"type": kind} if "type" in thing else {})}

    def _text(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._text(one) for one in value]
        if isinstance(value, dict):
            return {self._text(key): self._text(one) for key, one in value.items()}
        return value
