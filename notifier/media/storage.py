"""Where octets lie: under the SHA-256 of what they are, so that a name never means anything else later."""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

PIECE = 256 * 1024
_NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]{1,5})?")


class StorageAway(Exception):
    """The storage does not answer, or does not take what it is given. To be tried again later."""


class Pieces(Protocol):
    """Octets, piece by piece, that are read once. Closed when they are read to their end, or by whoever had enough."""

    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    def close(self) -> None: ...


class Storage(Protocol):
    """Keeps files by their names. All of it raises `StorageAway`; what is not there is `FileNotFoundError`.

    `work` is a folder of this machine, for files that are to be put.
    """

    work: Path

    def put(self, name: str, path: Path) -> None:
        """Keep a file of the work folder under that name, and take it from there. It is there whole, or not there."""

    def size(self, name: str) -> int:
        """How many octets it has."""

    def open(self, name: str, start: int = 0, end: int | None = None) -> Pieces:
        """The content from one octet up to another."""

    def fetch(self, name: str, path: Path) -> None:
        """Write the content into a file of one's own."""

    def delete(self, name: str) -> None:
        """Keep it no more; where there is none, nothing happens."""

    def check(self) -> None:
        """Raise where it cannot be used."""


def name_of(path: Path, suffix: str = "") -> str:
    """The name of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() + suffix


def is_name(text: str) -> bool:
    """Whether a file can have that name: what comes from outside is asked first."""
    return _NAME.fullmatch(text) is not None


class Folder:
    """A folder of this machine, or of a file system that all machines share."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.work = root / "work"

    def put(self, name: str, path: Path) -> None:
        """Keep the file: it is made sure that it is on the disk, then renamed into its place."""
        place = self._place(name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            _sync(path)
            path.rename(place)
            _sync(place.parent)
        except OSError as error:
            raise StorageAway(str(error.strerror or error)) from error

    def size(self, name: str) -> int:
        """How many octets it has."""
        return self._place(name).stat().st_size

    def open(self, name: str, start: int = 0, end: int | None = None) -> Pieces:
        """The content from one octet up to another."""
        file = self._place(name).open("rb")
        file.seek(start)
        return _PiecesOfFile(file, sys.maxsize if end is None else end - start)

    def fetch(self, name: str, path: Path) -> None:
        """Write the content into a file of one's own: a second name for it where that can be."""
        place = self._place(name)
        try:
            path.hardlink_to(place)
        except FileNotFoundError:
            raise
        except OSError:  # another file system, or one without such names
            shutil.copyfile(place, path)

    def delete(self, name: str) -> None:
        """Keep it no more."""
        self._place(name).unlink(missing_ok=True)

    def check(self) -> None:
        """Raise where nothing can be written. Makes nothing."""
        stands = next(place for place in (self._root.absolute(), *self._root.absolute().parents) if place.exists())
        if not stands.is_dir() or not os.access(stands, os.W_OK | os.X_OK):
            raise StorageAway(f"{stands} is no folder that can be written")

    def _place(self, name: str) -> Path:
        if not is_name(name):
            raise FileNotFoundError(name)
        return self._root / name[:2] / name


class _PiecesOfFile:
    """Not a generator: one that was never begun closes nothing."""

    def __init__(self, file: BinaryIO, octets: int) -> None:
        self._file = file
        self._left = octets

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(min(PIECE, self._left)) if self._left else b""
        if not piece:
            self.close()
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()
        self._left = 0


def _sync(path: Path) -> None:
    """Make sure that a file, or a folder with a new name in it, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def workplace(storage: Storage, name: str) -> Iterator[Path]:
    """An empty folder beside the storage, gone at the end; what somebody left there who was killed goes first."""
    folder = (storage.work / name).absolute()  # a child that works in it finds it by no other name
    _remove(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        _remove(folder)


def tidy(storage: Storage, older_than: float) -> None:
    """Remove the workplaces that nobody has touched since that moment, seconds since 1970: their owners are dead."""
    for folder in storage.work.glob("*"):
        with suppress(OSError):  # gone by now, or not to be written to: whoever comes next looks again
            if folder.stat().st_mtime < older_than:
                _remove(folder)


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
