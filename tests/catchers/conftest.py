"""The catchers as they run: an SMTP server in a child process, the pages behind a real web server."""

import multiprocessing
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf.csrf import CSRFProtect
from werkzeug.serving import make_server

from notifier.catchers.faults import Faults
from notifier.catchers.mailbox import Mailbox
from notifier.catchers.pages import dev_pages, receive_push
from notifier.catchers.push import PushCatcher
from notifier.catchers.smtp import serve

SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class MailServer:
    port: int
    process: Any


@dataclass(frozen=True)
class Site:
    """The pages of one app, the catchers behind them and who was given which subscription."""

    app: Flask
    mailbox: Mailbox
    push: PushCatcher
    faults: Faults
    subscribed: dict[str, dict[str, Any]]

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    return Mailbox(tmp_path)


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    return Faults(tmp_path)


@pytest.fixture(scope="session")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MailServer, Path]]:
    folder = tmp_path_factory.mktemp("mail_server")
    with running_mail_server(folder) as server:
        yield server, folder


@contextmanager
def running_mail_server(folder: Path) -> Iterator[MailServer]:
    listening = socket.create_server(("127.0.0.1", 0))
    process = SPAWN.Process(target=serve_mail, args=(listening, folder))
    process.start()
    port = listening.getsockname()[1]
    listening.close()
    try:
        yield MailServer(port, process)
    finally:
        process.terminate()
        process.join(10)


def serve_mail(listening: socket.socket, folder: Path) -> None:
    serve(listening, Mailbox(folder), Faults(folder))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path, "http://127.0.0.1:8000")


def make_site(folder: Path, origin: str) -> Site:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="for tests", TESTING=True)
    csrf = CSRFProtect(app)
    csrf.exempt(receive_push)
    subscribed: dict[str, dict[str, Any]] = {}

    def subscribe(user: str, subscription: dict[str, Any]) -> str:
        if user == "stranger":
            raise ValueError("nobody is called stranger")
        subscribed[user] = subscription
        return f"sub_{user}"

    push = PushCatcher(folder, f"{origin}/dev/push/e")
    site = Site(app, Mailbox(folder), push, Faults(folder), subscribed)
    app.register_blueprint(dev_pages(site.mailbox, push, site.faults, subscribe_user=subscribe))
    return site


@pytest.fixture
def live_site(tmp_path: Path) -> Iterator[Site]:
    """A site that listens on loopback; its endpoints can be posted to."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    site = make_site(tmp_path, f"http://127.0.0.1:{port}")
    server = make_server("127.0.0.1", port, site.app, threaded=True, fd=listening.fileno())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()
    listening.close()
