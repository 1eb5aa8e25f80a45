"""Pictures, within the child process: one decoding, and from it every version, from the largest down.

A JPEG is decoded no larger than the largest version needs (`draft`), each version is made of the one before it, and
what turns or recolours the picture is done after the first shrinking, when there is less of it.
"""

import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from notifier.media.blurhash import SIDE, blurhash
from notifier.media.told import LeftOut, Seen, Told, Written
from notifier.policy.media import Cause, Format, Limits, Media, Refused
from notifier.policy.renditions import Spec, fitting

ORIENTATION = 0x0112  # of EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS = (5, 6, 7, 8)
_OPENED = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF")
_NAMES = {Format.HEIC: "HEIF"}  # what Pillow calls it, where that is another name
_WHITE = (255, 255, 255)
# What Pillow's readers raise over octets that are no picture.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, ZeroDivisionError, TypeError)
_UNREAD = (*_BROKEN, RuntimeError)  # and libheif, through it


@dataclass(frozen=True, slots=True)
class Job:
    """A picture to make versions of, into a folder: those of the table `specs` that are `wanted`, by their names."""

    source: Path
    format: Format
    folder: Path
    specs: tuple[Spec, ...]
    wanted: frozenset[str]
    limits: Limits


def make(job: Job) -> Iterator[Told]:
    """Make every version; tells first what the picture is like, then of each as soon as it is written.

    Raises `Refused`, and `MemoryError` and `OSError` where there is no room.
    """
    Image.MAX_IMAGE_PIXELS = job.limits.pixels
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    job.limits.check_format(job.format)
    if job.format is Format.HEIC:
        _learn_heic()
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with _opened(job) as source:
            _check(job, source)
            yield from _versions(job, source)


def _learn_heic() -> None:
    from pillow_heif import register_heif_opener  # the extra `heic`; only for what needs it

    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


def _opened(job: Job) -> Any:
    try:
        return Image.open(job.source, formats=_OPENED)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused(Cause.TOO_MANY_PIXELS) from None
    except UnidentifiedImageError:
        raise Refused(Cause.BROKEN) from None
    except _BROKEN as error:
        raise Refused(Cause.BROKEN, _said(error)) from error


def _check(job: Job, source: Any) -> None:
    if source.format != _NAMES.get(job.format, job.format.upper()):
        raise Refused(Cause.MISLABELLED, f"It begins as {job.format} and is {source.format}.")
    width, height = source.size
    job.limits.check_pixels(width, height, Media.IMAGE)
    if getattr(source, "n_frames", 1) > job.limits.frames:
        raise Refused(Cause.TOO_LONG, f"It has more than {job.limits.frames:,} frames.")


def _versions(job: Job, source: Any) -> Iterator[Told]:
    turn = _orientation(source)
    width, height = reversed(source.size) if turn in _SWAPS else source.size
    moves = getattr(source, "n_frames", 1) > 1
    sizes = fitting(job.specs, width, height)
    yield from (LeftOut(name, Cause.SOURCE_SMALLER) for name in sorted(job.wanted - set(sizes)))
    found = [spec for spec in job.specs if spec.name in job.wanted and spec.name in sizes]
    wanted = sorted(found, key=lambda spec: (spec.square, -spec.size))
    largest = max((_breadth(spec, sizes[spec.name], width, height) for spec in wanted), default=SIDE)
    picture = _first(source, turn, largest)
    # First: whoever is killed after the last version was recorded would never come to it.
    yield Seen(width, height, _blurred(picture), moves)
    scaled = picture
    for spec in wanted:
        scaled = _scaled(scaled, _breadth(spec, sizes[spec.name], width, height), width, height)
        shown = _squared(scaled, sizes[spec.name]) if spec.square else scaled
        _write(shown, spec, job.folder / spec.name)
        yield Written(spec.name, *shown.size)


def _breadth(spec: Spec, size: int, width: int, height: int) -> int:
    """How wide the whole picture is when this version is cut out of it."""
    return max(1, round(size * width / min(width, height))) if spec.square else size


def _orientation(source: Any) -> int:
    try:
        turn = source.getexif().get(ORIENTATION, 1)
    except _BROKEN:
        return 1  # as a browser does: a picture whose notes cannot be read is shown as it lies
    return turn if turn in _TURNS else 1


def _first(source: Any, turn: int, breadth: int) -> Any:
    """The picture upright in sRGB, as wide as the largest version."""
    lying = reversed(source.size) if turn in _SWAPS else source.size
    width, height = lying
    target = (breadth, max(1, round(breadth * height / width)))
    stored = tuple(reversed(target)) if turn in _SWAPS else target
    source.draft(None, stored)  # of a JPEG: decodes an eighth, a quarter or a half where that is enough
    profile = source.info.get("icc_profile")
    try:
        source.load()
    except MemoryError:
        raise
    except _UNREAD as error:
        raise Refused(Cause.BROKEN, _said(error)) from error
    picture = _shrunk(_eight_bits(source), stored)
    picture = _in_srgb(picture, profile)
    return picture.transpose(_TURNS[turn]) if turn in _TURNS else picture


def _eight_bits(picture: Any) -> Any:
    """In a mode that can be shrunk without loss of what it shows."""
    if picture.mode.startswith("I"):  # 16 bits of grey, which converting would cut off and not scale
        return picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if picture.mode in ("P", "PA") or "transparency" in picture.info:
        alpha = picture.mode == "PA" or "transparency" in picture.info
        return picture.convert("RGBA" if alpha else "RGB")
    if picture.mode in ("1", "F"):
        return picture.convert("L")
    return picture


def _shrunk(picture: Any, size: tuple[int, ...]) -> Any:
    if size[0] >= picture.width and size[1] >= picture.height:
        return picture.copy()
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _in_srgb(picture: Any, profile: bytes | None) -> Any:
    mode = "RGBA" if picture.mode in ("RGBA", "LA", "La", "RGBa") else "RGB"
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that is broken, or of another kind of picture, says nothing about this one
    if profile and picture.mode == "RGBA":
        alpha = picture.getchannel("A")
        picture = _in_srgb(picture.convert("RGB"), profile)
        picture.putalpha(alpha)
    return picture if picture.mode == mode else picture.convert(mode)


def _scaled(picture: Any, breadth: int, width: int, height: int) -> Any:
    if breadth >= picture.width:
        return picture
    return _shrunk(picture, (breadth, max(1, round(breadth * height / width))))


def _squared(picture: Any, side: int) -> Any:
    side = min(side, *picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def _write(picture: Any, spec: Spec, path: Path) -> None:
    """Write it with nothing but what it shows: no EXIF, no comment, no profile."""
    shown = _on_white(picture) if spec.format == "jpeg" else picture
    shown.info.clear()  # Pillow writes some of it by itself
    options: dict[str, Any] = {
        "jpeg": {"quality": spec.quality, "progressive": False},
        "webp": {"quality": spec.quality, "method": 3},
        "avif": {"quality": max(1, spec.quality - 15), "speed": 8, "max_threads": 1},
    }[spec.format]
    # Not into the file: what Pillow writes of a JPEG on a full disk breaks off, and nothing says so.
    written = io.BytesIO()
    shown.save(written, spec.format.upper(), **options)
    path.write_bytes(written.getbuffer())


def _on_white(picture: Any) -> Any:
    if picture.mode != "RGBA":
        return picture
    below = Image.new("RGB", picture.size, _WHITE)
    below.paste(picture, mask=picture.getchannel("A"))
    return below


def _blurred(picture: Any) -> str:
    scale = min(1.0, SIDE / max(picture.size))
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    small = _on_white(picture.resize(size, Image.Resampling.BOX))
    octets = small.convert("RGB").tobytes()
    pixels = [(octets[at], octets[at + 1], octets[at + 2]) for at in range(0, len(octets), 3)]
    return blurhash(pixels, *small.size)


def _said(error: BaseException) -> str:
    """The decoder's own words, in a sentence; they name no content."""
    said = " ".join(str(error).split())[:200].rstrip(".")
    return f"The decoder says: {said}." if said else ""
