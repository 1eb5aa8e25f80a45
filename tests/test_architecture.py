"""What must hold of the whole: guards, queues, migrations, words, layers."""

import ast
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from celery import Celery
from flask import Flask
from sqlalchemy import inspect

from config import Settings
from notifier.app.home import CATALOGUE, Home
from notifier.app.parts import Around, Parts
from notifier.app.roles import up_roles
from notifier.channels.wording import TEMPLATES
from notifier.languages import things
from notifier.policy.catalogue import read_catalogue
from notifier.policy.queues import QUEUES
from notifier.policy.words import SENTENCES, UNFINISHED, Reason, State
from notifier.store.apps import SCOPES
from notifier.store.books import COLUMNS
from notifier.store.database import Database
from notifier.store.models import Base
from notifier.store.schema import migrate
from notifier.store.types import Key
from tests.stack import ROOT

GUARDS = {
    "public",
    "signature",
    "link",
    "metrics",
    "development",
    *(f"key:{scope}" for scope in SCOPES),
    "person:people",
}
GUARDS |= {f"admin:{role}" for role in ("viewer", "operator", "owner")}


URL = "http://127.0.0.1:8000"


def parts_in(folder: Path, *, catches: bool) -> Parts:
    around = Around("memory://", URL, "127.0.0.1", 25, catchers=URL if catches else "")
    return Parts(Settings(_env_file=None, DATA_DIR=folder), Home(folder, makes=True).open(), around)


def in_development(path: str) -> bool:
    return path.startswith(("/dev", "/demo"))


@pytest.fixture(params=[True, False], ids=["development", "production"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Flask:
    """The Flask app as it is served in development and in production."""
    return parts_in(tmp_path, catches=request.param).server


def test_every_route_says_who_may_call_it(app: Flask):
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if rule.endpoint == "static" or in_development(rule.rule):
            continue
        assert getattr(view, "guard", None) in GUARDS, f"{rule.rule} has no guard"


def test_routes_of_the_api_want_a_key_and_admin_pages_want_an_admin(app: Flask):
    open_doors = {"/v1/push/vapid-key": "public", "/v1/hooks/<string:app_id>": "signature"}
    for rule in app.url_map.iter_rules():
        guard = getattr(app.view_functions[rule.endpoint], "guard", "")
        if rule.rule.startswith("/v1/"):
            keyed = guard if guard.startswith(("key:", "person:")) else None
            assert guard == open_doors.get(rule.rule, keyed), rule.rule
        if rule.rule.startswith("/admin") and not rule.rule.startswith("/admin/login"):
            assert guard.startswith("admin:"), rule.rule


def test_a_persons_token_opens_the_feed_preferences_relations_and_devices_of_that_person_alone(app: Flask):
    theirs = ("feed", "preferences", "mutes", "blocks", "push-subscriptions")
    for rule in app.url_map.iter_rules():
        guard = getattr(app.view_functions[rule.endpoint], "guard", "")
        of_one = any(rule.rule.startswith(f"/v1/users/<user:user_id>/{part}") for part in theirs)
        assert guard.startswith("person:") is of_one, rule.rule


def test_nothing_of_development_is_served_in_production(tmp_path: Path):
    served = [rule.rule for rule in parts_in(tmp_path, catches=False).server.url_map.iter_rules()]
    assert not [path for path in served if in_development(path)]
    developed = parts_in(tmp_path, catches=True).server.url_map.iter_rules()
    assert [rule.rule for rule in developed if in_development(rule.rule)]


def test_every_queue_has_a_worker_and_one_worker_is_for_urgent_alone(tmp_path: Path, worked: list[list[str]]):
    parts = parts_in(tmp_path, catches=False)
    with socket.create_server(("127.0.0.1", 0)) as web:
        for role in up_roles(parts, web, None):
            if role.kind == "worker":
                with pytest.raises(SystemExit):
                    role.run()
    assert {queue for queues in worked for queue in queues} == set(QUEUES)
    assert ["urgent"] in worked
    assert {queue.name for queue in parts.celery.conf.task_queues} == set(QUEUES)


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The queues of each worker that was started; Celery's own worker is not run."""
    started: list[list[str]] = []

    class Idle:
        exitcode = 0

        def __init__(self, _app: Celery, *, queues: str, **_: Any) -> None:
            started.append(queues.split(","))

        def start(self) -> None:
            """Do nothing."""

    monkeypatch.setattr(Celery, "Worker", property(lambda app: lambda **options: Idle(app, **options)))
    return started


def test_every_type_of_the_catalogue_names_a_queue_that_is_served():
    assert {kind.queue for kind in read_catalogue(CATALOGUE.read_text()).kinds.values()} <= set(QUEUES)


def test_every_type_of_the_catalogue_has_its_words():
    heard = read_catalogue(CATALOGUE.read_text()).heard
    for kind in heard:
        assert (TEMPLATES / f"{kind.short}.jinja").is_file(), f"templates/{kind.short}.jinja is missing"
    assert sorted(things.KINDS) == sorted(kind.short for kind in heard)


def test_models_and_migrations_say_the_same(database: Database):
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": differs})
        assert compare_metadata(context, Base.metadata) == []


def differs(_context: Any, _inspected: Any, _column: Any, found: Any, wanted: Any) -> bool | None:
    """SQLite has no type of its own for 16 octets, and SQLAlchemy reads the name that it kept as a number's."""
    return False if isinstance(wanted, Key) and str(found) == "NUMERIC(16)" else None


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names())


def test_a_developer_who_changed_nothing_is_given_an_empty_migration(database: Database):
    command = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "check"]
    settings = {"DATABASE_URL": database.url.render_as_string(hide_password=False)}
    ended = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_migrating_again_changes_nothing(empty: Database):
    migrate(empty)
    before = tables(empty)
    migrate(empty)
    assert tables(empty) == before == {*Base.metadata.tables, "alembic_version"}


def test_two_processes_may_migrate_at_once(empty: Database, tmp_path: Path):
    settings = {"DATABASE_URL": empty.url.render_as_string(hide_password=False), "DATA_DIR": str(tmp_path / "data")}

    def run(_: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "notifier", "migrate"]
        return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=False)

    with ThreadPoolExecutor(3) as pool:
        for ended in pool.map(run, range(3)):
            assert ended.returncode == 0, ended.stderr
    assert tables(empty) == {*Base.metadata.tables, "alembic_version"}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_told_of_in_the_readme(name: str):
    assert f"`{name}`" in (ROOT / "README.md").read_text()


def test_every_reason_has_a_sentence_of_its_own():
    assert set(SENTENCES) == set(Reason)
    assert len(set(SENTENCES.values())) == len(Reason)
    for sentence in SENTENCES.values():
        assert sentence.endswith(".")
        assert sentence[0].isupper()


def test_every_state_has_its_place_in_the_books():
    assert set(COLUMNS) == set(State)
    assert {state for state, column in COLUMNS.items() if column == "waiting"} == set(UNFINISHED)


def test_states_and_reasons_fit_their_columns():
    columns = Base.metadata.tables["deliveries"].c
    assert max(map(len, State)) <= columns["state"].type.length
    assert max(map(len, Reason)) <= columns["reason"].type.length


def outside_channels() -> list[Path]:
    return [path for path in (ROOT / "notifier").rglob("*.py") if "channels" not in path.relative_to(ROOT).parts]


@pytest.mark.parametrize("path", outside_channels(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_but_a_channel_asks_which_channel_it_is(path: Path):
    asked = [node.lineno for node in ast.walk(ast.parse(path.read_text())) if asks_for_a_channel(node)]
    assert not asked, f"{path.name}:{asked} decides by a channel's name; let the channel say it"


def asks_for_a_channel(node: ast.AST) -> bool:
    """`channel == "email"`, `"push" in (row.channel, …)`, `match channel: case "email"` and the like."""
    if isinstance(node, ast.Match):
        return is_channel(node.subject)
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    # A query's `Address.channel == "push"` names a column; models begin with a capital.
    words = [part for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)]
    return any(map(is_channel, sides)) and any(isinstance(word.value, str) for word in words)


def is_channel(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "channel" and not (isinstance(node.value, ast.Name) and node.value.id[0].isupper())
    return isinstance(node, ast.Name) and node.id == "channel"


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        ('if channel == "email": pass', True),
        ('x = 1 if row.channel in ("push", "feed") else 2', True),
        ('match delivery.channel:\n case "email": pass', True),
        ('query.where(Address.channel == "push")', False),
        ("if channel in CHANNELS or channel is None: pass", False),
        ('if state == "sent": pass', False),
    ],
)
def test_the_check_for_channels_finds_what_it_should(line: str, asks: bool):
    assert any(map(asks_for_a_channel, ast.walk(ast.parse(line)))) is asks


def test_the_layers_are_kept():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout


def test_the_package_itself_holds_no_code():
    [docstring] = ast.parse((ROOT / "notifier" / "__init__.py").read_text()).body
    assert isinstance(docstring, ast.Expr)


def test_a_service_holds_nothing_in_memory_that_only_few_need():
    few = "psycopg rich segno notifier.web.description PIL obstore alembic granian"
    code = f"import sys, notifier.__main__, notifier.app.roles; print(*set({few.split()!r}) & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "\n"
