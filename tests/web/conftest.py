"""The app on a database of each kind, one for all tests of a module: who counts rows, counts what was added."""

from collections.abc import Iterator

import pytest

from tests.conftest import KINDS
from tests.web.api import Api, make_parts


@pytest.fixture(scope="module", params=KINDS)
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The web edge on a database of each kind in turn."""
    url = request.getfixturevalue("postgres").migrated() if request.param == "postgresql" else ""
    made = Api(make_parts(tmp_path_factory.mktemp("data"), url)).migrate()
    yield made
    made.parts.database.close()
