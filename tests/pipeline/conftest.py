"""A line over each kind of database."""

import pytest

from notifier.store.database import Database
from tests.pipeline.line import Line


@pytest.fixture
def line(database_url: str) -> Line:
    """All steps over a fresh database, with room for twenty threads."""
    database = Database(database_url, threads=24)
    yield Line(database)
    database.close()
