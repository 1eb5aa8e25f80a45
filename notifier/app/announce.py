"""Telling that the service runs: to the terminal, to a ready file, and to the other commands on this machine."""

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from notifier.app.home import Home
from notifier.app.parts import Around, now
from notifier.supervisor.files import write_json
from notifier.supervisor.lock import Hold, Running

USUAL = Path("instance")  # where every command looks unless told otherwise


@dataclass(frozen=True, slots=True)
class Served:
    """What is served: where, to whom, and whether mail stays here."""

    url: str
    admin_url: str
    loopback: bool
    catches_mail: bool
    clock_shift: float  # seconds


@dataclass
class Announcement:
    """Tells others of the running service: the ready file, the data folder, and once the terminal.

    `began` is when the start began, in monotonic seconds.
    """

    served: Served
    around: Around
    home: Home
    hold: Hold
    ready_file: Path | None
    say: Callable[[str], None]
    began: float
    told: bool = False

    def change(self, pids: Mapping[str, Sequence[int]]) -> None:
        """All is ready, or a process was replaced."""
        running = Running(
            url=self.served.url,
            admin_url=self.served.admin_url,
            mail_port=self.around.mail_port if self.served.catches_mail else 0,
            clock_shift=self.served.clock_shift,
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
            "url": self.served.url,
            "admin_url": self.served.admin_url,
            "pids": {kind: list(pids.get(kind, ())) for kind in ("web", "worker", "scheduler", "broker")},
            "app": {"id": app.app, "secret": app.secret, "key": app.key} if app else None,
        }

    def _demo(self) -> str:
        """The command that finds this service, also in a data folder that it would not look in by itself."""
        if self.home.folder == USUAL:
            return "make demo"
        return f'make demo ARGS="--data-dir {shlex.quote(str(self.home.folder))}"'

    def _banner(self) -> str:
        took = time.monotonic() - self.began
        lines = [
            "",
            f"  Notifier is ready ({took:.1f} s)    data: {self.home.folder}    Ctrl-C stops everything, in order",
            f"  Admin        {self.served.admin_url}",
            "               (signs you in once, within 15 minutes)",
        ]
        if self.served.catches_mail:
            lines.append(
                f"  Mailbox      {self.served.url}/dev/mail    every mail lands here; nothing leaves this machine"
            )
        else:
            lines.append(f"  Mail         goes out through {self.around.mail_server}:{self.around.mail_port}")
        if self.around.catchers:
            lines += [
                f"  Push         {self.served.url}/dev/push    make a subscription and see what it gets",
                f"  Demo         {self.served.url}/demo    two people side by side, and what each is told",
                f"  Try:         {self._demo()}",
            ]
        if self.around.catchers and not self.served.loopback:
            lines.append(
                "  Whoever reaches this address can use /dev and /demo; set ENVIRONMENT=production to serve others."
            )
        return "\n".join([*lines, ""])
