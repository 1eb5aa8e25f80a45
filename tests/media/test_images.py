"""What becomes of pictures of every kind, and which are refused."""

import io
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from notifier.media.headers import check_header
from notifier.policy.media import Cause, Format, Limits, Refused
from tests.media.pictures import (
    BLUE,
    GREEN,
    IMAGES,
    RED,
    SECRET,
    SPECS,
    bomb,
    grey16,
    left_out,
    made,
    moving,
    octets_of,
    photo,
    picture,
    seen,
    sizes,
)
from tests.stack import ROOT


def near(shown: object, wanted: tuple[int, int, int], by: int = 12) -> bool:
    assert isinstance(shown, tuple)
    return all(abs(one - other) <= by for one, other in zip(shown, wanted, strict=True))


def opened(folder: Path, spec: str) -> Image.Image:
    return Image.open(io.BytesIO((folder / "out" / spec).read_bytes()))


def stands_upright(shown: Image.Image) -> bool:
    width, height = shown.size
    corners = {(0.25, 0.25): RED, (0.75, 0.25): GREEN, (0.25, 0.75): BLUE, (0.75, 0.75): BLUE}
    return all(
        near(shown.convert("RGB").getpixel((int(x * width), int(y * height))), colour)
        for (x, y), colour in corners.items()
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_stands_upright_and_nothing_is_left_of_what_the_phone_noted(tmp_path: Path, orientation: int):
    told = made(tmp_path, photo(orientation))
    assert sizes(told) == {
        "w640.jpeg": (400, 300),
        "w640.webp": (400, 300),
        "w320.jpeg": (320, 240),
        "square150.jpeg": (150, 150),
    }
    assert left_out(told) == {"w2048.jpeg", "w2048.webp", "w1080.jpeg", "w1080.webp"}
    assert (seen(told).width, seen(told).height, seen(told).moves) == (400, 300, False)
    for spec in sizes(told):
        octets = (tmp_path / "out" / spec).read_bytes()
        shown = opened(tmp_path, spec)
        assert not shown.getexif()
        assert not {"exif", "icc_profile", "comment", "xmp"} & set(shown.info)
        assert SECRET not in octets
        assert b"Exif" not in octets
        assert b"ICC_PROFILE" not in octets
    assert stands_upright(opened(tmp_path, "w640.jpeg"))
    assert stands_upright(opened(tmp_path, "w320.jpeg"))


def test_a_large_photo_is_made_in_all_sizes_and_never_larger_than_itself(tmp_path: Path):
    told = made(tmp_path, photo(6, 1500, 2000))
    assert sizes(told) == {
        "w2048.jpeg": (1500, 2000),
        "w2048.webp": (1500, 2000),
        "w1080.jpeg": (1080, 1440),
        "w1080.webp": (1080, 1440),
        "w640.jpeg": (640, 853),
        "w640.webp": (640, 853),
        "w320.jpeg": (320, 427),
        "square150.jpeg": (150, 150),
    }
    assert stands_upright(opened(tmp_path, "w1080.webp"))
    assert len(seen(told).blurhash) == 28


def test_what_was_made_before_makes_no_difference_to_what_is_missing(tmp_path: Path):
    octets = photo(8)
    whole = sizes(made(tmp_path, octets))
    before = {spec: (tmp_path / "out" / spec).read_bytes() for spec in whole}
    again = sizes(made(tmp_path, octets))
    assert again == whole
    assert {spec: (tmp_path / "out" / spec).read_bytes() for spec in again} == before


def srgb_of(profile: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(profile)).tobytes()  # type: ignore[arg-type]  # a literal


@pytest.mark.parametrize(
    ("octets", "format_", "shows"),
    [
        (octets_of(picture(mode="CMYK")), Format.JPEG, None),
        (octets_of(picture(), progressive=True), Format.JPEG, None),
        (octets_of(picture(mode="L"), "PNG"), Format.PNG, (72, 72, 72)),
        (grey16(), Format.PNG, (128, 128, 128)),
        (octets_of(picture(), "PNG", icc_profile=srgb_of("sRGB")), Format.PNG, RED),
        (octets_of(picture(), "PNG", icc_profile=b"no profile at all"), Format.PNG, RED),
        (octets_of(picture(mode="L"), "PNG", icc_profile=srgb_of("sRGB")), Format.PNG, (72, 72, 72)),
        (octets_of(picture(), "WEBP", lossless=True), Format.WEBP, RED),
        (octets_of(picture(), "AVIF"), Format.AVIF, None),
        (moving("GIF"), Format.GIF, None),
        (moving("WEBP"), Format.WEBP, None),
        (octets_of(picture(mode="1"), "PNG"), Format.PNG, None),
    ],
    ids=[
        "cmyk",
        "progressive",
        "grey",
        "16-bit",
        "srgb",
        "bad-profile",
        "grey-profile",
        "webp",
        "avif",
        "gif",
        "moving-webp",
        "1-bit",
    ],
)
def test_every_kind_of_picture_is_shown_in_srgb(
    tmp_path: Path, octets: bytes, format_: Format, shows: tuple[int, int, int] | None
):
    told = made(tmp_path, octets, format_)
    shown = opened(tmp_path, "w320.jpeg")
    assert shown.mode == "RGB"
    assert seen(told).moves is (octets in (moving("GIF"), moving("WEBP")))
    if shows:
        corner = shown.convert("RGB").getpixel((shown.width // 4, shown.height // 4))
        assert near(corner, shows)


def test_a_wide_profile_is_converted_and_not_only_dropped(tmp_path: Path):
    lab = ImageCms.createProfile("sRGB")
    # A profile whose red and blue are the other way round, as plain proof that it is asked at all.
    octets = bytearray(ImageCms.ImageCmsProfile(lab).tobytes())
    red, blue = octets.index(b"rXYZ"), octets.index(b"bXYZ")
    octets[red : red + 4], octets[blue : blue + 4] = b"bXYZ", b"rXYZ"
    made(tmp_path, octets_of(picture(), "PNG", icc_profile=bytes(octets)), Format.PNG)
    corner = opened(tmp_path, "w320.jpeg").convert("RGB").getpixel((80, 60))
    assert isinstance(corner, tuple)
    assert corner[2] > corner[0]


def test_what_shines_through_stands_on_white_in_jpeg_and_stays_in_webp(tmp_path: Path):
    clear = picture(mode="RGBA")
    clear.putalpha(Image.new("L", clear.size, 0))
    palette = picture().quantize(4)
    for octets in (octets_of(clear, "PNG"), octets_of(palette, "PNG", transparency=palette.getpixel((100, 75)))):
        made(tmp_path, octets, Format.PNG)
        assert near(opened(tmp_path, "w640.jpeg").convert("RGB").getpixel((100, 75)), (255, 255, 255), 4)
        through = opened(tmp_path, "w640.webp").convert("RGBA").getpixel((100, 75))
        assert isinstance(through, tuple)
        assert through[3] == 0


def test_avif_is_made_where_it_is_set(tmp_path: Path):
    told = made(tmp_path, photo(), specs=SPECS.with_avif().of(IMAGES[0].media))
    assert sizes(told)["w640.avif"] == (400, 300)
    assert stands_upright(opened(tmp_path, "w640.avif"))


@pytest.mark.parametrize(
    ("octets", "format_", "cause"),
    [
        (photo()[:-2000], Format.JPEG, Cause.BROKEN),
        (octets_of(picture(), "PNG")[:700], Format.PNG, Cause.BROKEN),
        (octets_of(picture(), "WEBP")[:200], Format.WEBP, Cause.BROKEN),
        (photo(), Format.PNG, Cause.MISLABELLED),
        (b"\xff\xd8\xff" + b"\0" * 500, Format.JPEG, Cause.BROKEN),
        (octets_of(picture(), "BMP"), Format.PNG, Cause.BROKEN),
        (bomb(9_000, 9_000), Format.PNG, Cause.TOO_MANY_PIXELS),
    ],
    ids=["cut-jpeg", "cut-png", "cut-webp", "mislabelled", "rubbish", "bmp", "bomb"],
)
def test_what_cannot_be_decoded_says_why(tmp_path: Path, octets: bytes, format_: Format, cause: Cause):
    with pytest.raises(Refused) as refused:
        made(tmp_path, octets, format_)
    assert refused.value.cause is cause


def checked(octets: bytes, called: str = "") -> Format:
    return check_header(io.BytesIO(octets), len(octets), Limits(), called=called).format


def test_what_it_is_is_told_by_its_octets_and_not_by_its_name():
    for octets, format_, type_ in (
        (photo(), Format.JPEG, "image/jpg"),
        (octets_of(picture(), "PNG"), Format.PNG, "image/png; charset=binary"),
        (moving("GIF"), Format.GIF, "application/octet-stream"),
        (octets_of(picture(), "WEBP"), Format.WEBP, ""),
        (octets_of(picture(), "WEBP", lossless=True), Format.WEBP, "image/webp"),
        (moving("WEBP"), Format.WEBP, "image/webp"),
        (octets_of(picture(), "AVIF"), Format.AVIF, "image/avif"),
        (b"\0\0\0\x18ftypqt  " + b"\0" * 90, Format.MP4, "video/mp4"),
        (b"\x1a\x45\xdf\xa3" + b"\0" * 90, Format.WEBM, "video/mp4"),
    ):
        assert checked(octets, type_) is format_
    for octets in (photo(), octets_of(picture(), "PNG"), moving("GIF"), octets_of(picture(), "WEBP", lossless=True)):
        header = check_header(io.BytesIO(octets), len(octets), Limits())
        assert (header.width, header.height) == Image.open(io.BytesIO(octets)).size


@pytest.mark.parametrize(
    ("octets", "called", "cause"),
    [
        (b"", "", Cause.EMPTY),
        (b"GIF89a", "", Cause.BROKEN),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", Cause.UNKNOWN_FORMAT),
        (b"%PDF-1.7", "image/jpeg", Cause.UNKNOWN_FORMAT),
        (photo(), "image/png", Cause.MISLABELLED),
        (photo(), "video/mp4", Cause.MISLABELLED),
        (photo()[:100], "", Cause.BROKEN),
        (photo() + b"\0" * (20 * 1024 * 1024), "", Cause.TOO_LARGE),
        (bomb(), "image/png", Cause.TOO_MANY_PIXELS),
    ],
    ids=["empty", "cut", "svg", "pdf", "png?", "video?", "no-size", "large", "bomb"],
)
def test_what_is_refused_by_its_first_octets(octets: bytes, called: str, cause: Cause):
    with pytest.raises(Refused) as refused:
        checked(octets, called)
    assert refused.value.cause is cause


def test_a_bomb_is_refused_at_once_and_takes_no_memory():
    octets = bomb()
    assert len(octets) < 200_000
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.thread_time()
    for _ in range(10):
        with pytest.raises(Refused):
            checked(octets)
    assert (time.thread_time() - began) / 10 < 0.05
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000  # kB


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc to ask how much memory was taken")
def test_fifty_megapixels_are_made_within_a_small_memory(tmp_path: Path):
    source = tmp_path / "source"
    source.write_bytes(octets_of(Image.new("RGB", (8_000, 6_000), RED)))
    told = """
import sys
from pathlib import Path
from tests.media.pictures import made, sizes
folder = Path(sys.argv[1])
print(sizes(made(folder, (folder / "source").read_bytes()))["w2048.jpeg"])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    out = subprocess.run([sys.executable, "-c", told, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    size, kilobytes = out.stdout.splitlines()
    assert size == "(2048, 1536)"
    assert int(kilobytes) < 200_000  # with all that a test imports; `make bench` measures the child itself
