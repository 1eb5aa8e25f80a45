"""A small disk of its own that can really be full: memory that is mounted for one test, where that is allowed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PAGE = 4_096  # octets that a file takes at least


@dataclass(frozen=True)
class Disk:
    """Its folder, and what makes it full."""

    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self, *, but: int = 0) -> None:
        """Leave so many pages free, and no more."""
        self.make_room()
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(PAGE))
            except OSError:
                filler.truncate(filler.tell() // PAGE * PAGE - but * PAGE)

    def make_room(self) -> None:
        """Let it be full no more."""
        self._filler.unlink(missing_ok=True)

    def only_read(self, way: str = "ro") -> None:
        """Let nothing be written to it any more, whoever asks; with `rw` again."""
        subprocess.run(["mount", "-o", f"remount,{way}", str(self.folder)], check=True)


class NotAllowed(Exception):
    """Nobody may mount anything here; it says why."""


@contextmanager
def mounted(folder: Path, octets: int) -> Iterator[Disk]:
    """Such a disk at that folder, of so many octets. Raises `NotAllowed`."""
    folder.mkdir()
    try:
        asked = ["mount", "-t", "tmpfs", "-o", f"size={octets}", "none", str(folder)]
        said = subprocess.run(asked, capture_output=True, check=False, text=True)
    except FileNotFoundError as error:
        raise NotAllowed(str(error)) from error
    if said.returncode:
        raise NotAllowed(said.stderr.strip())
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
