"""Switches that make the catchers fail on purpose, so that retries can be watched.

One small file holds them, shared by the processes of the catchers: read at each use, changed under a lock,
so that "the next three" means three, whoever meets them.
"""

import fcntl
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

MOST = 100_000  # the highest count that a form may ask for
LONGEST = 300.0  # seconds of delay that a form may ask for


class MailFault(StrEnum):
    """What the mail catcher can do wrong; each with the answer that it gives."""

    BUSY = "421"
    GREYLISTED = "451"
    NO_MAILBOX = "550"
    REJECTED = "554"
    DROPPED = "drop"


class PushFault(StrEnum):
    """The status with which the push catcher can turn a push away."""

    THROTTLED = "429"
    GONE = "410"
    NOT_FOUND = "404"
    TOO_LARGE = "413"
    FORBIDDEN = "403"
    BROKEN = "500"


@dataclass(frozen=True, slots=True)
class Switch:
    """What one catcher is told to do wrong.

    `fault` is a `MailFault` or a `PushFault`, empty for none; `left` how often it still strikes, None until it is
    switched off. `delay` is seconds before each message is answered, faulty or not; `retry_after` seconds to name
    with a 429.
    """

    fault: str = ""
    left: int | None = 0
    delay: float = 0.0
    retry_after: int = 0

    @property
    def armed(self) -> bool:
        """Whether the fault still strikes."""
        return bool(self.fault) and self.left != 0

    @property
    def on(self) -> bool:
        """Whether anything is out of the ordinary."""
        return self.armed or self.delay > 0


@dataclass(frozen=True, slots=True)
class Switches:
    """The switches of both catchers."""

    mail: Switch = field(default_factory=Switch)
    push: Switch = field(default_factory=Switch)


class Faults:
    """The switches kept in `folder`/faults.json."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "faults.json"
        self._lock = folder / "faults.lock"

    def switches(self) -> Switches:
        """What is switched on now."""
        try:
            stored = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return Switches()
        return Switches(mail=Switch(**stored["mail"]), push=Switch(**stored["push"]))

    def set_mail(self, switch: Switch) -> None:
        """Put the mail catcher's switch in this position."""
        with self._locked():
            self._write(replace(self.switches(), mail=switch))

    def set_push(self, switch: Switch) -> None:
        """Put the push catcher's switch in this position."""
        with self._locked():
            self._write(replace(self.switches(), push=switch))

    def trip(self) -> None:
        """Let one more mail and one more push fail, in a way that a sender tries again."""
        with self._locked():
            now = self.switches()
            self._write(
                Switches(mail=_one_more(now.mail, MailFault.GREYLISTED), push=_one_more(now.push, PushFault.BROKEN))
            )

    def calm(self) -> None:
        """Forget the failures that are counted down; what was switched on for good stays on."""
        with self._locked():
            now = self.switches()
            self._write(Switches(mail=_calmed(now.mail), push=_calmed(now.push)))

    def take_mail(self, among: Collection[MailFault]) -> MailFault | None:
        """The fault to commit now, counted down, if one of these is armed."""
        if not _strikes(self.switches().mail, among):
            return None
        with self._locked():
            switches = self.switches()
            if not _strikes(switches.mail, among):
                return None
            self._write(replace(switches, mail=_counted(switches.mail)))
            return MailFault(switches.mail.fault)

    def take_push(self) -> PushFault | None:
        """The fault to commit now, counted down, if one is armed."""
        if not self.switches().push.armed:
            return None
        with self._locked():
            switches = self.switches()
            if not switches.push.armed:
                return None
            self._write(replace(switches, push=_counted(switches.push)))
            return PushFault(switches.push.fault)

    def _write(self, switches: Switches) -> None:
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(switches)))
        unfinished.replace(self._file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _strikes(switch: Switch, among: Collection[MailFault]) -> bool:
    return switch.armed and switch.fault in among


def _counted(switch: Switch) -> Switch:
    return switch if switch.left is None else replace(switch, left=switch.left - 1)


def _one_more(switch: Switch, fault: str) -> Switch:
    if not switch.armed:
        return replace(switch, fault=fault, left=1)
    return switch if switch.left is None else replace(switch, left=switch.left + 1)


def _calmed(switch: Switch) -> Switch:
    return switch if switch.left is None else replace(switch, left=0)
