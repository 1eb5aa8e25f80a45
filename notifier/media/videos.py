"""What ffmpeg is asked, and what it says: one pass over a video, with several outputs."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from notifier.policy.media import Cause, Format, Limits, Media, Refused
from notifier.policy.renditions import Spec

# Containers that it may read; none of them names other files, as playlists do.
_DEMUXERS = {
    Format.MP4: "mov,mp4,m4a,3gp,3g2,mj2",
    Format.WEBM: "matroska,webm",
    Format.GIF: "gif",
    Format.WEBP: "webp_anim",  # since ffmpeg 8.1; an older one says that it knows no such thing
}
# Local files alone, and no others than the one that is named.
_SAFE = ("-nostdin", "-hide_banner", "-protocol_whitelist", "file,pipe")
# Bound to how far a line is indented: what stands in a film's own notes is indented further.
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)
_VIDEO = re.compile(r"^  Stream #0:\d+.*?: Video: \w+.*?, (\d{1,5})x(\d{1,5})", re.MULTILINE)
_AUDIO = re.compile(r"^  Stream #0:\d+.*?: Audio: ", re.MULTILINE)
_TURNED = re.compile(r"^      (?:displaymatrix|Display Matrix): rotation of (-?\d+(?:\.\d+)?) degrees", re.MULTILINE)
_AT = re.compile(r"out_time_us=(\d+)")
THREADS = 2  # of decoding: each keeps whole frames
POSTER_AT = 1.0  # seconds; the very first frame is often black


@dataclass(frozen=True, slots=True)
class Probed:
    """A video as ffmpeg sees it, upright. `seconds` is None where its container does not tell."""

    width: int
    height: int
    seconds: float | None
    has_sound: bool


def find_ffmpeg(path: str = "") -> str:
    """The ffmpeg of this machine: the one of that path, else the system's, else the extra's; empty without any."""
    found = shutil.which(path or "ffmpeg")
    if found or path:
        return str(Path(found).absolute()) if found else ""  # it is run in another folder
    try:
        import imageio_ffmpeg  # the extra `video`
    except ImportError:
        return ""
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # its wheel for this system carries none
        return ""


def probe_command(ffmpeg: str, source: Path, format: Format) -> list[str]:
    """Let ffmpeg describe it. It then ends with a fault, because no output is named: what it said counts."""
    return [ffmpeg, *_SAFE, *_input(source, format)]


def read_probe(text: str, limits: Limits) -> Probed:
    """What ffmpeg said of it. Of our own, so that one way serves with and without ffprobe. Raises `Refused`."""
    found = _VIDEO.search(text)
    if not found:
        raise Refused(Cause.BROKEN, "There is no picture in it that could be decoded.")
    width, height = int(found[1]), int(found[2])
    limits.check_pixels(width, height, Media.VIDEO)
    lasts = _DURATION.search(text)
    seconds = int(lasts[1]) * 3600 + int(lasts[2]) * 60 + float(lasts[3]) if lasts else None
    if seconds is not None:
        limits.check_duration(seconds)
    turned = _TURNED.search(text)
    if turned and round(float(turned[1])) % 180:
        width, height = height, width
    return Probed(width, height, seconds, _AUDIO.search(text) is not None)


Frames = Mapping[str, tuple[int, int]]  # by the name of the spec: width and height


def make_command(
    ffmpeg: str, source: Path, format: Format, probed: Probed, frames: Frames, specs: Sequence[Spec]
) -> list[str]:
    """One pass that writes every version, named by its spec, into the folder in which it runs."""
    films = [spec for spec in specs if not spec.poster]
    command = [ffmpeg, *_SAFE, "-v", "error", "-y", "-progress", "pipe:1", "-stats_period", "0.5"]
    command += ["-max_alloc", str(512 * 1024 * 1024), *_input(source, format)]
    if films:
        command += ["-filter_complex", _split(films, frames)]
    for at, spec in enumerate(films):
        command += _film(spec, f"[v{at}]", probed)
    for spec in specs:
        if spec.poster:
            command += _poster(spec, frames[spec.name], probed)
    return command


def frame_of(probed: Probed, spec: Spec, size: int) -> tuple[int, int]:
    """Width and height of a version of that size; of a film both even, as H.264 wants them."""
    basis = probed.width if spec.media is Media.IMAGE else min(probed.width, probed.height)
    step = 1 if spec.poster else 2
    width, height = (max(step, length * size // basis // step * step) for length in (probed.width, probed.height))
    return width, height


def seconds_done(line: str) -> float | None:
    """How far it is, of a line of its progress; None of the other lines."""
    found = _AT.match(line)
    return int(found[1]) / 1e6 if found else None


def _input(source: Path, format: Format) -> list[str]:
    return ["-threads", str(THREADS), "-format_whitelist", _DEMUXERS[format], "-i", f"file:{source}"]


def _split(films: Sequence[Spec], frames: Frames) -> str:
    """The picture once decoded, for each size; in the colours that every player knows."""
    ways = "".join(f"[s{at}]" for at in range(len(films)))
    scaled = [
        "[s{}]scale={}:{}:flags=bicubic,setsar=1,format=yuv420p[v{}]".format(at, *frames[spec.name], at)
        for at, spec in enumerate(films)
    ]
    return ";".join([f"[0:v:0]fps=fps='min(source_fps,30)',split={len(films)}{ways}", *scaled])


def _film(spec: Spec, stream: str, probed: Probed) -> list[str]:
    sound = ["-an"]
    if probed.has_sound and spec.audio:
        sound = ["-map", "0:a:0", "-c:a", "aac", "-b:a", f"{spec.audio}k", "-ac", "2"]
    picture = ["-map", stream, "-c:v", "libx264", "-preset", "veryfast", "-crf", str(spec.quality), "-threads", "1"]
    bare = ["-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn", "-movflags", "+faststart", "-f", "mp4"]
    return [*picture, *sound, *bare, f"file:{spec.name}"]


def _poster(spec: Spec, frame: tuple[int, int], probed: Probed) -> list[str]:
    width, height = frame
    at = min(POSTER_AT, (probed.seconds or 0) / 4)
    shown = ["-map", "0:v:0", "-ss", f"{at:.3f}", "-frames:v", "1", "-vf", f"scale={width}:{height}"]
    quality = max(2, round(31 - spec.quality * 29 / 100))  # of ffmpeg's own: 2 is best, 31 worst
    bare = ["-map_metadata", "-1", "-update", "1", "-f", "mjpeg", "-c:v", "mjpeg", "-q:v", str(quality)]
    return [*shown, *bare, "-pix_fmt", "yuvj420p", f"file:{spec.name}"]
