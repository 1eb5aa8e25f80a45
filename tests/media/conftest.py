"""What the tests of media share: a studio on one database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.store.database import Database
from notifier.store.schema import migrate
from tests.media.studio import Studio


@pytest.fixture
def one_studio(tmp_path: Path) -> Iterator[Studio]:
    """Where which database it is makes no difference."""
    database = Database(f"sqlite:///{tmp_path / 'notifier.db'}")
    migrate(database)
    yield Studio(database, tmp_path / "media")
    database.close()
