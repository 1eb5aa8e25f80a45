"""What the command line works with: the parts of this machine, found through the data folder."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notifier.app.checks import WrongSetting, bring_up_to_date, check, open_home
from notifier.app.doctor import Patient, examine
from notifier.app.home import Home
from notifier.app.parts import Around, Parts
from notifier.app.roles import run_scheduler, run_worker, serve_web, start_logging
from notifier.app.up import Wish, mail_port, up
from notifier.catchers.faults import Faults
from notifier.catchers.push import PushCatcher
from notifier.channels import Address
from notifier.cli.tools import CannotRun, Finding, Service
from notifier.pipeline import Clock
from notifier.pipeline.admins import Staff
from notifier.pipeline.again import Again
from notifier.pipeline.backtest import Backtest
from notifier.pipeline.explain import Explainer
from notifier.pipeline.purge import Purger
from notifier.pipeline.rebuilding import Rebuilder
from notifier.pipeline.scheduling import Scheduling
from notifier.policy.catalogue import Catalogue, CatalogueFault
from notifier.policy.renditions import SpecFault
from notifier.policy.retention import Retention
from notifier.store.database import Database
from notifier.supervisor import lock
from notifier.supervisor.lock import AlreadyRunning
from notifier.supervisor.loop import StartFailed
from notifier.supervisor.ports import CannotListen

if TYPE_CHECKING:
    from config import Settings


@dataclass(frozen=True, slots=True)
class LocalCatchers:
    """Keeps the command line's `Catchers` protocol."""

    push: PushCatcher
    faults: Faults

    def browser(self, user: str) -> Mapping[str, Any]:
        """Make a browser of this person."""
        return self.push.subscribe(user)

    def trip(self) -> None:
        """Let one more mail and one more push fail at first."""
        self.faults.trip()

    def calm(self) -> None:
        """Let nothing more fail."""
        self.faults.calm()


LoadSettings = Callable[..., "Settings"]


class Tools:
    """Keeps the command line's `Tools` protocol."""

    def __init__(self, load: LoadSettings, data_dir: Path | None) -> None:
        self._settings = load(**({"DATA_DIR": data_dir} if data_dir else {}))

    @property
    def data_dir(self) -> Path:
        return self._settings.DATA_DIR

    @property
    def database(self) -> Database:
        return self._begun.database

    @property
    def catalogue(self) -> Catalogue:
        try:
            return self._parts.catalogue
        except (CatalogueFault, OSError) as error:
            raise CannotRun(f"CATALOGUE_FILE {self._settings.CATALOGUE_FILE}: {error}.") from error

    @property
    def catchers(self) -> "LocalCatchers":
        return LocalCatchers(self._parts.push_catcher, self._parts.faults)

    @property
    def clock(self) -> Clock:
        return self._parts.clock  # type: ignore[no-any-return]  # any callable, so that tests can give theirs

    @property
    def again(self) -> Again:
        return self._begun.again

    @property
    def explainer(self) -> Explainer:
        return self._begun.explainer

    @property
    def backtest(self) -> Backtest:
        return self._begun.backtest

    @property
    def scheduling(self) -> Scheduling:
        return self._begun.scheduling

    @property
    def staff(self) -> Staff:
        return self._begun.staff

    @property
    def purger(self) -> Purger:
        return self._begun.purger

    @property
    def rebuilder(self) -> Rebuilder:
        try:
            return self._begun.rebuilder
        except (SpecFault, OSError) as error:
            raise CannotRun(f"RENDITIONS_FILE {self._settings.RENDITIONS_FILE}: {error}.") from error

    @property
    def retention(self) -> Retention:
        return self._parts.retention

    def masked(self, channel: str, address: Address) -> str:
        """The address as a log may show it."""
        return self._parts.masked(channel, address)

    def service(self) -> Service:
        """The running service, as an upstream app sees it."""
        found, app = lock.running(self.data_dir), Home(self.data_dir).default_app
        return Service(
            url=found.url if found else self._settings.PUBLIC_URL,
            app=app.app if app else "",
            secret=app.secret if app else "",
            key=app.key if app else "",
        )

    def examine(self) -> Iterator[Finding]:
        """Look at everything that the service stands on."""
        return examine(Patient(self._parts.settings, self._parts, lock.running(self.data_dir)))

    def remember_secret(self, app: str, secret: str) -> None:
        """Keep a new signing secret beside the default app's other credentials, for the demo and the ready file."""
        Home(self.data_dir).remember(app, secret=secret)

    def admin_link(self, token: str) -> str:
        """The address of a sign-in link."""
        return f"{self._parts.around.public_url}/admin/login/once/{token}"

    def up(self, host: str, port: int, ready_file: Path | None, say: Callable[[str], None]) -> None:
        """Run everything. Raises `CannotRun`."""
        try:
            up(self._settings, Wish(host, port, ready_file), say)
        except (AlreadyRunning, CannotListen, StartFailed, WrongSetting) as error:
            raise CannotRun(str(error)) from error

    def web(self, bind: str) -> None:
        """Run the web role."""
        serve_web(self._started(), bind)

    def worker(self, queues: Sequence[str]) -> None:
        """Run a worker."""
        run_worker(self._started(), queues, self._settings.WORKER_THREADS)

    def scheduler(self) -> None:
        """Run the scheduler."""
        run_scheduler(self._started())

    def migrate(self) -> None:
        """Bring the database to the newest schema. Raises `CannotRun`."""
        try:
            open_home(self._settings)
            bring_up_to_date(self._parts.database)
        except WrongSetting as error:
            raise CannotRun(str(error)) from error

    def _started(self) -> Parts:
        start_logging(self._settings.LOG_LEVEL)
        try:
            check(self._parts)
        except WrongSetting as error:
            raise CannotRun(str(error)) from error
        return self._parts

    @property
    def _begun(self) -> Parts:
        """The parts, where there is a database. Raises `CannotRun`: to look must not make one."""
        if self._parts.database.is_missing:
            raise CannotRun(f"There is no database in {self.data_dir} yet. Start the service once: make run")
        return self._parts

    @cached_property
    def _parts(self) -> Parts:
        return parts_of(self._settings)


def parts_of(settings: "Settings") -> Parts:
    """The parts of a process that was started by itself: beside a running `up`, or with all settings given."""
    found = lock.running(settings.DATA_DIR)
    if found and found.clock_shift and not settings.CLOCK_SHIFT:
        settings = settings.model_copy(update={"CLOCK_SHIFT": timedelta(seconds=found.clock_shift)})
    broker_url = settings.BROKER_URL or (found.broker_url if found else "redis://127.0.0.1:6379/0")
    caught = found.mail_port if found else 0
    around = Around(
        broker_url=broker_url,
        broker_options=dict(found.broker_options) if found and found.broker_url == broker_url else None,
        public_url=settings.PUBLIC_URL or (found.url if found else "http://127.0.0.1:8000"),
        mail_server=settings.MAIL_SERVER or "127.0.0.1",
        mail_port=mail_port(settings) if settings.MAIL_SERVER else caught or mail_port(settings),
        catchers=found.url if found and settings.ENVIRONMENT == "development" else "",
    )
    return Parts(settings, Home(settings.DATA_DIR), around)
