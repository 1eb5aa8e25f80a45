"""Which versions are made of what, and what the table of them may say."""

from datetime import timedelta

import pytest

from notifier.app.home import RENDITIONS
from notifier.policy.media import OUR_CAUSES, Cause, Limits, Media, Refused
from notifier.policy.renditions import SpecFault, again_in, fitting, read_specs

TABLE = RENDITIONS.read_text()
SPECS = read_specs(TABLE)
IMAGES = SPECS.of(Media.IMAGE)


def test_the_table_has_jpeg_everywhere_and_webp_from_640_up():
    sizes = {format_: {one.size for one in IMAGES if one.format == format_} for format_ in ("jpeg", "webp", "avif")}
    assert sizes == {"jpeg": {2048, 1080, 640, 320, 150}, "webp": {2048, 1080, 640}, "avif": set()}
    assert {one.size for one in SPECS.with_avif().specs if one.format == "avif"} == {2048, 1080, 640}
    videos = [(one.name, one.size) for one in SPECS.of(Media.VIDEO)]
    assert videos == [("poster.jpeg", 720), ("h240.mp4", 240), ("h480.mp4", 480), ("h720.mp4", 720)]


@pytest.mark.parametrize(
    ("width", "made"),
    [
        (4000, {2048: 2048, 1080: 1080, 640: 640, 320: 320}),
        (2048, {2048: 2048, 1080: 1080, 640: 640, 320: 320}),
        (1500, {2048: 1500, 1080: 1080, 640: 640, 320: 320}),
        (641, {1080: 641, 640: 640, 320: 320}),
        (640, {640: 640, 320: 320}),
        (5, {320: 5}),
    ],
)
def test_nothing_is_larger_than_its_source_and_all_of_it_is_kept_once(width: int, made: dict[int, int]):
    jpegs = [one for one in IMAGES if one.format == "jpeg" and not one.square]
    found = fitting(jpegs, width, 9)
    assert {one.size: found[one.name] for one in jpegs if one.name in found} == made


def test_a_square_and_a_video_go_by_the_shorter_side():
    square = [one for one in IMAGES if one.square]
    assert fitting(square, 4000, 100) == {"square150.jpeg": 100}
    videos = SPECS.of(Media.VIDEO)
    assert fitting(videos, 1080, 1920) == {"poster.jpeg": 720, "h240.mp4": 240, "h480.mp4": 480, "h720.mp4": 720}
    assert fitting(videos, 640, 360) == {"poster.jpeg": 360, "h240.mp4": 240, "h480.mp4": 360}


def test_a_changed_field_is_a_new_version_and_the_others_keep_theirs():
    changed = read_specs(
        TABLE, "[images.w640]\nquality = 70\nformats = ['jpeg']\n[images.w96]\nwidth = 96\nquality = 70"
    )
    before, after = ({one.name: one.version for one in specs.specs} for specs in (SPECS, changed))
    assert before["w640.jpeg"] != after["w640.jpeg"]
    assert before["w1080.jpeg"] == after["w1080.jpeg"]
    assert set(before) ^ set(after) == {"w640.webp", "w96.jpeg"}


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ("[images.w640]\nwidth = 0", "images.w640.width is 0; it must be a whole number from 1 to 16,384"),
        ("[images.w640]\nwidth = true", "images.w640.width is True"),
        ("[images.w640]\nformats = ['bmp']", "images.w640.formats is"),
        ("[images.w640]\ncolour = 1", "colour is not known"),
        ("[images.W640]\nwidth = 9", "a name is"),
        ("[videos.h1]\nheight = 241\nquality = 20\naudio = 1", "must be even"),
        ("[videos.h240]\nquality = 60", "from 0 to 51"),
        ("[pictures]", "pictures is not known"),
        ("images = 3", "it must be a table"),
        ("[", "not TOML"),
    ],
)
def test_a_wrong_table_says_what_would_be_right(own: str, says: str):
    with pytest.raises(SpecFault, match=says.replace("(", r"\(")):
        read_specs(TABLE, own)


def test_what_is_over_a_limit_is_refused_with_the_limit():
    limits = Limits()
    for check, cause, says in (
        (lambda: limits.check_octets(0), Cause.EMPTY, "octet"),
        (lambda: limits.check_octets(21 * 1024 * 1024, Media.IMAGE), Cause.TOO_LARGE, "20 MB"),
        (lambda: limits.check_pixels(30_000, 30_000, Media.IMAGE), Cause.TOO_MANY_PIXELS, "30,000 × 30,000"),
        (lambda: limits.check_pixels(16_385, 1, Media.IMAGE), Cause.TOO_MANY_PIXELS, "16,384 a side"),
        (lambda: limits.check_pixels(0, 9, Media.IMAGE), Cause.BROKEN, "nothing wide"),
        (lambda: limits.check_duration(181), Cause.TOO_LONG, "at most 180 s"),
    ):
        with pytest.raises(Refused, match=says) as refused:
            check()
        assert refused.value.cause is cause


def test_a_failure_is_tried_again_later_and_later_but_not_for_ever():
    delays = [again_in(tries, Cause.UNREACHABLE, timedelta(0)) for tries in range(1, 6)]
    assert [one and one.total_seconds() for one in delays] == [2, 20, 120, 600, None]
    assert [again_in(tries, Cause.OUT_OF_TIME, timedelta(0)) is not None for tries in (1, 2)] == [True, False]
    assert again_in(1, Cause.BROKEN, timedelta(0)) is None


def test_room_is_waited_for_a_day():
    for cause in OUR_CAUSES:
        assert again_in(100, cause, timedelta(hours=23)) == timedelta(minutes=10)
        assert again_in(100, cause, timedelta(hours=24)) is None
        assert again_in(1, cause, timedelta(hours=24)) == timedelta(seconds=2)
