"""`notifier up`: the whole service on one machine, from an empty folder to a printed address."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from notifier.app.checks import bring_up_to_date, check, open_home
from notifier.app.home import Home
from notifier.app.parts import Around, Parts, now
from notifier.app.roles import import_for_all, start_logging, up_roles
from notifier.store.admins import Admins, Role
from notifier.store.apps import Apps
from notifier.supervisor import broker, ports
from notifier.supervisor.files import write_json
from notifier.supervisor.lock import Hold, Running
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
        catches = settings.ENVIRONMENT == "development"
        mail = stack.enter_context(ports.listen("127.0.0.1", 0)) if catches and not settings.MAIL_SERVER else None
        plan = broker.choose(settings.BROKER_URL, home.folder)
        around = Around(
            broker_url=plan.url,
            broker_options=plan.options or None,
            public_url=settings.PUBLIC_URL or url,
            mail_server=settings.MAIL_SERVER or "127.0.0.1",
            mail_port=mail.getsockname()[1] if mail else mail_port(settings),
            catches=catches,
        )
        parts = Parts(settings, home, around)
        admin_url = prepare(parts)
        published = _Published(
            hold=hold,
            ready_file=wish.ready_file,
            around=around,
            url=url,
            admin_url=admin_url,
            home=home,
            say=say,
            began=began,
            loopback=is_loopback(wish.host),
            catches_mail=mail is not None,
        )
        roles = ([plan.role] if plan.role else []) + up_roles(parts, web, mail)
        say(plan.note)
        import_for_all()
        Supervisor(roles, on_change=published.change, say=say).run()


def prepare(parts: Parts) -> str:
    """Check what must be right, bring the database up to date, make what the first start makes; a sign-in link."""
    check(parts)
    bring_up_to_date(parts.database)
    with parts.database.write() as connection:
        if parts.home.default_app is None:
            parts.home.keep_default_app(Apps(connection).create("default", now()))
        admins = Admins(connection)
        token = admins.link(admins.save(OWNER, Role.OWNER, now()).id, now())
    # Nothing is open when the roles fork.
    parts.database.close()
    _ = parts.secret_key
    return f"{parts.around.public_url}/admin/login/once/{token}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    return host in ("localhost", "::1") or host.startswith("127.")


def mail_port(settings: "Settings") -> int:
    """The port that was set, else the usual one: 465 with TLS from the start, 25 on this machine, else 587."""
    if settings.MAIL_PORT:
        return settings.MAIL_PORT
    return 465 if settings.MAIL_USE_SSL else 25 if settings.MAIL_USE_TLS is False else 587


@dataclass
class _Published:
    """Tells others of the running service: the ready file, the data folder, the terminal."""

    hold: Hold
    ready_file: Path | None
    around: Around
    url: str
    admin_url: str
    home: Home
    say: Callable[[str], None]
    began: float
    loopback: bool
    catches_mail: bool
    told: bool = False

    def change(self, pids: Mapping[str, Sequence[int]]) -> None:
        """All is ready, or a process was replaced."""
        running = Running(
            url=self.url,
            admin_url=self.admin_url,
            mail_port=self.around.mail_port if self.catches_mail else 0,
            broker_url=self.around.broker_url,
            broker_options=self.around.broker_options or {},
            started_at=now().isoformat(),
            pids=pids,
        )
        self.hold.publish(running)
        if self.ready_file:
            write_json(self.ready_file, self._ready(pids))
        if not self.told:
            self.told = True
            self.say(self._banner())

    def _ready(self, pids: Mapping[str, Sequence[int]]) -> dict[str, object]:
        app = self.home.default_app
        return {
            "url": self.url,
            "admin_url": self.admin_url,
            "pids": {kind: list(pids.get(kind, ())) for kind in ("web", "worker", "scheduler", "broker")},
            "app": {"id": app.app, "secret": app.secret, "key": app.key} if app else None,
        }

    def _banner(self) -> str:
        took = time.monotonic() - self.began
        lines = [
            "",
            f"  Notifier is ready ({took:.1f} s)    data: {self.home.folder}    Ctrl-C stops everything, in order",
            f"  Admin        {self.admin_url}",
            "               (signs you in once, within 15 minutes)",
        ]
        if self.catches_mail:
            lines.append(f"  Mailbox      {self.url}/dev/mail    every mail lands here; nothing leaves this machine")
        else:
            lines.append(f"  Mail         goes out through {self.around.mail_server}:{self.around.mail_port}")
        if self.around.catches:
            lines += [
                f"  Push         {self.url}/dev/push    make a subscription and see what it gets",
                "  Try:         make demo",
            ]
        if self.around.catches and not self.loopback:
            lines.append("  Whoever reaches this address can read /dev; set ENVIRONMENT=production to serve others.")
        return "\n".join([*lines, ""])
