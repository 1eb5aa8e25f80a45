"""Makes versions of a source, whatever it is: pictures by Pillow, films by ffmpeg, each in a child process."""

import json
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from notifier.media.children import Bounds, Child, child
from notifier.media.told import Going, LeftOut, Seen, Told, Written
from notifier.media.videos import (
    THREADS,
    Probed,
    find_ffmpeg,
    frame_of,
    make_command,
    probe_command,
    read_probe,
    seconds_done,
)
from notifier.policy.media import Cause, Format, Limits, Media, Refused
from notifier.policy.renditions import Spec, fitting

IN_ONE_PASS = 60.0  # seconds of a video; of a longer one each size has its own, so that a kill costs one of them


@dataclass(frozen=True, slots=True)
class Source:
    """What versions are made of: a file, and a folder to write them into. Only there is anything written."""

    path: Path
    format: Format
    folder: Path


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes versions. `ffmpeg` is the path of one; empty: the one that is found. `specs` is the whole table."""

    specs: tuple[Spec, ...]
    limits: Limits
    ffmpeg: str = ""

    def make(self, source: Source, wanted: Sequence[Spec], stopping: threading.Event) -> Iterator[Told]:
        """Make these; tells of each as soon as it is written, and several times a second that it goes on.

        Raises `Refused` over what cannot be made, then nothing more is, and `Stopped` once `stopping` is set.
        """
        if source.format.media is Media.VIDEO:
            yield from self._films(source, wanted, stopping)
            return
        stills = [spec for spec in wanted if spec.format != "mp4"]
        films = [spec for spec in wanted if spec.format == "mp4"]
        moves = False
        for told in self._pictures(source, stills, stopping):
            moves = moves or (isinstance(told, Seen) and told.moves)
            yield told
        if films and moves:
            yield from self._films(source, films, stopping)
        else:
            yield from (LeftOut(spec.name, Cause.STANDS_STILL) for spec in films)

    def _pictures(self, source: Source, wanted: Sequence[Spec], stopping: threading.Event) -> Iterator[Told]:
        job = {
            "source": str(source.path),
            "format": source.format,
            "folder": str(source.folder),
            "specs": [asdict(spec) for spec in self.specs if spec.media is Media.IMAGE],
            "wanted": [spec.name for spec in wanted],
            "limits": asdict(self.limits),
        }
        bounds = self._bounds(self.limits.image_seconds, self.limits.image_memory)
        with child({"job": job}, bounds, source.folder, stopping) as running:
            for line in running:
                yield _told(line) if line else Going()
            _check_end(running)

    def _films(self, source: Source, wanted: Sequence[Spec], stopping: threading.Event) -> Iterator[Told]:
        ffmpeg = find_ffmpeg(self.ffmpeg)
        if not ffmpeg:
            yield from (LeftOut(spec.name, Cause.NO_FFMPEG) for spec in wanted)
            return
        probed = yield from self._probed(ffmpeg, source, stopping)
        seconds = probed.seconds or self.limits.duration
        sizes = fitting([spec for spec in self.specs if spec.media is source.format.media], probed.width, probed.height)
        yield from (LeftOut(spec.name, Cause.SOURCE_SMALLER) for spec in wanted if spec.name not in sizes)
        specs = [spec for spec in wanted if spec.name in sizes]
        frames = {spec.name: frame_of(probed, spec, sizes[spec.name]) for spec in specs}
        for some in _passes(specs, seconds):
            command = make_command(ffmpeg, source.path, source.format, probed, frames, some)
            yield from self._filmed(command, source, seconds, stopping)
            for spec in some:
                if spec.poster:
                    yield from self._blurred(source, spec, probed, stopping)
                yield Written(spec.name, *frames[spec.name])

    def _probed(self, ffmpeg: str, source: Source, stopping: threading.Event) -> Any:
        """What ffmpeg sees in it."""
        bounds = self._bounds(self.limits.image_seconds, self.limits.video_memory)
        command = probe_command(ffmpeg, source.path, source.format)
        with child({"command": command}, bounds, source.folder, stopping) as running:
            for _ in running:
                yield Going()
            probed = read_probe(running.heard.text, self.limits)
        if source.format.media is Media.VIDEO:
            yield Seen(probed.width, probed.height, ms=round(probed.seconds * 1_000) if probed.seconds else None)
        return probed

    def _filmed(self, command: list[str], source: Source, seconds: float, stopping: threading.Event) -> Iterator[Told]:
        bounds = self._bounds(self.limits.video_seconds(seconds), self.limits.video_memory)
        with child({"command": command}, bounds, source.folder, stopping) as running:
            for line in running:
                done = seconds_done(line) if line else None
                if done is not None:
                    self.limits.check_duration(done)  # of a container that tells no length
                yield Going() if done is None else Going(min(99, int(done * 100 / seconds)))
            _check_end(running)

    def _blurred(self, source: Source, poster: Spec, probed: Probed, stopping: threading.Event) -> Iterator[Told]:
        still = replace(source, path=source.folder / poster.name, format=Format.JPEG)
        for told in self._pictures(still, (), stopping):
            if isinstance(told, Seen):
                ms = round(probed.seconds * 1_000) if probed.seconds else None
                yield Seen(probed.width, probed.height, told.blurhash, ms=ms)

    def _bounds(self, seconds: float, memory: int) -> Bounds:
        # Where several threads decode, more processors are busy than one.
        return Bounds(seconds, math.ceil(seconds * THREADS), memory, self.limits.written_octets)


def _passes(specs: Sequence[Spec], seconds: float) -> list[list[Spec]]:
    """What is made together of a video of so many seconds. First the poster: soon there is a picture."""
    posters = [[spec] for spec in specs if spec.poster]
    films = [spec for spec in specs if not spec.poster]
    if seconds > IN_ONE_PASS:
        return [*posters, *([film] for film in films)]
    return [*posters, films] if films else posters


def _told(line: str) -> Told:
    told = json.loads(line)
    match told.pop("told"):
        case "Written":
            return Written(**told)
        case "LeftOut":
            return LeftOut(told["spec"], Cause(told["cause"]))
        case "Seen":
            return Seen(**told)
        case _:
            raise Refused(Cause(told["cause"]), told["detail"])


def _check_end(running: Child) -> None:
    if running.heard.status:
        last = running.heard.text.strip().rpartition("\n")[2]
        raise Refused(Cause.BROKEN, f"The decoder says: {last[:200].rstrip('.')}." if last else "")
