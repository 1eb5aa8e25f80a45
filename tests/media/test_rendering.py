"""Renditions from the posted octets to the last row: once each, whoever dies, stops, waits or fails meanwhile."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from notifier.media.making import Maker
from notifier.media.storage import Folder, StorageAway
from notifier.media.told import Written
from notifier.pipeline.rebuilding import FileDropper
from notifier.pipeline.rendering import Renderer
from notifier.policy.media import OUR_CAUSES, AssetState, Cause, Limits, Refused, RenditionState
from notifier.policy.pictures import Standing
from notifier.policy.renditions import Specs
from notifier.store.assets import Assets
from notifier.store.database import Database
from notifier.store.pausing import Pause, Pauses
from notifier.store.renditions import Renditions, standing
from tests.disk import Disk
from tests.media.pictures import bomb, moving, octets_of, photo, picture
from tests.media.studio import STAGES, Studio, held
from tests.stack import ROOT

SMALL = {"w640.jpeg", "w640.webp", "w320.jpeg", "square150.jpeg"}
LARGER = {"w2048.jpeg", "w2048.webp", "w1080.jpeg", "w1080.webp"}


@pytest.fixture
def studio(database: Database, tmp_path: Path) -> Studio:
    return Studio(database, tmp_path / "media")


def whole(studio: Studio, asset: str) -> None:
    """Assert that all of it is made, and that nothing else lies about."""
    made = studio.renditions(asset)
    assert {spec for spec, one in made.items() if one.state == RenditionState.DONE} == SMALL
    assert {spec for spec, one in made.items() if one.state == RenditionState.SKIPPED} == LARGER
    assert studio.files() == {studio.asset(asset).file, *(made[spec].file for spec in SMALL)}
    assert not list((studio.folder / "work").iterdir())


def test_each_version_is_made_once_and_the_picture_is_told_of(studio: Studio):
    asset = studio.upload(photo(6), "image/jpeg")
    assert studio.rung == [asset]
    assert studio.in_state(asset, RenditionState.WAITING) == SMALL | LARGER
    worker = studio.worker()
    assert worker.due() == [asset]
    assert worker.render([asset]) == 1
    whole(studio, asset)
    found, made = studio.asset(asset), studio.renditions(asset)
    assert (found.width, found.height, len(found.blurhash)) == (400, 300, 28)
    assert (
        made["w320.jpeg"].octets == (studio.folder / made["w320.jpeg"].file[:2] / made["w320.jpeg"].file).stat().st_size
    )
    assert made["w2048.jpeg"].cause is Cause.SOURCE_SMALLER
    assert standing(found.state, list(made.values())) is Standing.READY
    assert worker.due() == []
    assert studio.worker().render([asset]) == 0


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_that_is_killed_costs_one_version_at_most_and_leaves_no_half_file(one_studio: Studio, stage: str):
    studio, asset = one_studio, one_studio.upload(photo())
    url = studio.database.url.render_as_string(hide_password=False)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.media.studio", url, str(studio.folder), asset, stage], cwd=ROOT, check=False
    )
    assert killed.returncode == -9
    before = studio.in_state(asset, RenditionState.DONE)
    assert len(before) == {"after the row": 2, "before the row": 1, "before the file": 1}.get(stage, 0)
    named = {one.file for one in studio.renditions(asset).values() if one.file} | {studio.asset(asset).file}
    lie = {path.name for path in studio.folder.glob("??/*")}
    assert named <= lie
    assert len(lie - named) == (stage == "before the row")
    studio.wait(seconds=59)
    assert studio.worker().render([asset]) == 0  # the lease of the dead one
    studio.wait(seconds=2)
    assert studio.worker().due() == [asset]
    assert studio.worker().render([asset]) == 1
    whole(studio, asset)
    assert {spec for spec, one in studio.renditions(asset).items() if one.tries == 1} >= before


def test_two_workers_on_one_asset_make_each_version_once(studio: Studio):
    asset = studio.upload(photo())
    workers = [studio.worker() for _ in range(3)]
    threads = [threading.Thread(target=worker.render, args=[[asset]]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole(studio, asset)
    assert {one.tries for one in studio.renditions(asset).values()} == {1}


def test_a_worker_that_lost_its_lease_lets_go_and_what_it_made_counts_once(studio: Studio):
    asset = studio.upload(photo())
    slow = studio.worker(storage=Overtaking(studio))
    slow.render([asset])
    whole(studio, asset)
    assert {studio.renditions(asset)[spec].tries for spec in SMALL} == {2}


class Overtaking(Folder):
    """A storage so slow that, while it puts the first file, the lease runs out and another worker does everything."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio.folder)
        self._studio = studio
        self._put = 0

    def put(self, name: str, path: Path) -> None:
        self._put += 1
        content = path.read_bytes()
        if self._put == 1:
            self._studio.wait(seconds=61)
            # The other's workplace has the same name on one machine: as on two, each has its own.
            other = Folder(self._studio.folder)
            other.work = self._studio.folder.with_name("elsewhere")
            self._studio.worker(storage=other).render(self._studio.rung)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        super().put(name, path)


def test_a_worker_that_is_to_stop_kills_its_child_and_another_goes_on_at_once(one_studio: Studio):
    # So large that each version takes the child a while: it is not done before it hears that it is to stop.
    studio, asset = one_studio, one_studio.upload(photo(width=4000, height=3000))

    class Stopping(Maker):
        def make(self, *given: object) -> object:
            for told in super().make(*given):  # type: ignore[arg-type]  # what it was given
                yield told
                if isinstance(told, Written):
                    worker.stopping.set()

    worker = studio.worker(maker=Stopping(studio.specs.specs, studio.limits))
    worker.render([asset])
    done = studio.in_state(asset, RenditionState.DONE)
    assert 1 <= len(done) < len(SMALL | LARGER)
    assert all(one.tries == (spec in done) for spec, one in studio.renditions(asset).items())
    assert studio.worker().render([asset]) == 1
    assert studio.in_state(asset, RenditionState.DONE) == SMALL | LARGER
    assert not list((studio.folder / "work").iterdir())


def test_a_worker_that_dies_over_it_each_time_is_not_given_it_for_ever(studio: Studio):
    asset = studio.upload(photo())
    for _ in range(5):
        with studio.database.write() as connection:
            assert (
                len(
                    Renditions(connection).claim(
                        asset, "clm_" + "1" * 32, now=studio.now, lease=studio.now - studio.now
                    )
                )
                == 8
            )
    assert studio.worker().render([asset]) == 0
    assert {one.cause for one in studio.renditions(asset).values()} == {Cause.GAVE_UP}
    assert studio.worker().due() == []
    assert studio.uploading.retry(asset) == 8
    assert studio.worker().render([asset]) == 1
    whole(studio, asset)


def no_room(studio: Studio, asset: str, specs: set[str]) -> None:
    """Assert that these wait for room, and that nothing else lies about."""
    made = studio.renditions(asset)
    assert {made[spec].cause for spec in specs} <= OUR_CAUSES
    assert studio.in_state(asset, RenditionState.WAITING) == specs
    named = {one.file for one in made.values() if one.file} | {studio.asset(asset).file}
    assert studio.files() == named
    assert studio.worker().due() == []


def test_a_version_that_is_too_large_for_the_disk_is_waited_for(one_studio: Studio):
    studio = one_studio
    asset = studio.upload(photo())
    studio.limits = Limits(written_octets=600)
    studio.worker().render([asset])
    no_room(studio, asset, SMALL)
    studio.limits = Limits()
    studio.wait(seconds=3)
    studio.worker().render(studio.worker().due())
    whole(studio, asset)


def test_on_a_full_disk_nothing_is_lost_or_half_there_and_it_goes_on_when_there_is_room(one_studio: Studio, disk: Disk):
    studio = Studio(one_studio.database, disk.folder / "media")
    asset = studio.upload(photo())
    seen = []
    for pages in (0, 1, 2):
        disk.fill(but=pages)
        studio.worker().render([asset])
        left = studio.in_state(asset, RenditionState.WAITING)
        no_room(studio, asset, left)
        seen.append(len(left))
        studio.wait(minutes=10)
    assert seen[0] == len(SMALL)
    assert 0 < seen[-1] < len(SMALL)
    disk.make_room()
    studio.worker().render(studio.worker().due())
    whole(studio, asset)
    disk.fill()
    with pytest.raises((OSError, StorageAway)):
        studio.upload(octets_of(picture(), "PNG"))


def test_a_disk_that_can_only_be_read_is_waited_for_whatever_lies_about(one_studio: Studio, disk: Disk):
    studio = Studio(one_studio.database, disk.folder / "media")
    asset = studio.upload(photo())
    dead = studio.folder / "work" / "dead"
    dead.mkdir()
    (dead / "source").touch()
    os.utime(dead, (0, 0))
    disk.only_read()
    assert studio.worker().render([asset]) == 1
    assert {(one.state, one.cause) for one in studio.renditions(asset).values()} == {
        (RenditionState.WAITING, Cause.NOT_STORED)
    }
    disk.only_read("rw")
    studio.wait(seconds=3)
    assert studio.worker().render([asset]) == 1
    whole(studio, asset)


def test_a_storage_that_is_away_is_waited_for_and_given_up_in_the_end(one_studio: Studio):
    studio, asset = one_studio, one_studio.upload(photo())

    class Away(Folder):
        def put(self, name: str, path: Path) -> None:  # noqa: ARG002 (the protocol's)
            raise StorageAway("no answer")

    away = studio.worker(storage=Away(studio.folder))
    for seconds in (2, 20, 120, 600, 600, 85_058, 0):
        assert studio.in_state(asset, RenditionState.FAILED) == set()
        assert away.render([asset]) == 1
        assert studio.worker().due() == []
        studio.wait(seconds=seconds)
    assert {studio.renditions(asset)[spec].state for spec in SMALL} == {RenditionState.FAILED}
    assert studio.renditions(asset)["w320.jpeg"].said == "The storage did not take it. no answer."
    assert standing(AssetState.STORED, list(studio.renditions(asset).values())) is Standing.FAILED
    # Posted once more, its octets are there already.
    studio.uploading.retry(asset)
    studio.worker().render([asset])
    whole(studio, asset)


def test_what_cannot_be_decoded_fails_at_once_with_the_reason(one_studio: Studio):
    studio = one_studio
    asset = studio.upload(photo()[:-3000])
    studio.worker().render([asset])
    made = studio.renditions(asset).values()
    assert {one.state for one in made if one.cause is not Cause.SOURCE_SMALLER} == {RenditionState.FAILED}
    assert Cause.BROKEN in {one.cause for one in made}
    assert studio.worker().due() == []
    with pytest.raises(Refused):
        studio.upload(bomb(20_000, 20_000))


def test_work_in_the_child_is_bounded_in_time_and_memory(one_studio: Studio):
    studio = one_studio
    large = octets_of(picture(3_000, 2_000), "PNG")
    for limits, cause in ((Limits(image_seconds=0.05), Cause.OUT_OF_TIME), (Limits(image_memory=90_000_000), None)):
        asset = studio.upload(large)
        studio.limits = limits
        studio.worker().render([asset])
        causes = {one.cause for one in studio.renditions(asset).values()}
        assert causes & ({cause} if cause else {Cause.OUT_OF_MEMORY, Cause.BROKEN})
    assert not list((studio.folder / "work").iterdir())


def test_nothing_is_made_while_the_queue_is_paused(studio: Studio):
    asset = studio.upload(photo())
    with studio.database.write() as connection:
        Pauses(connection).pause(Pause("media", studio.now, "ops", "the disk is swapped"))
    assert studio.worker().due() == []
    assert studio.worker().render([asset]) == 0
    with studio.database.write() as connection:
        Pauses(connection).resume("media")
    assert studio.worker().render([asset]) == 1


def test_no_more_children_work_than_may(one_studio: Studio):
    first, second = one_studio.upload(photo(2)), one_studio.upload(photo(3))
    tried: list[int] = []

    class Watched(Maker):
        def make(self, *given: object) -> object:
            tried.append(worker.render([second]))
            yield from super().make(*given)  # type: ignore[arg-type]  # what it was given

    worker = one_studio.worker(maker=Watched(one_studio.specs.specs, one_studio.limits))
    assert worker.render([first]) == 2  # and went on with the one for which there was no room
    assert tried == [0, 0]


def test_a_changed_table_makes_what_is_missing_and_leaves_what_it_lacks(studio: Studio):
    asset = studio.upload(photo())
    studio.worker().render([asset])
    before = studio.renditions(asset)
    table = [replace(one, quality=50) if one.name == "w320.jpeg" else one for one in studio.specs.specs]
    studio.specs = Specs(tuple(table))
    with studio.database.write() as connection:
        assert Assets(connection).want(asset, studio.specs.of(studio.asset(asset).media), studio.now) == 1
    with studio.database.write() as connection:
        assert Assets(connection).want(asset, studio.specs.of(studio.asset(asset).media), studio.now) == 0
    studio.worker().render([asset])
    after = studio.renditions(asset)
    assert after["w320.jpeg"].version != before["w320.jpeg"].version
    assert after["w320.jpeg"].octets < before["w320.jpeg"].octets
    assert {spec: one for spec, one in after.items() if spec != "w320.jpeg"} == {
        spec: one for spec, one in before.items() if spec != "w320.jpeg"
    }


def test_what_was_dropped_is_deleted_later_unless_the_same_came_again(studio: Studio):
    first, second = studio.upload(photo()), studio.upload(photo())
    studio.worker().render([first])
    with studio.database.write() as connection:
        assert Assets(connection).drop([first], studio.now) == 1
        assert Assets(connection).dropped(studio.now, 100) == []
    studio.worker().render([second])
    studio.wait(hours=2)
    with studio.database.write() as connection:
        assert Assets(connection).dropped(studio.now, 100) == []
        Assets(connection).drop([second], studio.now)
        gone = Assets(connection).dropped(studio.now + studio.now.resolution, 100)
    assert set(gone) == studio.files()


def test_a_moving_picture_stands_still_and_where_it_is_set_moves_too(one_studio: Studio):
    studio = one_studio
    studio.specs = studio.specs.with_motion()
    still, moves = studio.upload(octets_of(picture(), "WEBP")), studio.upload(moving("GIF", 10))
    studio.worker().render([still, moves])
    assert studio.renditions(still)["motion.mp4"].cause is Cause.STANDS_STILL
    assert studio.renditions(moves)["square150.jpeg"].state == RenditionState.DONE
    assert "motion.mp4" not in studio.renditions(studio.upload(photo()))


def test_a_claim_is_not_shared(studio: Studio):
    asset = studio.upload(photo())
    with studio.database.write() as connection:
        assert len(held(connection, asset)) == 8
        assert held(connection, asset) == []
    assert isinstance(studio.worker(), Renderer)


def test_a_file_that_no_row_names_is_no_orphan_for_long(one_studio: Studio):
    studio, asset = one_studio, one_studio.upload(photo())

    class Removing(Maker):
        def make(self, *given: object) -> object:
            for told in super().make(*given):  # type: ignore[arg-type]  # what it was given
                if isinstance(told, Written):
                    with studio.database.write() as connection:
                        Assets(connection).drop([asset], studio.now)
                yield told

    studio.worker(maker=Removing(studio.specs.specs, studio.limits)).render([asset])
    assert len(studio.files()) == 2  # what was posted, and the version that was put as it went
    studio.wait(hours=2)
    dropper = FileDropper(studio.database, studio.storage, studio.clock)
    assert dropper.drop() == 2
    assert studio.files() == set()


def test_a_folder_is_named_from_where_the_service_was_started(
    one_studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    studio = Studio(one_studio.database, Path("instance/media"))
    asset = studio.upload(photo())
    assert studio.worker().render([asset]) == 1
    whole(studio, asset)
