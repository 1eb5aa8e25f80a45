"""Pictures as iPhones take them: turned by their container, decoded where there is a decoder, refused where not."""

import io
import struct
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from notifier.media.headers import MOST_BOXES, Header, check_header
from notifier.policy.media import Cause, Format, Limits, Refused, RenditionState
from notifier.store.database import Database
from tests.media.pictures import SECRET, made, octets_of, photo, picture, seen, sizes
from tests.media.studio import Studio
from tests.media.test_images import opened, stands_upright

pillow_heif = pytest.importorskip("pillow_heif", reason="no decoder of HEIC: pip install pillow-heif")
WITH = Limits(heic=True)


@cache
def heic(orientation: int = 1, *, width: int = 400, height: int = 300) -> bytes:
    """As an iPhone writes it: with EXIF, and turned by properties of the container (irot, imir)."""
    pillow_heif.register_heif_opener()
    lying = Image.open(io.BytesIO(photo(orientation, width, height)))
    return octets_of(lying, "HEIF", quality=80)


def claiming(octets: bytes, width: int, height: int) -> bytes:
    """It says that it is that large."""
    at = octets.index(b"ispe") + 8
    return octets[:at] + struct.pack(">II", width, height) + octets[at + 8 :]


def test_it_stands_upright_and_nothing_is_left_of_what_the_phone_noted(tmp_path: Path):
    for orientation in range(1, 9):
        octets = heic(orientation)
        assert SECRET in octets
        turned = orientation in (5, 6, 7, 8)
        stored = (300, 400) if turned else (400, 300)
        assert check_header(io.BytesIO(octets), len(octets), WITH, called="image/heic") == Header(Format.HEIC, *stored)
        told = made(tmp_path, octets, Format.HEIC, heic=True)
        assert sizes(told)["w640.webp"] == (seen(told).width, seen(told).height) == (400, 300)
        assert all(stands_upright(opened(tmp_path, spec)) for spec in ("w640.jpeg", "w640.webp", "w320.jpeg"))
        for spec in sizes(told):
            assert not opened(tmp_path, spec).getexif()
            assert SECRET not in (tmp_path / "out" / spec).read_bytes()


def test_where_nothing_decodes_it_it_is_refused_and_told_what_would_be_right(tmp_path: Path):
    with pytest.raises(Refused, match="or send it as JPEG") as refused:
        check_header(io.BytesIO(heic()), len(heic()), Limits())
    assert refused.value.cause is Cause.UNKNOWN_FORMAT
    with pytest.raises(Refused, match="pillow-heif"):  # nor by a worker that lacks what the web server has
        made(tmp_path, heic(), Format.HEIC)


def test_a_bomb_is_refused_by_its_header_and_by_the_decoder(tmp_path: Path):
    for width, height in ((60_000, 10), (16_000, 16_000)):
        bomb = claiming(heic(), width, height)
        with pytest.raises(Refused) as by_header:
            check_header(io.BytesIO(bomb), len(bomb), WITH)
        with pytest.raises(Refused) as by_decoder:
            made(tmp_path, bomb, Format.HEIC, heic=True)
        assert by_header.value.cause is Cause.TOO_MANY_PIXELS
        assert by_decoder.value.cause in (Cause.TOO_MANY_PIXELS, Cause.BROKEN)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        box(b"meta", b""),
        box(b"meta", bytes(4) + box(b"iprp", box(b"ipco", b""))),
        box(b"meta", bytes(4) + box(b"iprp", box(b"ipco", box(b"ispe", bytes(4))))),
        box(b"free", b"") * (MOST_BOXES + 1) + box(b"meta", bytes(4)),
        struct.pack(">I4sQ", 1, b"meta", 2**64 - 1),
        struct.pack(">I4s", 1, b"meta"),
        struct.pack(">I4s", 4, b"meta"),
    ],
)
def test_boxes_that_lead_nowhere_are_broken_and_not_followed_for_long(content: bytes):
    octets = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic") + content
    with pytest.raises(Refused) as refused:
        check_header(io.BytesIO(octets), len(octets), WITH)
    assert refused.value.cause is Cause.BROKEN


def test_the_bound_child_makes_it_and_refuses_what_breaks_off_or_lies(tmp_path: Path, database: Database):
    studio = Studio(database, tmp_path / "media", limits=WITH)
    whole, cut, lie = (studio.upload(each) for each in (heic(6), heic()[:-400], claiming(heic(3), 40, 30)))
    studio.worker().render([whole, cut, lie])
    assert len(studio.in_state(whole, RenditionState.DONE)) == 4
    assert {one.cause for one in studio.renditions(cut).values()} >= {Cause.BROKEN}
    assert not studio.in_state(cut, RenditionState.DONE)
    assert not studio.in_state(lie, RenditionState.WAITING)


def test_an_avif_tells_its_size_as_well():
    octets = octets_of(picture(), "AVIF")
    assert check_header(io.BytesIO(octets), len(octets), Limits()) == Header(Format.AVIF, 400, 300)
