"""Fetching what somebody named: only from where that may be, and never for long, or much."""

import hashlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from notifier.media.fetching import Fetched, Fetcher
from notifier.policy.endpoints import Rules
from notifier.policy.media import AssetState, Cause, Limits, Refused, RenditionState
from notifier.store.database import Database
from tests.disk import Disk
from tests.media.pictures import dusk, photo
from tests.media.studio import APP, Studio
from tests.stack import ROOT

PHOTO = photo()
LARGE = dusk()


class Site(BaseHTTPRequestHandler):
    """A site with a photo, and whatever goes wrong on sites."""

    protocol_version = "HTTP/1.1"
    asked: int = 0
    over: threading.Event

    def do_GET(self) -> None:
        type(self).asked += 1
        getattr(self, f"_{self.path.strip('/').partition('?')[0]}")()

    def _photo(self) -> None:
        self._say(200, PHOTO, **{"Content-Type": "image/jpeg"})

    def _lie(self) -> None:
        self._say(200, PHOTO, **{"Content-Type": "image/png"})

    def _away(self) -> None:
        self._say(302, b"", Location="/photo")

    def _gone(self) -> None:
        self._say(404, b"no")

    def _busy(self) -> None:
        self._say(503 if type(self).asked < 2 else 200, PHOTO)

    def _large(self) -> None:
        self._say(200, b"", **{"Content-Length": "200000000"})

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(PHOTO * 100)
        except OSError:
            self.close_connection = True

    def _cut(self) -> None:
        self._say(200, PHOTO[:500], **{"Content-Length": str(len(PHOTO))})
        self.close_connection = True

    def _stalls(self) -> None:
        """Half of it, and whoever asks again gets all of it."""
        first = type(self).asked == 1
        self._say(200, LARGE[: len(LARGE) // 2] if first else LARGE, **{"Content-Length": str(len(LARGE))})
        if first:
            self.over.wait()
            self.close_connection = True

    def _slow(self) -> None:
        try:
            for octet in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000:
                self.wfile.write(bytes([octet]))
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    """The address of such a site."""
    Site.asked, Site.over = 0, threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Site.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def fetched(url: str, path: Path, **limits: float) -> Fetched:
    fetcher = Fetcher(Rules(allow_loopback=True), Limits(**limits))  # type: ignore[arg-type]  # whole numbers are floats
    return fetcher.fetch(url, path, lambda: None)


def test_a_photo_is_fetched_with_what_it_is_called(site: str, tmp_path: Path):
    assert fetched(f"{site}/photo?size=large", tmp_path / "x") == Fetched(len(PHOTO), "image/jpeg")
    assert (tmp_path / "x").read_bytes() == PHOTO


@pytest.mark.parametrize(
    ("path", "cause", "says"),
    [
        ("away", Cause.BAD_ADDRESS, "leads on"),
        ("gone", Cause.NOT_THERE, "404"),
        ("busy", Cause.UNREACHABLE, "503"),
        ("large", Cause.TOO_LARGE, "100 MB"),
        ("endless", Cause.TOO_LARGE, "100 MB"),
        ("cut", Cause.UNREACHABLE, "IncompleteRead"),
    ],
)
def test_what_goes_wrong_on_sites_has_its_reason(site: str, tmp_path: Path, path: str, cause: Cause, says: str):
    with pytest.raises(Refused) as refused:
        fetched(f"{site}/{path}", tmp_path / "x")
    assert refused.value.cause is cause
    assert says in refused.value.sentence


def test_a_site_that_drips_is_cut_off(site: str, tmp_path: Path):
    began = time.monotonic()
    with pytest.raises(Refused) as refused:
        fetched(f"{site}/slow", tmp_path / "x", fetch_seconds=0.5)
    assert refused.value.cause is Cause.UNREACHABLE
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("url", "address", "says"),
    [
        ("http://pictures.example/a.jpg", "", "https"),
        ("https://pictures.example:8443/a.jpg", "", "443"),
        ("https://127.0.0.1/a.jpg", "", "not an address"),
        ("https://user@pictures.example/a.jpg", "", "no user name"),
        ("file:///etc/passwd", "", "https"),
        ("https://pictures.example/a.jpg", "169.254.169.254", "not public"),
        ("https://pictures.example/a.jpg", "127.0.0.1", "not public"),
        ("https://pictures.example/a.jpg", "::ffff:10.0.0.1", "not public"),
    ],
)
def test_an_address_that_leads_within_is_not_fetched(tmp_path: Path, url: str, address: str, says: str):
    fetcher = Fetcher(Rules(), Limits(), resolve=lambda _host, _port: ["93.184.215.14", address])
    with pytest.raises(Refused) as refused:
        fetcher.fetch(url, tmp_path / "x", lambda: None)
    assert refused.value.cause is Cause.BAD_ADDRESS
    assert says in refused.value.sentence


def named(studio: Studio, url: str) -> str:
    return studio.uploading.name(APP, url)


def test_what_is_named_is_fetched_in_the_background_and_made(database: Database, site: str, tmp_path: Path):
    studio = Studio(database, tmp_path / "media")
    asset = named(studio, f"{site}/photo")
    assert studio.asset(asset).state is AssetState.WAITING
    worker = studio.worker()
    assert worker.due() == [asset]
    assert worker.render([asset]) == 2  # fetched, then made
    assert studio.asset(asset).state is AssetState.STORED
    assert len(studio.in_state(asset, RenditionState.DONE)) == 4


def test_what_fails_on_the_way_is_tried_again_and_what_is_wrong_is_not(database: Database, site: str, tmp_path: Path):
    studio = Studio(database, tmp_path / "media")
    busy, lie, gone = (named(studio, f"{site}/{path}") for path in ("busy", "lie", "gone"))
    worker = studio.worker()
    worker.render([busy, lie, gone])
    assert (studio.asset(busy).state, studio.asset(busy).cause) == (AssetState.WAITING, Cause.UNREACHABLE)
    assert (studio.asset(lie).state, studio.asset(lie).cause) == (AssetState.REFUSED, Cause.MISLABELLED)
    assert studio.asset(gone).state is AssetState.WAITING  # it may be uploaded there a moment later
    assert worker.due() == []
    studio.wait(seconds=3)
    assert set(worker.due()) == {busy, gone}
    worker.render([busy])
    assert studio.asset(busy).state is AssetState.STORED
    assert studio.asset(busy).cause is None
    assert studio.uploading.retry(lie) == 1
    assert worker.due() == [lie]


def half_fetched(studio: Studio, asset: str) -> "subprocess.Popen[bytes]":
    """A worker, a process of its own, that is in the middle of fetching."""
    url = studio.database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.media.studio", url, str(studio.folder), asset, "never"]
    worker = subprocess.Popen(command, cwd=ROOT)
    part, until = studio.folder / "work" / asset / "source", time.monotonic() + 60
    while not (part.exists() and part.stat().st_size):
        assert worker.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    return worker


def test_a_worker_that_is_killed_while_it_fetches_leaves_no_half_file_and_another_takes_it_up(
    database: Database, site: str, tmp_path: Path
):
    studio = Studio(database, tmp_path / "media")
    asset = named(studio, f"{site}/stalls")
    killed = half_fetched(studio, asset)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert (studio.asset(asset).state, studio.asset(asset).tries) == (AssetState.WAITING, 1)
    assert not list(studio.folder.glob("??/*"))
    studio.wait(seconds=59)
    assert studio.worker().render([asset]) == 0  # the lease of the dead one
    studio.wait(seconds=2)
    worker = studio.worker()
    assert worker.due() == [asset]
    assert worker.render([asset]) == 2  # fetched, then made
    made = studio.renditions(asset).values()
    assert {one.state for one in made} == {RenditionState.DONE}
    assert studio.files() == {hashlib.sha256(LARGE).hexdigest(), *(one.file for one in made)}
    assert not list((studio.folder / "work").iterdir())


def test_what_is_fetched_onto_a_full_disk_waits_for_room(one_studio: Studio, site: str, disk: Disk):
    studio = Studio(one_studio.database, disk.folder / "media")
    asset = named(studio, f"{site}/photo")
    for pages in (0, 1):
        disk.fill(but=pages)
        assert studio.worker().render([asset]) == 1
        found = studio.asset(asset)
        assert (found.state, found.cause) == (AssetState.WAITING, Cause.NO_SPACE)
        assert found.said == "There is no room left to write it. No space left on device."
        assert not studio.files()
        studio.wait(minutes=2)
    disk.make_room()
    assert studio.worker().render([asset]) == 2
    assert studio.asset(asset).state is AssetState.STORED
