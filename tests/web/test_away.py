"""When the database is away or too much waits: 503 and 429, nothing stored, and well again by itself."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from notifier.store import database as database_module
from tests.conftest import Postgres
from tests.stack import eventually
from tests.web.api import Api, like, make_parts, problem_of

assert database_module.BUSY_MS == 5_000  # the test of a locked file waits that long


@pytest.fixture
def api(database_url: str, tmp_path: Path) -> Iterator[Api]:
    made = Api(make_parts(tmp_path, database_url, MAX_UNPLANNED=2))
    yield made
    made.parts.database.close()


@pytest.fixture
def on_postgres(postgres: Postgres, tmp_path: Path) -> Iterator[Api]:
    made = Api(make_parts(tmp_path, postgres.migrated()))
    yield made
    made.parts.database.close()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Api]:
    made = Api(make_parts(tmp_path / "data")).migrate()
    yield made
    made.parts.database.close()


def away(api: Api) -> None:
    """Every call that needs the database says so."""
    for method, path, body in (
        ("POST", "/v1/events", like()),
        ("PUT", "/v1/users/bob", {"name": "Bob"}),
        ("PUT", "/v1/users/bob/preferences", {"types": {"like": {"push": "off"}}}),
        ("POST", "/v1/events/batch", {"events": [like()]}),
        ("GET", "/v1/deliveries", None),
        ("GET", "/v1/changes", None),
        ("GET", "/v1/books", None),
    ):
        response = api.call(method, path, body)
        problem_of(response, 503, "away")
        assert int(response.headers["Retry-After"]) > 0
    assert problem_of(api.post_signed(like()), 503, "away")
    assert api.call("GET", "/livez").status_code == 200
    assert api.call("GET", "/readyz").status_code == 503


def test_without_postgresql_every_call_says_so_and_works_again_after(on_postgres: Api, postgres: Postgres):
    assert on_postgres.post(like()).status_code == 202
    postgres.close_doors(on_postgres.parts.database.url)
    away(on_postgres)
    postgres.open_doors(on_postgres.parts.database.url)
    assert on_postgres.post(like()).status_code == 202
    assert on_postgres.counts()["events"] == 2


def test_without_its_folder_every_call_says_so(on_sqlite: Api):
    assert on_sqlite.post(like()).status_code == 202
    on_sqlite.parts.database.close()
    folder = on_sqlite.parts.home.folder
    folder.rename(folder.with_name("moved"))
    away(on_sqlite)
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name("moved").rename(folder)
    assert on_sqlite.post(like()).status_code == 202
    assert on_sqlite.counts()["events"] == 2


def test_a_locked_file_is_waited_for_and_then_refused(on_sqlite: Api):
    assert on_sqlite.post(like()).status_code == 202
    with sqlite3.connect(on_sqlite.parts.home.folder / "notifier.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        response = on_sqlite.post(like())
        other.execute("ROLLBACK")
    other.close()
    problem_of(response, 503, "away")
    assert on_sqlite.counts()["events"] == 1
    assert on_sqlite.post(like()).status_code == 202


def test_when_too_much_waits_an_event_is_refused_and_taken_later(api: Api):
    def refused() -> bool:
        response = api.post(like())
        if response.status_code == 202:
            return False
        problem_of(response, 429, "too-many")
        assert int(response.headers["Retry-After"]) > 0
        return True

    eventually(refused, within=5)
    stored = api.counts()["events"]
    assert stored > 2
    assert refused()
    problem_of(api.call("POST", "/v1/events/batch", {"events": [like()]}), 429, "too-many")
    assert api.counts()["events"] == stored
    with api.parts.database.write() as connection:
        connection.execute(text("UPDATE events SET planned_at = accepted_at"))
    eventually(lambda: api.post(like()).status_code == 202, within=5)
