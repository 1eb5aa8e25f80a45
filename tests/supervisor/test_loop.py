"""The supervisor's promises, seen from outside on real processes."""

import os
import signal
import socket
import time
from collections.abc import Callable

import psutil
import pytest

from notifier.supervisor.roles import Role, fork
from tests.supervisor.conftest import Play, gone, until

Start = Callable[..., Play]
NAMES = ["broker", "mail", "web", "worker-1", "worker-2", "scheduler"]


def test_roles_start_in_order_and_stop_in_the_opposite_order_with_0(play: Start) -> None:
    service = play("service")
    assert service.stop(signal.SIGTERM) == 0
    diary = service.lines("diary")
    assert [line for line in diary if line.startswith("start")] == [f"start {name}" for name in NAMES]
    stops = [line.removeprefix("stop ") for line in diary if line.startswith("stop")]
    assert [stops[0], set(stops[1:3]), *stops[3:]] == ["scheduler", {"worker-1", "worker-2"}, "web", "mail", "broker"]
    assert diary[-1] == "end"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_and_a_closed_terminal_are_ordered_stops_too(play: Start, number: int) -> None:
    service = play("service")
    assert service.stop(number) == 0
    assert [line for line in service.lines("diary") if line.startswith("stop")][-1] == "stop broker"


def test_ctrl_c_in_the_terminal_reaches_only_the_supervisor(play: Start) -> None:
    service = play("service")
    os.killpg(service.process.pid, signal.SIGINT)
    assert service.process.wait(15) == 0
    assert len([line for line in service.lines("diary") if line.startswith("stop")]) == len(NAMES)


def test_the_pids_are_told_by_kind_when_all_is_ready(play: Start) -> None:
    service = play("service")
    assert {kind: len(pids) for kind, pids in service.pids().items()} == {
        "broker": 1, "mail": 1, "web": 1, "worker": 2, "scheduler": 1
    }  # fmt: skip
    assert all(psutil.Process(pid).ppid() == service.process.pid for pids in service.pids().values() for pid in pids)


@pytest.mark.parametrize("kind", ["broker", "web", "worker", "scheduler"])
def test_a_killed_child_is_replaced_within_5_seconds_and_its_pid_is_told(play: Start, kind: str) -> None:
    service = play("service")
    before = service.pids()
    victim = before[kind][0]
    os.kill(victim, signal.SIGKILL)
    assert until(lambda: victim not in service.pids()[kind] and len(service.pids()[kind]) == len(before[kind])) < 5
    others = {other: pids for other, pids in before.items() if other != kind}
    assert {other: service.pids()[other] for other in others} == others
    said = service.lines("said")
    assert "ended by SIGKILL" in said[0]
    assert "was started again" in said[1]


def test_a_child_that_crashes_at_once_is_tried_ever_more_slowly_while_the_others_live(play: Start) -> None:
    service = play("crashing")
    (web,) = service.pids()["web"]
    until(lambda: len([line for line in service.lines("said") if "ended with exit code 3" in line]) >= 5)
    pauses = [line.rsplit(" in ", 1)[1] for line in service.lines("said") if "ended" in line]
    assert pauses == ["0.2 s.", "0.4 s.", "0.8 s.", "1.6 s.", "3 s."]
    assert service.pids()["web"] == [web]
    assert service.stop(signal.SIGTERM) == 0


def test_a_role_that_cannot_start_ends_the_start_with_a_sentence_and_stops_the_others(play: Start) -> None:
    service = play("never", ready=False)
    assert "broken does not start: it ended with exit code 3, 3 times." in service.refusal()
    assert service.lines("diary")[-1] == "stop web"


def test_a_role_that_does_not_become_ready_in_time_ends_the_start_with_a_sentence(play: Start) -> None:
    assert "slow is not ready after 0.5 s." in play("slow", ready=False).refusal()


def test_a_failing_child_leaves_its_traceback_and_its_advice(play: Start) -> None:
    said = play("raising", ready=False).refusal()
    assert "RuntimeError: the stage is empty" in said
    assert "3 times. Look elsewhere." in said


def test_a_stop_during_the_start_is_a_stop_with_0(play: Start) -> None:
    service = play("never", ready=False)
    until(lambda: service.lines("said"))
    assert service.stop(signal.SIGTERM) == 0
    assert service.lines("diary")[-2:] == ["stop web", "end"]


def test_a_child_that_was_forked_this_moment_hears_the_stop() -> None:
    role = Role(name="newborn", kind="worker", run=lambda: time.sleep(60))
    for _ in range(10):
        pid = fork(role, roles=[role])
        os.kill(pid, signal.SIGTERM)
        until(lambda pid=pid: os.waitpid(pid, os.WNOHANG)[0] == pid)


def test_work_under_way_is_finished_before_the_next_role_stops(play: Start) -> None:
    service = play("busy")
    assert service.stop(signal.SIGTERM) == 0
    assert service.lines("diary")[-3:] == ["stop worker", "stop web", "end"]


def test_a_deaf_role_is_ended_by_force_after_its_grace(play: Start) -> None:
    service = play("deaf")
    began = time.monotonic()
    assert service.stop(signal.SIGTERM) == 0
    assert 0.5 < time.monotonic() - began < 3
    assert any("deaf" in line and "by force" in line for line in service.lines("said"))
    assert service.lines("diary")[-2:] == ["stop web", "end"]


def test_a_second_ctrl_c_does_not_wait(play: Start) -> None:
    service = play("patient")
    service.process.send_signal(signal.SIGINT)
    until(lambda: "Stopping: worker." in service.lines("said"))
    time.sleep(0.6)  # two signals closer together count as one press
    assert service.process.poll() is None
    assert service.stop(signal.SIGINT) == 0


def test_a_paused_child_is_stopped_too(play: Start) -> None:
    service = play("busy")
    os.kill(service.pids()["worker"][0], signal.SIGSTOP)
    assert service.stop(signal.SIGTERM) == 0
    assert "stop worker" in service.lines("diary")


def test_what_a_killed_child_had_started_does_not_outlive_it(play: Start) -> None:
    service = play("pool")
    until(lambda: any(line.startswith("grandchild") for line in service.lines("diary")))
    grandchild = next(int(line.split()[1]) for line in service.lines("diary") if line.startswith("grandchild"))
    os.kill(service.pids()["worker"][0], signal.SIGKILL)
    until(lambda: gone(grandchild))


def test_a_killed_supervisor_leaves_no_orphans(play: Start) -> None:
    service = play("service")
    children = psutil.Process(service.process.pid).children(recursive=True)
    assert len(children) == len(NAMES)
    service.stop(signal.SIGKILL)
    until(lambda: all(gone(child.pid) for child in children))
    assert len([line for line in service.lines("diary") if line.startswith("stop")]) == len(NAMES)


def test_the_port_outlives_the_web_process_and_no_other_child_holds_it(play: Start) -> None:
    service = play("port")
    (web,), (worker,) = service.pids()["web"], service.pids()["worker"]
    port = psutil.Process(web).net_connections()[0].laddr.port
    assert psutil.Process(worker).net_connections() == []
    os.kill(web, signal.SIGKILL)
    until(lambda: gone(web))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:  # waits for the next web process
        assert int(client.recv(20)) not in (0, web)
