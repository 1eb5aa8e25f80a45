"""What the commands are given to work with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from notifier.channels import Address
from notifier.pipeline import Clock
from notifier.pipeline.admins import Staff
from notifier.pipeline.again import Again
from notifier.pipeline.backtest import Backtest
from notifier.pipeline.explain import Explainer
from notifier.pipeline.purge import Purger
from notifier.pipeline.rebuilding import Rebuilder
from notifier.pipeline.scheduling import Scheduling
from notifier.policy.catalogue import Catalogue
from notifier.policy.retention import Retention
from notifier.store.database import Database


class CannotRun(Exception):
    """What was asked cannot be done here. The message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Service:
    """The running service as an upstream app sees it. Empty where nothing runs."""

    url: str
    app: str
    secret: str = field(repr=False)
    key: str = field(repr=False)


class Level(StrEnum):
    """How a finding of the doctor is meant."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the doctor looked at, and what to do about it where something is wrong."""

    name: str
    level: Level
    says: str
    do: str = ""


class Catchers(Protocol):
    """The local catchers of development, as far as the demo needs them."""

    def browser(self, user: str) -> Mapping[str, Any]:
        """Make a browser of this person: what its `PushSubscription.toJSON()` gives."""

    def trip(self) -> None:
        """Let one more mail and one more push fail at first."""

    def calm(self) -> None:
        """Let nothing more fail, unless an operator switched that on for good."""


class Tools(Protocol):
    """The parts of this machine, found through the data folder."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def database(self) -> Database: ...
    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def catchers(self) -> Catchers: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def again(self) -> Again: ...
    @property
    def explainer(self) -> Explainer: ...
    @property
    def backtest(self) -> Backtest: ...
    @property
    def scheduling(self) -> Scheduling: ...
    @property
    def staff(self) -> Staff: ...
    @property
    def purger(self) -> Purger: ...
    @property
    def rebuilder(self) -> Rebuilder: ...
    @property
    def retention(self) -> Retention: ...
    def masked(self, channel: str, address: Address) -> str: ...
    def service(self) -> Service: ...
    def examine(self) -> Iterator[Finding]: ...
    def remember_secret(self, app: str, secret: str) -> None: ...
    def admin_link(self, token: str) -> str: ...
    def up(self, host: str, port: int, ready_file: Path | None, say: Callable[[str], None]) -> None: ...
    def web(self, bind: str) -> None: ...
    def worker(self, queues: Sequence[str]) -> None: ...
    def scheduler(self) -> None: ...
    def migrate(self) -> None: ...


MakeTools = Callable[[Path | None], Tools]
