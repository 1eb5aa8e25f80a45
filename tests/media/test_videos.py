"""Videos: a poster, then three sizes in one pass, and what is refused, bounded or left out."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from notifier.media.making import Maker, Source
from notifier.media.told import Going, LeftOut, Seen, Told, Written
from notifier.media.videos import Probed, find_ffmpeg, frame_of, read_probe
from notifier.policy.media import Cause, Format, Limits, Media, Refused, RenditionState
from tests.media.pictures import moving
from tests.media.studio import SPECS, Studio
from tests.stack import ROOT

FFMPEG = find_ffmpeg()
NO_FFMPEG = "no ffmpeg: neither on the machine nor by the package imageio-ffmpeg"
needs_ffmpeg = pytest.mark.skipif(not FFMPEG, reason=NO_FFMPEG)
FILMS = SPECS.of(Media.VIDEO)


def filmed(
    path: Path, *, size: str = "640x360", seconds: float = 2, rate: int = 10, more: tuple[str, ...] = ()
) -> Path:
    """A film of so many seconds with a tone, the place where it was taken among its notes."""
    command = [FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}"]
    command += ["-f", "lavfi", "-i", f"sine=d={seconds}", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]
    command += ["-metadata", "location=+48.8584+002.2945/", "-metadata", "title=Anas film", *more, str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filmed(tmp_path_factory.mktemp("films") / "film.mp4")


def made(source: Path, folder: Path, format_: Format = Format.MP4, **limits: float) -> list[Told]:
    maker = Maker(SPECS.specs, Limits(**limits))  # type: ignore[arg-type]  # whole numbers are floats
    return list(maker.make(Source(source, format_, folder), FILMS, threading.Event()))


def probed(path: Path) -> str:
    return subprocess.run([FFMPEG, "-hide_banner", "-i", str(path)], capture_output=True, text=True, check=False).stderr


@needs_ffmpeg
def test_a_film_has_a_poster_and_every_size_that_it_has_itself(film: Path, tmp_path: Path):
    told = made(film, tmp_path)
    written = {one.spec: (one.width, one.height) for one in told if isinstance(one, Written)}
    assert written == {"poster.jpeg": (640, 360), "h240.mp4": (426, 240), "h480.mp4": (640, 360)}
    assert [one for one in told if isinstance(one, LeftOut)] == [LeftOut("h720.mp4", Cause.SOURCE_SMALLER)]
    first = next(at for at, one in enumerate(told) if isinstance(one, Written))
    assert told[first].spec == "poster.jpeg"  # and recorded by itself, while the films are still to come
    assert any(isinstance(one, Going) for one in told[first:])
    assert any(isinstance(one, Seen) and one.blurhash for one in told[:first])
    *_, seen = (one for one in told if isinstance(one, Seen))
    assert (seen.width, seen.height, seen.ms, len(seen.blurhash)) == (640, 360, 2_000, 28)
    percents = [one.percent for one in told[first:] if isinstance(one, Going) and one.percent is not None]
    assert percents == sorted(percents)
    small = (tmp_path / "h240.mp4").read_bytes()
    assert small.index(b"moov") < small.index(b"mdat")  # faststart: it plays before all of it is there
    said = probed(tmp_path / "h240.mp4")
    assert "Video: h264" in said
    assert "yuv420p" in said
    assert "426x240" in said
    assert "Audio: aac" in said
    for spec in written:
        octets = (tmp_path / spec).read_bytes()
        assert not {b"48.8584", b"Anas film"} & {each for each in (b"48.8584", b"Anas film") if each in octets}
    with Image.open(tmp_path / "poster.jpeg") as poster:
        assert poster.size == (640, 360)
        assert not poster.getexif()


@needs_ffmpeg
def test_a_film_of_a_phone_that_was_held_upright_stands_upright(film: Path, tmp_path: Path):
    turned = tmp_path / "turned.mp4"
    turn = [FFMPEG, "-v", "error", "-y", "-display_rotation", "90", "-i", str(film), "-c", "copy", str(turned)]
    if subprocess.run(turn, capture_output=True, check=False).returncode:
        pytest.skip("this ffmpeg turns no film")
    told = made(turned, tmp_path)
    written = {one.spec: (one.width, one.height) for one in told if isinstance(one, Written)}
    assert written == {"poster.jpeg": (360, 640), "h240.mp4": (240, 426), "h480.mp4": (360, 640)}
    with Image.open(tmp_path / "poster.jpeg") as poster:
        assert poster.size == (360, 640)
    assert "240x426" in probed(tmp_path / "h240.mp4")


@needs_ffmpeg
def test_what_is_no_film_is_refused_with_the_reason(film: Path, tmp_path: Path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[:3_000])
    sound = tmp_path / "sound.mp4"
    tone = [FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", str(sound)]
    subprocess.run(tone, check=True)
    list_ = tmp_path / "list.mp4"
    list_.write_text(f"ffconcat version 1.0\nfile '{film}'\n")
    for source in (cut, sound, list_):
        with pytest.raises(Refused) as refused:
            made(source, tmp_path)
        assert refused.value.cause is Cause.BROKEN


@needs_ffmpeg
def test_a_film_that_is_too_long_or_too_large_is_refused_before_it_is_decoded(film: Path, tmp_path: Path):
    for limits, cause in (({"duration": 1}, Cause.TOO_LONG), ({"video_side": 500}, Cause.TOO_MANY_PIXELS)):
        with pytest.raises(Refused) as refused:
            made(film, tmp_path, **limits)
        assert refused.value.cause is cause


@needs_ffmpeg
def test_a_film_that_tells_no_length_is_cut_off_at_the_limit(tmp_path: Path):
    live = tmp_path / "live.webm"
    with live.open("wb") as out:  # into a pipe: no length can be written afterwards
        source = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=10:d=6", "-c:v", "libvpx", "-f", "webm", "pipe:1"]
        subprocess.run(["sh", "-c", '"$@" | cat', "sh", FFMPEG, "-v", "error", *source], stdout=out, check=True)
    assert "Duration: N/A" in probed(live)
    assert any(isinstance(one, Written) for one in made(live, tmp_path, Format.WEBM))
    with pytest.raises(Refused) as refused:
        made(live, tmp_path, Format.WEBM, duration=2)
    assert refused.value.cause is Cause.TOO_LONG


@needs_ffmpeg
def test_a_worker_that_is_killed_takes_its_ffmpeg_along_and_another_makes_the_film(one_studio: Studio, film: Path):
    asset = one_studio.upload(film.read_bytes(), "video/mp4")
    url = one_studio.database.url.render_as_string(hide_password=False)
    script = """
import sys
from tests.media.studio import *
studio = Studio(Database(sys.argv[1]), Path(sys.argv[2]))
class Telling(Maker):
    def make(self, *given):
        for told in super().make(*given):
            children = open(f"/proc/self/task/{threading.get_native_id()}/children").read().split()
            print(*children, flush=True)
            if type(told).__name__ == "Seen":
                die()
            yield told
studio.worker(maker=Telling(studio.specs.specs, studio.limits)).render([sys.argv[3]])
"""
    command = [sys.executable, "-c", script, url, str(one_studio.folder), asset]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert not [pid for pid in killed.stdout.split() if runs(pid)]
    one_studio.wait(seconds=61)
    one_studio.worker().render([asset])
    made_of = one_studio.renditions(asset)
    assert {spec for spec, one in made_of.items() if one.state == RenditionState.DONE} == {
        "poster.jpeg",
        "h240.mp4",
        "h480.mp4",
    }
    assert one_studio.asset(asset).ms == 2_000
    assert not list((one_studio.folder / "work").iterdir())


def runs(pid: str) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@needs_ffmpeg
def test_ffmpeg_is_killed_at_its_deadline(one_studio: Studio, tmp_path: Path):
    class Hasty(Limits):
        def video_seconds(self, seconds: float) -> float:
            return 0.3 + seconds * 0

    asset = one_studio.upload(filmed(tmp_path / "long.mp4", size="1280x720", seconds=20, rate=30).read_bytes())
    one_studio.limits = Hasty()
    one_studio.worker().render([asset])
    made = one_studio.renditions(asset)
    assert {one.cause for spec, one in made.items() if spec != "poster.jpeg"} == {Cause.OUT_OF_TIME}
    assert not list((one_studio.folder / "work").iterdir())


def test_without_ffmpeg_films_are_left_out_and_say_how_to_get_it(one_studio: Studio, tmp_path: Path):
    path = tmp_path / "x.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom" + bytes(200))
    asset = one_studio.upload(path.read_bytes(), "video/mp4")
    one_studio.worker(maker=Maker(SPECS.specs, one_studio.limits, ffmpeg="/nowhere/ffmpeg")).render([asset])
    assert {(one.state, one.cause) for one in one_studio.renditions(asset).values()} == {
        (RenditionState.SKIPPED, Cause.NO_FFMPEG)
    }
    assert "README" in one_studio.renditions(asset)["poster.jpeg"].said


@needs_ffmpeg
@pytest.mark.parametrize("format_", ["GIF", "WEBP"])
def test_a_moving_picture_becomes_a_short_film_where_that_is_set(one_studio: Studio, format_: str):
    one_studio.specs = SPECS.with_motion()
    asset = one_studio.upload(moving(format_, 10))
    one_studio.worker().render([asset])
    motion = one_studio.renditions(asset)["motion.mp4"]
    if format_ == "WEBP" and motion.cause is Cause.BROKEN:
        pytest.skip("this ffmpeg reads no moving WebP")
    assert (motion.state, motion.width, motion.height) == (RenditionState.DONE, 64, 48)
    assert one_studio.renditions(asset)["w320.jpeg"].state == RenditionState.DONE


def test_what_ffmpeg_says_of_a_film_is_understood():
    said = """
  Metadata:
    title           : Duration: 00:00:01.00
                    : Stream #0:0: Video: h264, 10x10
  Duration: 00:01:02.50, start: 0.000000, bitrate: 9 kb/s
  Stream #0:0[0x1](und): Video: hevc (Main) (hvc1 / 0x31637668), yuv420p(tv), 1920x1080, 12 kb/s, 29.97 fps, 30 tbr
    Side data:
      displaymatrix: rotation of -90.00 degrees
  Stream #0:1[0x2](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz
"""
    upright = read_probe(said, Limits())
    assert upright == Probed(1080, 1920, 62.5, has_sound=True)
    assert frame_of(upright, SPECS.find("h240.mp4"), 240) == (240, 426)
    for wrong, cause in (
        (said.replace("00:01:02", "09:01:02"), Cause.TOO_LONG),
        (said.replace("1920x1080", "9999x1080"), Cause.TOO_MANY_PIXELS),
        (said.replace("Video:", "Data:"), Cause.BROKEN),
    ):
        with pytest.raises(Refused) as refused:
            read_probe(wrong, Limits())
        assert refused.value.cause is cause


@needs_ffmpeg
def test_a_film_is_found_where_all_is_named_from_where_the_service_was_started(
    one_studio: Studio, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own-ffmpeg").symlink_to(FFMPEG)
    studio = Studio(one_studio.database, Path("instance/media"))
    asset = studio.upload(film.read_bytes(), "video/mp4")
    studio.worker(maker=Maker(SPECS.specs, studio.limits, ffmpeg="./own-ffmpeg")).render([asset])
    assert studio.in_state(asset, RenditionState.DONE) == {"poster.jpeg", "h240.mp4", "h480.mp4"}
