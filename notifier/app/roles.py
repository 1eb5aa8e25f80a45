"""What each process runs: the web server, a worker, the scheduler, the mail catcher."""

import http.client
import importlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gunicorn.app.base
from celery.signals import worker_ready
from flask import Flask
from sqlalchemy.orm import configure_mappers

from notifier.app.parts import Parts
from notifier.app.patience import PatientWorker
from notifier.app.stopping import when_stopped
from notifier.catchers import smtp
from notifier.policy.queues import QUEUES
from notifier.supervisor.roles import Role

log = logging.getLogger(__name__)

URGENT_THREADS = 8
# Seconds after which a thread lets another run, by default 5 ms: while many render, the one that holds the database's
# lock would hold it for long.
SWITCH = 0.0005
# What celery, kombu and gunicorn import only when a role starts: imported before the fork, all roles share its pages.
LATE = (
    "billiard.pool",
    "celery.apps.worker",
    "celery.app.amqp",
    "celery.app.events",
    "celery.concurrency.thread",
    "celery.events.state",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "kombu.pidbox",
    "kombu.transport.redis",
)
FORMAT = "%(asctime)s %(levelname)-7s %(processName)s %(name)s: %(message)s"


class _Gunicorn(gunicorn.app.base.BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, load: Callable[[], Any], options: dict[str, Any]) -> None:
        self._load = load
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self._load()


def start_logging(level: str) -> None:
    """Log to stderr, one line each, with the process's role."""
    logging.basicConfig(level=level, format=FORMAT)
    for chatty in ("apscheduler", "mail.log", "alembic", "kombu", "celery"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def served(parts: Parts) -> Flask:
    """The Flask app of a process that serves it, whose streams end when the process is asked to end.

    To be called in that process's main thread.
    """
    when_stopped(parts.server.extensions["streams"].stop)
    return parts.server


def run_web(parts: Parts, bind: str) -> None:
    """Serve the Flask app on `bind` (`fd://N`) until SIGTERM, within `notifier up`: it forks from what is imported."""
    _go_first(parts, writes_are_urgent=True)
    _Gunicorn(
        lambda: served(parts),
        {
            "bind": [bind],
            "worker_class": PatientWorker,
            "workers": 1,
            "threads": parts.settings.WEB_THREADS + parts.settings.FEED_STREAMS,
            "keepalive": 30,
            "graceful_timeout": 8,
            "loglevel": "warning",
            "proc_name": "notifier-web",
            "control_socket_disable": True,
        },
    ).run()


def serve_web(parts: Parts, bind: str) -> None:
    """Serve on `host:port` until SIGTERM, on a machine for the web alone: what takes least CPU there.

    The server imports `wsgi` in a process of its own, which reads the same settings.
    """
    from granian import Granian  # imported here: `notifier up` has no use for it
    from granian.constants import Interfaces

    os.environ["DATA_DIR"] = str(parts.home.folder.resolve())
    host, _, port = bind.rpartition(":")
    Granian(
        "wsgi:app",
        address=host.strip("[]") or "127.0.0.1",
        port=int(port),
        interface=Interfaces.WSGI,
        blocking_threads=parts.settings.WEB_THREADS + parts.settings.FEED_STREAMS,
        websockets=False,
        workers_kill_timeout=10,
        respawn_failed_workers=True,
    ).serve()


def run_worker(parts: Parts, queues: Sequence[str], threads: int, ready: Path | None = None) -> None:
    """Run the steps of these queues, in this order of preference, until SIGTERM."""
    sys.setswitchinterval(SWITCH)
    _go_first(parts, writes_are_urgent=list(queues) == ["urgent"])
    for channel in parts.channels.values():
        channel.warm()
    if ready is not None:
        worker_ready.connect(lambda **_: ready.touch(), weak=False)
        if not parts.broker_answers():
            log.warning("the broker does not answer; events are kept and go out when it is back")
            ready.touch()
    worker = parts.celery.Worker(
        pool="threads",
        concurrency=threads,
        queues=",".join(queues),
        hostname=f"{'-'.join(queues)}-{os.getpid()}@{socket.gethostname()}",
        loglevel=parts.settings.LOG_LEVEL,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    sys.exit(worker.exitcode or 0)


def _go_first(parts: Parts, *, writes_are_urgent: bool) -> None:
    if parts.database.turns:
        parts.database.turns.first = writes_are_urgent


def run_scheduler(parts: Parts) -> None:
    """Sweep once a second, and run schedules, until SIGTERM."""
    parts.ticks.run()


def build_for_all(parts: Parts) -> None:
    """Import and build what the roles of `notifier up` will need, in the process that forks them.

    Nothing is opened, and no thread is started.
    """
    for name in LATE:
        importlib.import_module(name)
    configure_mappers()
    parts.celery.finalize()
    _ = parts.server, parts.steps
    for channel in parts.channels.values():
        channel.warm()


def up_roles(parts: Parts, web: socket.socket, mail: socket.socket | None) -> list[Role]:
    """The roles of `notifier up` behind the broker, in the order of their start."""
    run = parts.home.folder.resolve() / "run"
    roles = [
        Role(
            name="web",
            kind="web",
            run=lambda: run_web(parts, f"fd://{web.fileno()}"),
            ready=lambda: _answers(web),
            grace=12,
            listens=(web,),
        ),
        # Each its own: a worker that is busy with bulk takes a tenth of a second to begin anything else.
        _worker(parts, "worker-urgent", ["urgent"], URGENT_THREADS, run),
        _worker(parts, "worker", [name for name in QUEUES if name != "urgent"], parts.settings.WORKER_THREADS, run),
        Role(name="scheduler", kind="scheduler", run=lambda: run_scheduler(parts), grace=5),
    ]
    if mail is not None:
        catch = Role(
            name="mail catcher",
            kind="mail",
            run=lambda: smtp.serve(mail, parts.mailbox, parts.faults),
            listens=(mail,),
        )
        roles.insert(0, catch)
    return roles


def _worker(parts: Parts, name: str, queues: list[str], threads: int, run: Path) -> Role:
    ready = run / f"{name}.ready"
    ready.unlink(missing_ok=True)
    # Sends under way are let finish, however long their provider takes: each step has its own deadline.
    return Role(
        name=name,
        kind="worker",
        run=lambda: run_worker(parts, queues, threads, ready),
        ready=ready.exists,
        grace=None,
    )


def _answers(listener: socket.socket) -> bool:
    """Whether the web process answers on its socket."""
    host, port = listener.getsockname()[:2]
    connection = http.client.HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=1)  # noqa: S104 (compared, not bound)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
