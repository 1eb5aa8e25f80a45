"""What an upload is and how large it would be, told by its first octets: nothing is unpacked.

Of our own, beside Pillow's, because it runs in the web server, where a stranger's octets must meet as little code as
possible: a picture that would unpack to gigabytes is refused before any decoder sees it. The decoder looks again.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from notifier.policy.media import TYPES, Cause, Format, Limits, Media, Refused

MOST_SEGMENTS = 1_000  # of a JPEG, before its size is told
MOST_BOXES = 1_000  # of one level of an AVIF or HEIC
_HEAD = 64
_BRANDS = {b"avif": Format.AVIF, b"avis": Format.AVIF}
_BRANDS |= dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), Format.HEIC)
# Where the sizes stand (ISO 23008-12, 9.3 and 6.5.3): box within box, and octets before what is in it.
_WAY = ((b"meta", 4), (b"iprp", 0), (b"ipco", 0))
_VIDEO_BRANDS = (b"iso", b"mp4", b"qt  ", b"M4V", b"3g", b"avc1", b"dash", b"MSNV", b"f4v", b"XAVC", b"isml")
# Frames that tell a JPEG's size (ITU T.81, B.1.1.3): all SOFn but DHT, JPG and DAC.
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Header:
    """What was found. Sizes are pixels as stored, before turning; None where only a decoder can tell."""

    format: Format
    width: int | None = None
    height: int | None = None


def check_header(stream: BinaryIO, octets: int, limits: Limits, *, called: str = "") -> Header:
    """Read the header of so many octets, which a sender called that type. Raises `Refused`."""
    limits.check_octets(octets)
    header = read_header(stream)
    limits.check_format(header.format)
    limits.check_octets(octets, header.format.media)
    claimed = TYPES.get(called.partition(";")[0].strip().lower())
    if claimed and claimed is not header.format and not _are_kin(claimed, header.format):
        raise Refused(Cause.MISLABELLED, f"It was called {claimed} and is {header.format}.")
    if header.width is not None and header.height is not None:
        limits.check_pixels(header.width, header.height, Media.IMAGE)
    return header


def read_header(stream: BinaryIO) -> Header:
    """Tell the format, and of most pictures the size. Raises `Refused`."""
    stream.seek(0)
    head = stream.read(_HEAD)
    try:
        return _read(head, stream)
    except struct.error:
        raise Refused(Cause.BROKEN, "It breaks off within its header.") from None


def _read(head: bytes, stream: BinaryIO) -> Header:
    if head.startswith(b"\xff\xd8\xff"):
        return Header(Format.JPEG, *_jpeg_size(stream))
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Header(Format.PNG, *struct.unpack_from(">II", head, 16))
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return Header(Format.GIF, *struct.unpack_from("<HH", head, 6))
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Header(Format.WEBP, *_webp_size(head))
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return Header(Format.WEBM)
    if head[4:8] == b"ftyp":
        format_ = _by_brand(head)
        return Header(format_, *(_box_size(stream) if format_.media is Media.IMAGE else ()))
    raise Refused(Cause.UNKNOWN_FORMAT)


def _jpeg_size(stream: BinaryIO) -> tuple[int, int]:
    for marker, length in _segments(stream):
        if marker in _SIZES:
            height, width = struct.unpack(">xHH", stream.read(5))
            return width, height
        stream.seek(length - 2, 1)
    raise Refused(Cause.BROKEN, "It tells no size.")


def _segments(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """Each segment's marker and length; the stream stands behind them."""
    stream.seek(2)
    for _ in range(MOST_SEGMENTS):
        (mark,) = struct.unpack("B", stream.read(1))
        if mark != 0xFF:
            return
        while mark == 0xFF:  # any number of them fills the space before a marker
            (mark,) = struct.unpack("B", stream.read(1))
        if mark in (0xD9, 0xDA):
            return
        (length,) = struct.unpack(">H", stream.read(2))
        if length < 2:
            return
        yield mark, length


def _webp_size(head: bytes) -> tuple[int, int]:
    """The canvas, of each of the three kinds of first chunk (RFC 9649, 2.3 to 2.7)."""
    kind = head[12:16]
    if kind == b"VP8X":
        low, high = struct.unpack_from("<HB", head, 24), struct.unpack_from("<HB", head, 27)
        return low[0] + (low[1] << 16) + 1, high[0] + (high[1] << 16) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise Refused(Cause.BROKEN, "Its first chunk is none of a picture.")


def _box_size(stream: BinaryIO) -> tuple[int, int]:
    """The largest size that an AVIF or HEIC names: that of the whole picture, not of one of its tiles."""
    start, end = 0, stream.seek(0, 2)
    for name, before in _WAY:
        found = next((box for kind, *box in _boxes(stream, start, end) if kind == name), None)
        if found is None:
            raise Refused(Cause.BROKEN, "It tells no size.")
        start, end = found[0] + before, found[1]
    sizes = []
    for kind, at, _ in _boxes(stream, start, end):
        if kind == b"ispe":
            stream.seek(at)
            sizes.append(struct.unpack(">4xII", stream.read(12)))
    if not sizes:
        raise Refused(Cause.BROKEN, "It tells no size.")
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return width, height


def _boxes(stream: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Each box's kind, and where what is in it begins and ends (ISO 14496-12, 4.2)."""
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        stream.seek(start)
        octets, kind = struct.unpack(">I4s", stream.read(8))
        head = 8
        if octets == 1:
            (octets,), head = struct.unpack(">Q", stream.read(8)), 16
        ends = min(end, start + octets) if octets else end
        if ends < start + head:
            return
        yield kind, start + head, ends
        start = ends


def _by_brand(head: bytes) -> Format:
    brand = head[8:12]
    # A picture's own brand may stand behind a general one (ISO 14496-12, 4.3).
    if brand in (b"mif1", b"msf1"):
        kinds = [head[at : at + 4] for at in range(16, min(len(head), int.from_bytes(head[:4])), 4)]
        brand = next((kind for kind in kinds if kind in _BRANDS), brand)
    if brand in _BRANDS:
        return _BRANDS[brand]
    if brand.startswith(_VIDEO_BRANDS):
        return Format.MP4
    raise Refused(Cause.UNKNOWN_FORMAT)


def _are_kin(one: Format, other: Format) -> bool:
    """Videos are what their streams are: a phone's MOV is often called MP4."""
    return one.media is Media.VIDEO and other.media is Media.VIDEO
