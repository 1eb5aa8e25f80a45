"""Where octets lie: under the SHA-256 of what they are, so that a name never means anything else later."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

PIECE = 256 * 1024
_NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]{1,5})?")


class StorageAway(Exception):
    """The storage does not answer, or does not take what it is given. To be tried again later."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A stored file, opened to be read to its end: its length, and its octets piece by piece."""

    octets: int
    pieces: Iterator[bytes]


class Storage(Protocol):
    """Keeps files by their names. All of it raises `StorageAway`; what is not there is `FileNotFoundError`.

    `work` is a folder of this machine, for files that are to be put.
    """

    work: Path

    def put(self, name: str, path: Path) -> None:
        """Keep a file of the work folder under that name, and take it from there. It is there whole, or not there."""

    def open(self, name: str, start: int = 0, end: int | None = None) -> Opened:
        """The content from one octet up to another; `octets` is the length of the whole."""

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

    def open(self, name: str, start: int = 0, end: int | None = None) -> Opened:
        """The content from one octet up to another."""
        place = self._place(name)
        file = place.open("rb")
        return Opened(os.fstat(file.fileno()).st_size, _pieces(file, start, end))

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
        """Raise where nothing can be written."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._root):
                pass
        except OSError as error:
            raise StorageAway(f"{self._root}: {error.strerror}") from error

    def _place(self, name: str) -> Path:
        if not is_name(name):
            raise FileNotFoundError(name)
        return self._root / name[:2] / name


def _pieces(file: BinaryIO, start: int, end: int | None) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = None if end is None else end - start
        while left is None or left > 0:
            piece = file.read(PIECE if left is None else min(PIECE, left))
            if not piece:
                return
            left = None if left is None else left - len(piece)
            yield piece


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
    folder = storage.work / name
    _remove(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        _remove(folder)


def tidy(storage: Storage, older_than: float) -> None:
    """Remove the workplaces that nobody has touched since that moment, seconds since 1970: their owners are dead."""
    for folder in storage.work.glob("*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < older_than:
                _remove(folder)


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
