"""One `up` per data folder, found by others while it lives and not a moment longer."""

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from notifier.supervisor.lock import AlreadyRunning, Hold, Running, running
from tests.supervisor.conftest import Play, until

Start = Callable[..., Play]
OURS = Running(url="http://127.0.0.1:8000", broker_url="filesystem://", started_at="2026-11-21T10:00:00.000Z")


def test_a_running_up_is_found_with_what_it_told(tmp_path: Path) -> None:
    with Hold(tmp_path) as hold:
        assert running(tmp_path) is None
        hold.publish(OURS)
        assert running(tmp_path) == OURS
    assert running(tmp_path) is None


def test_a_second_up_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    with Hold(tmp_path) as hold:
        hold.publish(OURS)
        with (
            pytest.raises(AlreadyRunning, match=r"already runs .* at http://127\.0\.0\.1:8000") as refusal,
            Hold(tmp_path),
        ):
            pass
    assert refusal.value.running == OURS


def test_a_second_up_is_refused_while_the_first_is_still_starting(tmp_path: Path) -> None:
    with Hold(tmp_path), pytest.raises(AlreadyRunning, match="is just starting"), Hold(tmp_path):
        pass


def test_the_data_can_be_held_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with Hold(tmp_path) as hold:
            hold.publish(OURS)


def test_only_the_owner_can_read_what_is_told(tmp_path: Path) -> None:
    with Hold(tmp_path) as hold:
        hold.publish(OURS)
        assert stat.S_IMODE((tmp_path / "run" / "up.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_a_folder_where_nothing_ever_ran_has_no_running_up(tmp_path: Path) -> None:
    assert running(tmp_path / "nowhere") is None


def test_a_second_process_is_refused_and_the_first_goes_on(play: Start) -> None:
    first = play("service")
    pids = first.pids()
    second = play("service", ready=False)
    assert f"at {running(first.folder).url}" in second.refusal()  # type: ignore[union-attr]
    assert first.process.poll() is None
    assert first.lines("said") == []
    assert dict(running(first.folder).pids) == pids  # type: ignore[union-attr]


def test_a_killed_up_is_no_longer_running_though_its_file_is_there(play: Start) -> None:
    first = play("deaf")
    first.stop(signal.SIGKILL)
    assert (first.folder / "run" / "up.json").exists()
    assert running(first.folder) is None
    os.kill(first.pids()["worker"][0], signal.SIGKILL)


def test_an_up_after_a_killed_one_waits_for_its_last_processes(play: Start) -> None:
    first = play("busy")  # its worker needs a moment to end
    first.stop(signal.SIGKILL)
    second = play("service")
    diary = second.lines("diary")
    assert diary[diary.index("stop worker") + 1 :][:2] == ["orphans gone: True", "start broker"]


def test_an_up_after_a_killed_one_does_not_wait_for_ever(tmp_path: Path, play: Start) -> None:
    first = play("deaf")
    (orphan,) = first.pids()["worker"]
    first.stop(signal.SIGKILL)
    with Hold(tmp_path) as hold:
        assert not hold.wait_for_orphans(0.2)
        os.kill(orphan, signal.SIGKILL)
        assert hold.wait_for_orphans(5)


def test_the_ready_file_is_never_seen_half_written(play: Start) -> None:
    service = play("service")
    for kind in ("web", "mail", "scheduler"):
        (victim,) = service.pids()[kind]
        os.kill(victim, signal.SIGKILL)
        until(lambda kind=kind, victim=victim: service.pids()[kind] not in ([], [victim]))  # parses at every look
    assert [path.name for path in service.folder.iterdir() if path.name.startswith(".")] == []
    assert stat.S_IMODE((service.folder / "pids.json").stat().st_mode) == 0o600
