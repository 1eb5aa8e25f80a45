"""The commands that run the service or a part of it, as real processes."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.cli.conftest import Terminal
from tests.stack import ROOT, Stack, eventually


@contextlib.contextmanager
def process(data_dir: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`python -m notifier` with these words, stopped in the end."""
    command = [sys.executable, "-m", "notifier", *words, "--data-dir", str(data_dir)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(data_dir)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    """The process's exit code after a SIGTERM, and what it complained of."""
    child.send_signal(signal.SIGTERM)
    _, complaints = child.communicate(timeout=30)
    return child.returncode, complaints


def catches_sigterm(pid: int) -> bool:
    """Whether the process is so far that it ends in order: before that, a SIGTERM simply ends it."""
    [caught] = re.findall(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) & 1 << (signal.SIGTERM - 1))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_one_more_web_process_serves_the_same_data(service: Stack):
    address = f"127.0.0.1:{free_port()}"

    def answers() -> bool:
        with contextlib.suppress(URLError, ConnectionError), urlopen(f"http://{address}/readyz") as answer:
            return answer.status == 200
        return False

    with process(service.data_dir, "web", "--bind", address) as child:
        eventually(answers)
        assert ended(child)[0] == 0


def test_one_more_worker_and_scheduler_start_beside_the_service_and_stop_when_told(service: Stack):
    with (
        process(service.data_dir, "worker", "--queues", "bulk,default") as worker,
        process(service.data_dir, "scheduler") as scheduler,
    ):
        for child in (worker, scheduler):
            eventually(lambda child=child: catches_sigterm(child.pid))
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(timeout=1)
        for child in (worker, scheduler):
            code, complaints = ended(child)
            assert code == 0, complaints
            assert "Traceback" not in complaints


def test_a_second_service_in_the_same_folder_is_refused(service: Stack, terminal: Terminal):
    result = terminal.type("up --port 0")
    assert (result.exit_code, "already runs" in result.stderr) == (1, True)


def test_an_address_that_cannot_be_served_is_a_sentence(nowhere: Terminal):
    result = nowhere.type("up --port 99999")
    assert (result.exit_code, "99999 is not a port" in result.stderr) == (1, True)


def test_migrating_twice_does_no_harm(nowhere: Terminal):
    first, again = nowhere.done("migrate"), nowhere.done("migrate")
    assert first == again


@pytest.mark.parametrize("line", ["worker --queues express", "worker --queues ,", "up --port door", "fly", "up x"])
def test_what_is_not_understood_is_wrong_usage(nowhere: Terminal, line: str):
    assert nowhere.type(line).exit_code == 2


def test_a_setting_that_is_wrong_stops_every_command_with_what_would_be_right(nowhere: Terminal):
    result = nowhere.type("books", GATHER_SCALE="soon")
    assert result.exit_code == 1
    assert "GATHER_SCALE" in str(result.exception) + result.output


@pytest.mark.parametrize("line", ["", "-h", "send -h", "demo -h", "retry -h", "doctor -h", "apps -h", "admins -h"])
def test_help_is_there_for_everything(nowhere: Terminal, line: str):
    result = nowhere.type(line)
    assert result.exit_code == (2 if line == "" else 0)
    assert "Usage:" in result.output


def test_as_a_real_process_it_ends_with_its_code_and_says_why_on_stderr(tmp_path: Path):
    with process(tmp_path / "none", "send", "follow", "--actor", "ada", "--object", "bob") as child:
        _, complaints = child.communicate(timeout=30)
    assert child.returncode == 1
    assert complaints == f"Error: Nothing runs with the data in {tmp_path / 'none'}. Start it with: make run\n"


def test_a_web_role_without_a_port_says_what_would_be_right(nowhere: Terminal):
    ended = nowhere.type("web", "--bind", "localhost")
    assert ended.exit_code == 2
    assert "it must be host:port, such as 127.0.0.1:8000" in ended.stderr
