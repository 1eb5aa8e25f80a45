"""CPU and memory of five JPEG renditions of a photo: ours, its child process and all, beside the plain loop.

Each side runs in a process of its own, so that no memory of the other's counts. `python -m bench.media SIDE PHOTO` is
such a process.
"""

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.figures import Figure, Measured
from bench.running import PYTHON

PHOTOS = {"12": (4000, 3000), "48": (8000, 6000)}  # megapixels → size
MOST_CPU = {"12": 0.6, "48": 0.7}
GOALS = {"12": 2.0, "48": 5.0}
MOST_MB = 150.0
SIZES = (2048, 1080, 640, 320, 150)
AGAINST = "open, upright, resize, save for each size"


def measure(rounds: int) -> Measured:
    """Both sides take turns over each photo."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        for name in PHOTOS:
            photo = Path(folder) / f"{name}.jpg"
            _run("photo", photo, name)
            pairs = [(_run("ours", photo), _run("plain", photo)) for _ in range(rounds)]
            figures += _figures(name, pairs)
    return Measured(tuple(figures))


def _figures(name: str, pairs: list[tuple[Mapping[str, float], Mapping[str, float]]]) -> list[Figure]:
    ours, theirs = zip(*pairs, strict=True)
    made = []
    for what, unit, goal, most in (
        ("cpu", "s CPU", GOALS[name], MOST_CPU[name]),
        ("mb", "MB at most", None, MOST_MB),
    ):
        ours_, theirs_ = (tuple(one[what] for one in side) for side in (ours, theirs))
        made.append(Figure(f"media {name} MP", unit, ours_, theirs_, AGAINST, goal=goal, most=most))
    return made


def _run(side: str, photo: Path, *more: str) -> dict[str, float]:
    out = subprocess.run([PYTHON, "-m", "bench.media", side, str(photo), *more], capture_output=True, check=True)
    found: dict[str, float] = json.loads(out.stdout or "{}")
    return found


def ours(photo: Path) -> dict[str, float]:
    """What a worker does, without the database and the storage."""
    from notifier.app.home import RENDITIONS
    from notifier.media.making import Maker, Source
    from notifier.media.told import Written
    from notifier.policy.media import Format, Limits, Media
    from notifier.policy.renditions import read_specs

    specs = [one for one in read_specs(RENDITIONS.read_text()).of(Media.IMAGE) if one.format == "jpeg"]
    maker = Maker(tuple(specs), Limits())
    with tempfile.TemporaryDirectory() as folder:
        told = list(maker.make(Source(photo, Format.JPEG, Path(folder)), specs, threading.Event()))
    assert sorted(one.spec for one in told if isinstance(one, Written)) == sorted(one.name for one in specs)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss / 1024}


def plain(photo: Path) -> dict[str, float]:
    """What a tutorial does."""
    from PIL import Image, ImageOps

    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            image: Any = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
            if size == min(SIZES):
                image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
            else:
                image = image.resize((size, round(size * image.height / image.width)), Image.Resampling.LANCZOS)
            image.save(Path(folder) / f"{size}.jpg", quality=80)
    cpu = time.process_time() - began
    return {"cpu": cpu, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def make_photo(path: Path, name: str) -> None:
    """A photo of so many megapixels, with large shapes, fine noise, and lying on its side."""
    from PIL import Image

    width, height = PHOTOS[name]
    shapes = Image.effect_noise((width // 8, height // 8), 60).resize((width, height), Image.Resampling.BICUBIC)
    slope, noise = Image.linear_gradient("L").resize((width, height)), Image.effect_noise((width, height), 12)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.merge("RGB", (shapes, slope, noise)).save(path, quality=90, exif=exif)


if __name__ == "__main__":
    side, given = sys.argv[1], Path(sys.argv[2])
    if side == "photo":
        make_photo(given, sys.argv[3])
    else:
        print(json.dumps({"ours": ours, "plain": plain}[side](given)))
