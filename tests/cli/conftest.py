"""The command line against the whole service, as a user types it."""

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from config import load
from notifier.app.tools import Tools
from notifier.cli.main import command
from notifier.cli.tools import CannotRun
from notifier.store.database import Database
from tests.stack import Stack

QUIET = {"GATHER_SCALE": "0", "RETRY_SCALE": "0"}


@dataclass
class Terminal:
    """Where commands are typed: with this data folder, and these settings in the environment."""

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)

    def type(self, line: str, *words: str, input: str = "", **settings: str) -> Result:
        """Run `notifier` with this line, and these words after it as they are."""
        made: list[Tools] = []

        def make_tools(data_dir: Path | None) -> Tools:
            made.append(Tools(load, data_dir))
            return made[-1]

        environment: dict[str, str | None] = dict.fromkeys(os.environ) | {"HOME": str(self.data_dir), "PATH": "/bin"}
        environment |= QUIET | {"DATA_DIR": str(self.data_dir)} | self.settings | settings
        result = CliRunner().invoke(command, [*shlex.split(line), *words], input=input, env=environment, obj=make_tools)
        for tools in made:
            with contextlib.suppress(CannotRun):
                tools.database.close()
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def done(self, line: str, *words: str, **settings: str) -> str:
        """What the command prints; it must end well."""
        result = self.type(line, *words, **settings)
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service as a fresh install runs it, with its own catchers; nothing gathers and retries come at once."""
    with Stack(tmp_path_factory.mktemp("cli"), MAIL_SERVER="") as running:
        yield running


@pytest.fixture
def terminal(service: Stack) -> Terminal:
    """A terminal beside the running service."""
    return Terminal(service.data_dir)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the newest schema, to be copied."""
    place = Terminal(tmp_path_factory.mktemp("template") / "data")
    place.done("migrate")
    return place.data_dir / "notifier.db"


@pytest.fixture
def resting(tmp_path: Path, migrated: Path) -> Terminal:
    """A terminal where nothing runs, with an empty database of the newest schema."""
    place = Terminal(tmp_path / "data")
    place.data_dir.mkdir()
    shutil.copy(migrated, place.data_dir)
    return place


@pytest.fixture
def nowhere(tmp_path: Path) -> Terminal:
    """A terminal where nothing runs and nothing ever did."""
    return Terminal(tmp_path / "nowhere")


@pytest.fixture
def rows(resting: Terminal) -> Iterator[Database]:
    """The resting terminal's database."""
    database = Database(f"sqlite:///{resting.data_dir / 'notifier.db'}")
    yield database
    database.close()


def event_of(service: Stack, id: str) -> Any:
    """The event as the API shows it."""
    reply = service.call("GET", f"/v1/events/{id}")
    assert reply.status == 200, reply.text
    return reply.json
