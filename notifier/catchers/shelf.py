"""A folder of caught things: one file each, the newest kept, safe to read while others write.

A file is one line of JSON that says what it is, then the thing itself. Lists read the first lines only.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from uuid_utils import uuid7

NEWEST = 1_000  # things kept
_ID = re.compile(r"[0-9a-f]{32}")
_SLACK = 0.01  # of `keep`: so many more files may lie there before the folder is listed and the oldest go


class NotKept(LookupError):
    """There is nothing under this id: never caught, cleared, or older than what is kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing on the shelf. `label` is its line of JSON."""

    id: str
    label: dict[str, Any]
    path: Path

    def content(self) -> bytes:
        """The thing itself. Raises `NotKept` when it was cleared meanwhile."""
        try:
            return self.path.read_bytes().partition(b"\n")[2]
        except FileNotFoundError:
            raise NotKept(self.id) from None


class Shelf:
    """The things in `folder`, in the order in which they came; the oldest go when there are more than `keep`."""

    def __init__(self, folder: Path, keep: int = NEWEST) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._keep = keep
        self._slack = int(keep * _SLACK)
        self._unpruned = self._slack

    def put(self, label: dict[str, Any], content: bytes = b"") -> str:
        """Keep a thing, whole or not at all; gives its id."""
        name = uuid7().hex
        unfinished = self._folder / f"{name}.unfinished"
        unfinished.write_bytes(json.dumps(label).encode() + b"\n" + content)
        unfinished.replace(self._folder / name)
        self._prune()
        return name

    def recent(self, limit: int, before: str = "") -> list[Kept]:
        """The newest `limit` things, newest first; with `before`, those that came before that id."""
        return list(islice(self.all(before), limit))

    def all(self, before: str = "") -> Iterator[Kept]:
        """Every thing kept, newest first, each read when it is asked for."""
        for name in self._ids()[: self._keep]:
            if before and name >= before:
                continue
            kept = self._read(name)
            if kept:
                yield kept

    def open(self, id: str) -> Kept:
        """The thing of this id. Raises `NotKept`, also for what could never be an id."""
        kept = self._read(id) if _ID.fullmatch(id) else None
        if kept is None:
            raise NotKept(id)
        return kept

    def count(self) -> int:
        """How many things are kept."""
        return min(len(self._ids()), self._keep)

    def remove(self, id: str) -> None:
        """Take one thing away. Raises `NotKept`."""
        self.open(id).path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Take everything away."""
        for name in self._ids():
            (self._folder / name).unlink(missing_ok=True)

    def _prune(self) -> None:
        self._unpruned += 1
        if self._unpruned < self._slack:
            return
        self._unpruned = 0
        for name in self._ids()[self._keep :]:
            (self._folder / name).unlink(missing_ok=True)

    def _ids(self) -> list[str]:
        return sorted((name for name in os.listdir(self._folder) if len(name) == 32), reverse=True)  # noqa: PTH208 (names, not paths: a list of 1,000 is read on every page)

    def _read(self, id: str) -> Kept | None:
        path = self._folder / id
        try:
            with path.open("rb") as file:
                return Kept(id, json.loads(file.readline()), path)
        except FileNotFoundError:
            return None
