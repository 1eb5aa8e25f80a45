"""`notifier up`: the whole service on one machine, from an empty folder to a printed address."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from notifier.app.announce import Announcement, Served
from notifier.app.checks import bring_up_to_date, check, open_home
from notifier.app.home import Home
from notifier.app.parts import Around, Parts, now
from notifier.app.roles import build_for_all, start_logging, up_roles
from notifier.store.admins import Admins, Role
from notifier.store.apps import Apps
from notifier.store.database import Database
from notifier.supervisor import broker, ports
from notifier.supervisor.broker import BrokerPlan
from notifier.supervisor.lock import Hold
from notifier.supervisor.loop import Supervisor

if TYPE_CHECKING:
    from config import Settings

OWNER = "owner@localhost"
ORPHANS = 10.0  # seconds to wait for what a killed `up` left behind


@dataclass(frozen=True)
class Wish:
    """What the command line asks of `up`."""

    host: str
    port: int
    ready_file: Path | None


def up(settings: "Settings", wish: Wish, say: Callable[[str], None]) -> None:
    """Start everything, in order; keep it alive; stop it, in order.

    Raises `AlreadyRunning`, `CannotListen`, `StartFailed`, `WrongSetting`.
    """
    began = time.monotonic()
    start_logging(settings.LOG_LEVEL)
    home = open_home(settings)
    with ExitStack() as stack:
        hold = stack.enter_context(Hold(home.folder))
        hold.wait_for_orphans(ORPHANS)
        web = stack.enter_context(ports.listen(wish.host, wish.port))
        url = ports.url(web, wish.host)
        if web.getsockname()[1] != wish.port and wish.port:
            say(f"Port {wish.port} is taken; serving on {web.getsockname()[1]} instead.")
        mail = stack.enter_context(ports.listen("127.0.0.1", 0)) if catches_mail(settings) else None
        plan = broker.choose(settings.BROKER_URL, home.folder)
        around = _around(settings, plan, url, mail)
        parts = Parts(settings, home, around)
        served = Served(
            url,
            prepare(parts),
            loopback=is_loopback(wish.host),
            catches_mail=mail is not None,
            clock_shift=settings.CLOCK_SHIFT.total_seconds(),
        )
        announcement = Announcement(served, around, home, hold, wish.ready_file, say=say, began=began)
        roles = ([plan.role] if plan.role else []) + up_roles(parts, web, mail)
        say(plan.note)
        build_for_all(parts)
        Supervisor(roles, on_change=announcement.change, say=say).run()


def _around(settings: "Settings", plan: BrokerPlan, url: str, mail: socket.socket | None) -> Around:
    return Around(
        broker_url=plan.url,
        broker_options=plan.options or None,
        public_url=settings.PUBLIC_URL or url,
        mail_server=settings.MAIL_SERVER or "127.0.0.1",
        mail_port=mail.getsockname()[1] if mail else mail_port(settings),
        catchers=url if settings.ENVIRONMENT == "development" else "",
    )


def catches_mail(settings: "Settings") -> bool:
    """Whether mail stays here, in the local catcher."""
    return settings.ENVIRONMENT == "development" and not settings.MAIL_SERVER


def prepare(parts: Parts) -> str:
    """Check what must be right, bring the database up to date, make what the first start makes; a sign-in link."""
    check(parts)
    # In a process of its own: what a migration imports would else stay in the memory of every role.
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as apart:
        apart.submit(_migrate, parts.database.url.render_as_string(hide_password=False)).result()
    with parts.database.write() as connection:
        _keep_default_app(Apps(connection), parts.home)
        admins = Admins(connection)
        token = admins.link(admins.save(OWNER, Role.OWNER, parts.clock()).id, parts.clock())
    # Nothing is open when the roles fork.
    parts.database.close()
    _ = parts.secret_key
    return f"{parts.around.public_url}/admin/login/once/{token}"


def _migrate(database_url: str) -> None:
    bring_up_to_date(Database(database_url))


def _keep_default_app(apps: Apps, home: Home) -> None:
    # Another database may be new to an old data folder.
    kept = home.default_app
    if kept is None or all(sender.id != kept.app for sender in apps.all()):
        home.keep_default_app(apps.create("default", now()))
    else:
        apps.widen(kept.app)  # it may be older than one of the scopes


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    return host in ("localhost", "::1") or host.startswith("127.")


def mail_port(settings: "Settings") -> int:
    """The port that was set, else the usual one: 465 with TLS from the start, 25 on this machine, else 587."""
    if settings.MAIL_PORT:
        return settings.MAIL_PORT
    return 465 if settings.MAIL_USE_SSL else 25 if settings.MAIL_USE_TLS is False else 587
