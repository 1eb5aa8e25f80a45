"""Pictures for tests: small ones of every kind, made on the spot."""

import io
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from notifier.app.home import RENDITIONS
from notifier.media.images import Job, make
from notifier.media.told import LeftOut, Seen, Told, Written
from notifier.policy.media import Format, Limits, Media
from notifier.policy.renditions import Spec, read_specs

SPECS = read_specs(RENDITIONS.read_text())
IMAGES = SPECS.of(Media.IMAGE)
SECRET = b"48.8584N 2.2945E Anas iPhone"
RED, GREEN, BLUE = (220, 20, 30), (20, 180, 40), (30, 40, 210)
PNG = b"\x89PNG\r\n\x1a\n"


def picture(width: int = 400, height: int = 300, mode: str = "RGB") -> Any:
    """Red at the upper left, green at the upper right, blue below."""
    drawn = Image.new("RGB", (width, height), BLUE)
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((0, 0, width // 2 - 1, height // 2 - 1), fill=RED)
    pen.rectangle((width // 2, 0, width, height // 2 - 1), fill=GREEN)
    return drawn.convert(mode)


def octets_of(drawn: Any, format_: str = "JPEG", **options: Any) -> bytes:
    """The picture in this format."""
    out = io.BytesIO()
    drawn.save(out, format_, **options)
    return out.getvalue()


def photo(orientation: int = 1, width: int = 400, height: int = 300) -> bytes:
    """A JPEG as a phone makes it, that shows `picture` when it is turned as it says; with EXIF, GPS and a comment."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    drawn = picture(width, height)
    lying = drawn.transpose(turns[orientation]) if orientation in turns else drawn
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = SECRET.decode()
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0)}
    return octets_of(lying, quality=95, exif=exif, comment=SECRET)


def dusk(width: int = 2400, height: int = 1800) -> bytes:
    """A photo that is nice to look at: the sun over the sea."""
    drawn = Image.linear_gradient("L").resize((width, height))
    coloured = ImageOps.colorize(drawn, "#1b2350", "#f2b28a", mid="#8a5a78")
    horizon = height * 3 // 5
    left, top, side = width * 3 // 5, horizon - height // 6, height // 4
    ImageDraw.Draw(coloured).ellipse((left, top, left + side, top + side), "#ffdf9e")
    sea = ImageOps.colorize(Image.linear_gradient("L").resize((width, height - horizon)), "#33437c", "#141f49")
    coloured.paste(sea, (0, horizon))
    return octets_of(coloured, quality=90)


def bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of one bit a pixel, which would unpack to gigabytes."""
    line = b"\0" * ((width + 7) // 8 + 1)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return PNG + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def grey16(width: int = 64, height: int = 48) -> bytes:
    """A PNG of 16 bits of grey, half as bright as white."""
    data = (b"\0" + struct.pack(">H", 0x8000) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    return PNG + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(data)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def moving(format_: str = "GIF", frames: int = 4) -> bytes:
    """A picture that moves."""
    first, *rest = (picture(64 + at, 48).resize((64, 48)) for at in range(frames))
    for at, one in enumerate(rest):
        one.putpixel((at, 0), (at, at, at))  # or the same frames become one
    return octets_of(first, format_, save_all=True, append_images=rest, duration=100)


def made(
    folder: Path, octets: bytes, format_: Format = Format.JPEG, specs: Iterable[Spec] = IMAGES, **limits: Any
) -> list[Told]:
    """All that is told of making every version of it, in this process."""
    source, out = folder / "source", folder / "out"
    source.write_bytes(octets)
    out.mkdir(exist_ok=True)
    table = tuple(specs)
    wanted = frozenset(one.name for one in table)
    return list(make(Job(source, format_, out, table, wanted, Limits(**limits))))


def sizes(told: Iterable[Told]) -> dict[str, tuple[int, int]]:
    """Width and height of what was written."""
    return {one.spec: (one.width, one.height) for one in told if isinstance(one, Written)}


def left_out(told: Iterable[Told]) -> set[str]:
    """The specs of what is not made."""
    return {one.spec for one in told if isinstance(one, LeftOut)}


def seen(told: Iterable[Told]) -> Seen:
    """What the source is like."""
    [found] = [one for one in told if isinstance(one, Seen)]
    return found
