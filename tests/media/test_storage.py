"""Where files lie: a folder, and a bucket of a local S3."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from notifier.media.bucket import Bucket
from notifier.media.storage import Folder, Storage, StorageAway, name_of, tidy, workplace
from notifier.policy.media import RenditionState
from notifier.store.database import Database
from notifier.store.schema import migrate
from tests.media.pictures import photo
from tests.media.studio import Studio

SECRET = "not-a-secret-of-anybody"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a local S3 with a bucket named `pictures`; skips where its packages are missing."""
    pytest.importorskip("moto", reason="no moto, the local S3")
    pytest.importorskip("obstore", reason="no obstore, the extra s3")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url)
        urllib.request.urlopen(urllib.request.Request(f"{url}/pictures", method="PUT"), timeout=10).close()  # noqa: S310 (http)
        yield url
    finally:
        running.terminate()
        running.wait()


def wait_for(url: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 (http)
        except OSError:
            assert time.monotonic() < until, "the local S3 does not start"
            time.sleep(0.1)
        else:
            return


def bucket(s3: str, work: Path, *, prefix: str = "/some/where") -> "Bucket":
    from notifier.media.bucket import Bucket, BucketSettings

    return Bucket(BucketSettings(f"s3://pictures{prefix}", s3, "", "key", SECRET), work)


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return Folder(tmp_path / "media")
    return bucket(request.getfixturevalue("s3"), tmp_path / "work")


def put(storage: Storage, octets: bytes, suffix: str = ".jpg") -> str:
    with workplace(storage, "putting") as folder:
        path = folder / "x"
        path.write_bytes(octets)
        name = name_of(path, suffix)
        storage.put(name, path)
        assert not path.exists()
    return name


def test_what_is_put_is_there_under_what_it_is(storage: Storage, tmp_path: Path):
    octets = os.urandom(700_000)
    name = put(storage, octets)
    assert put(storage, octets) == name
    assert storage.size(name) == 700_000
    assert b"".join(storage.open(name)) == octets
    assert b"".join(storage.open(name, 10, 300_010)) == octets[10:300_010]
    storage.open(name).close()
    storage.fetch(name, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == octets
    storage.check()
    storage.delete(name)
    storage.delete(name)
    for gone in (lambda: storage.open(name), lambda: storage.fetch(name, tmp_path / "again")):
        with pytest.raises(FileNotFoundError):
            gone()
    with pytest.raises(FileNotFoundError):
        storage.open("../../etc/passwd")


def test_workplaces_of_the_dead_are_removed(tmp_path: Path):
    storage = Folder(tmp_path)
    for name in ("old", "new"):
        (storage.work / name).mkdir(parents=True)
        (storage.work / name / "half").write_bytes(b"x")
    os.utime(storage.work / "old", (1, 1))
    tidy(storage, time.time() - 60)
    assert [path.name for path in storage.work.iterdir()] == ["new"]
    with workplace(storage, "new") as folder:
        assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageAway):
        Folder(tmp_path / "file").check()


def test_renditions_are_made_from_and_into_a_bucket(s3: str, tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'notifier.db'}")
    migrate(database)
    studio = Studio(database, tmp_path)
    studio.storage = bucket(s3, tmp_path / "work", prefix="")
    asset = studio.upload(photo())
    studio.worker().render([asset])
    done = studio.in_state(asset, RenditionState.DONE)
    assert len(done) == 4
    for spec in done:
        file = studio.renditions(asset)[spec].file
        got = pytest.importorskip("obstore").get(bucket(s3, tmp_path, prefix="")._store, f"{file[:2]}/{file}")
        assert got.attributes["Cache-Control"] == "public, max-age=31536000, immutable"
        assert got.attributes["Content-Type"] == f"image/{spec.rpartition('.')[2]}"
        assert got.meta["size"] == studio.renditions(asset)[spec].octets
    database.close()


def test_a_bucket_that_does_not_answer_is_away_and_tells_no_secret(tmp_path: Path):
    pytest.importorskip("obstore", reason="no obstore, the extra s3")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = bucket(f"http://127.0.0.1:{port}", tmp_path)
    with pytest.raises(StorageAway) as error:
        away.open("0" * 64)
    assert SECRET not in str(error.value)
    assert SECRET not in repr(away._settings)
