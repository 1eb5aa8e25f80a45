"""A wrong setting stops the start with a sentence that names it and says what would be right, and tells no secret."""

import os
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config import Settings, load
from notifier.app.checks import WrongSetting, bring_up_to_date, check, open_home
from notifier.app.home import Home
from notifier.app.parts import Around, Parts
from notifier.app.tools import parts_of
from notifier.channels.push import new_private_key
from notifier.policy.retention import Retention
from notifier.store.database import Database
from notifier.store.types import id_at, make_ids_ahead, new_id
from notifier.supervisor.lock import Hold, Running
from tests.stack import ROOT

PRODUCTION = {
    "ENVIRONMENT": "production",
    "PUBLIC_URL": "https://notify.example.com",
    "SECRET_KEY": "s" * 48,
    "MAIL_SERVER": "mail.example.com",
    "MAIL_DEFAULT_SENDER": "Acme <news@example.com>",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` and no variable of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name, raising=False)


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What the start says to this environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        load()
    return str(stopped.value)


def test_nothing_need_be_set():
    assert load().ENVIRONMENT == "development"


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch):
    for name in Settings.model_fields:
        monkeypatch.setenv(name, "")
    assert load() == Settings.model_construct(**{name: field.default for name, field in Settings.model_fields.items()})


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("DATABASE_URL", "mysql://h/d", "postgresql+psycopg://"),
        ("DATABASE_URL", "postgres://h/d", "postgresql+psycopg://"),
        ("DATABASE_URL", "postgresql+psycopg://h:port/d", "postgresql+psycopg://user:password@host"),
        ("BROKER_URL", "http://h", "redis://"),
        ("PUBLIC_URL", "notify.example.com", "https://notify.example.com"),
        ("PUBLIC_URL", "ftp://notify.example.com", "https://notify.example.com"),
        ("PUBLIC_URL", "http://[", "https://notify.example.com"),
        ("PUBLIC_URL", "http://h:99999", "https://notify.example.com"),
        ("PUBLIC_URL", "http://h/?x=1", "https://notify.example.com"),
        ("PUBLIC_URL", "http://h h", "https://notify.example.com"),
        ("PUBLIC_URL", "https://", "https://notify.example.com"),
        ("ENVIRONMENT", "staging", "'development' or 'production'"),
        ("MAIL_PORT", "-1", "greater than or equal to 0"),
        ("MAIL_PORT", "65536", "less than or equal to 65535"),
        ("MAIL_PORT", "smtp", "must be a valid integer."),
        ("MAIL_USE_TLS", "maybe", "valid boolean"),
        ("MAIL_USE_SSL", "2", "valid boolean"),
        ("MAIL_CA_FILE", "/nowhere.pem", "path of a PEM file"),
        ("PUSH_CA_FILE", "/", "path of a PEM file"),
        ("CATALOGUE_FILE", "/nowhere.toml", "path of a TOML file"),
        ("TEMPLATES_DIR", "/nowhere", "path of a folder with templates"),
        ("MAIL_MAX_CONNECTIONS", "0", "greater than or equal to 1"),
        ("PUSH_ALLOWED_HOSTS", "https://fcm.googleapis.com", "host names"),
        ("PUSH_ALLOWED_HOSTS", "fcm.googleapis.com,*apple", "host names"),
        ("PUSH_ALLOW_LOOPBACK", "perhaps", "valid boolean"),
        ("ALLOWED_ORIGINS", "*", "origins"),
        ("ALLOWED_ORIGINS", "https://app.example/page", "origins"),
        ("ALLOWED_ORIGINS", "https://app.example,app.example", "origins"),
        ("FEED_STREAMS", "-1", "greater than or equal to 0"),
        ("GATHER_SCALE", "-1", "greater than or equal to 0"),
        ("GATHER_SCALE", "nan", "finite number"),
        ("RETRY_SCALE", "inf", "finite number"),
        ("RETRY_SCALE", "slow", "valid number"),
        ("LEASE_SECONDS", "0", "greater than or equal to 1"),
        ("LEASE_SECONDS", "nan", ""),
        ("LEASE_SECONDS", "1e9", "less than or equal to 3600"),
        ("MAX_UNPLANNED", "0", "greater than or equal to 1"),
        ("WEB_THREADS", "0", "greater than or equal to 1"),
        ("WORKER_THREADS", "1000", "less than or equal to 256"),
        ("CLOCK_SHIFT", "tomorrow", "seconds, or 90m, 36h, 1d"),
        ("CLOCK_SHIFT", "-1d", "seconds, or 90m, 36h, 1d"),
        ("CLOCK_SHIFT", "1001d", "at most 1000d"),
        ("METRICS_TOKEN", "short", "16 printable ASCII characters or more"),
        ("RETENTION_DELIVERIES_DAYS", "-1", "greater than or equal to 0"),
        ("RETENTION_FAILED_DAYS", "soon", "must be a valid integer."),
        ("RETENTION_FEED_DAYS", "0.5", "must be a valid integer"),
        ("RETENTION_EVENTS_DAYS", "99999", "less than or equal to 36500"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, right: str
):
    said = refusal(monkeypatch, **{name: value})
    assert said.startswith(name)
    assert right in said
    assert said.endswith(".")
    assert "Value error" not in said


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch):
    said = refusal(monkeypatch, MAIL_PORT="x", LOG_LEVEL="y").splitlines()
    assert [line.split()[0] for line in said] == ["MAIL_PORT", "LOG_LEVEL"]


def test_starttls_and_tls_exclude_each_other(monkeypatch: pytest.MonkeyPatch):
    assert "MAIL_USE_TLS and MAIL_USE_SSL" in refusal(monkeypatch, MAIL_USE_TLS="1", MAIL_USE_SSL="1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"DATABASE_URL": "mysql://u:hunter2@h/d"},
        {"DATABASE_URL": "postgresql+psycopg://u:hunter2@h:hunter2/d"},
        {"BROKER_URL": "http://u:hunter2@h"},
        {"MAIL_PASSWORD": "hunter2", "MAIL_PORT": "x"},
        PRODUCTION | {"SECRET_KEY": "hunter2"},
        PRODUCTION | {"MAIL_PASSWORD": "hunter2", "SECRET_KEY": ""},
    ],
    ids=str,
)
def test_no_secret_is_told(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]):
    assert "hunter2" not in refusal(monkeypatch, **wrong)


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch):
    for name in ("SECRET_KEY", "MAIL_PASSWORD", "VAPID_PRIVATE_KEY"):
        monkeypatch.setenv(name, "hunter2")
    assert "hunter2" not in repr(load())


def test_production_is_let_start_with_what_it_demands(monkeypatch: pytest.MonkeyPatch):
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    assert load().ENVIRONMENT == "production"


@pytest.mark.parametrize(
    ("changed", "right"),
    [
        ({"PUBLIC_URL": "http://notify.example.com"}, "PUBLIC_URL must begin with https://"),
        ({"PUBLIC_URL": ""}, "PUBLIC_URL must begin with https://"),
        ({"SECRET_KEY": ""}, "SECRET_KEY must have 32 characters"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must have 32 characters"),
        ({"PUSH_ALLOW_LOOPBACK": "1"}, "PUSH_ALLOW_LOOPBACK must be off"),
        ({"CLOCK_SHIFT": "1d"}, "CLOCK_SHIFT must be 0"),
        ({"MAIL_SERVER": ""}, "MAIL_SERVER must be set"),
    ],
    ids=str,
)
def test_production_demands(monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], right: str):
    assert refusal(monkeypatch, **PRODUCTION | changed).startswith(right)


def parts_with(folder: Path, **settings: Any) -> Parts:
    around = Around(broker_url="memory://", public_url="http://h", mail_server="127.0.0.1", mail_port=25)
    return Parts(Settings(DATA_DIR=folder, **settings), Home(folder, makes=True).open(), around)


@pytest.mark.parametrize(
    ("value", "shift"),
    [
        ("0", timedelta(0)),
        ("90", timedelta(seconds=90)),
        ("1.5", timedelta(seconds=1.5)),
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("1d", timedelta(days=1)),
    ],
)
def test_the_clock_can_be_shifted_by_seconds_minutes_hours_or_days(
    monkeypatch: pytest.MonkeyPatch, value: str, shift: timedelta
):
    monkeypatch.setenv("CLOCK_SHIFT", value)
    assert shift == load().CLOCK_SHIFT


def test_a_shifted_clock_moves_the_ids_as_well(tmp_path: Path):
    real, before = datetime.now(UTC), new_id("dlv")
    try:
        moved = parts_with(tmp_path, CLOCK_SHIFT="1d").clock()
        after = new_id("dlv")
    finally:
        make_ids_ahead(timedelta(0))
    tomorrow = real + timedelta(days=1)
    assert tomorrow <= moved < tomorrow + timedelta(minutes=1)
    assert before < id_at("dlv", tomorrow) <= after < id_at("dlv", tomorrow + timedelta(minutes=1))
    assert new_id("dlv") < id_at("dlv", tomorrow)


def test_a_command_goes_by_the_clock_of_the_service_that_runs(tmp_path: Path):
    told = Running(url="http://127.0.0.1:1", broker_url="memory://", started_at="", clock_shift=36 * 3600)
    real = datetime.now(UTC)
    with Hold(tmp_path) as hold:
        hold.publish(told)
        try:
            moved = parts_of(load(DATA_DIR=tmp_path)).clock()
        finally:
            make_ids_ahead(timedelta(0))
    assert real + timedelta(hours=36) <= moved < real + timedelta(hours=36, minutes=1)


@pytest.mark.parametrize(
    ("settings", "right"),
    [
        ({"MAIL_DEFAULT_SENDER": "nobody"}, "MAIL_DEFAULT_SENDER is 'nobody'; it must be an address"),
        ({"MAIL_DEFAULT_SENDER": "A <a@b.example\nBcc: c@d.example>"}, "MAIL_DEFAULT_SENDER is "),
        ({"VAPID_PRIVATE_KEY": "hunter2"}, "VAPID_PRIVATE_KEY cannot be read; it must be a P-256 private key"),
        ({"VAPID_SUBJECT": "ops@example.com"}, "VAPID_SUBJECT is 'ops@example.com'; it must be mailto:"),
        ({"VAPID_SUBJECT": "http://example.com"}, "VAPID_SUBJECT is 'http://example.com'; it must be mailto:"),
        (PRODUCTION | {"VAPID_SUBJECT": "mailto:a@localhost"}, "VAPID_SUBJECT is 'mailto:a@localhost'; in production"),
        ({"MAIL_CA_FILE": __file__}, "MAIL_CA_FILE "),
        ({"PUSH_CA_FILE": __file__}, "PUSH_CA_FILE "),
    ],
    ids=str,
)
def test_what_only_the_parts_can_tell_is_a_sentence_too(tmp_path: Path, settings: dict[str, Any], right: str):
    with pytest.raises(WrongSetting) as fault:
        check(parts_with(tmp_path, **settings))
    assert str(fault.value).startswith(right)
    assert str(fault.value).endswith(".")
    assert "hunter2" not in str(fault.value)


def test_right_settings_pass(tmp_path: Path):
    check(parts_with(tmp_path))
    check(parts_with(tmp_path, **PRODUCTION, VAPID_PRIVATE_KEY=new_private_key()))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "types.toml",
            "[types.poke]\nemail = 'hourli'",
            "CATALOGUE_FILE {}/types.toml: types.poke.email is 'hourli'; it must",
        ),
        ("types.toml", "\udcff", "CATALOGUE_FILE {}/types.toml: 'utf-8' codec"),
        (
            "poke.jinja",
            "{% block sentence %}{{ whom }}{% endblock %}",
            "TEMPLATES_DIR {}: poke.jinja: 'whom' is not known",
        ),
        ("nudge.jinja", "{% block sentence %}x{% endblock %}", "TEMPLATES_DIR {}: nudge.jinja belongs to no type"),
        ("de.po", 'msgid "Open"\nmsgstr "%(what)s"\n', "TEMPLATES_DIR {}: {}/de.po:1: %(what)s is not in the message"),
        ("deutsch 2.po", "", "TEMPLATES_DIR {}: deutsch 2.po must be named after a language"),
    ],
)
def test_a_wrong_file_of_an_operators_own_is_named_with_its_place(tmp_path: Path, name: str, text: str, said: str):
    types, folder = tmp_path / "types.toml", tmp_path / "own"
    folder.mkdir()
    types.write_text("[types.poke]\ntold = ['object.id']\npush = 'instant'\n")
    (folder / "poke.jinja").write_text("{% block sentence %}{% trans who %}{{ who }} pokes{% endtrans %}{% endblock %}")
    check(parts_with(tmp_path / "right", CATALOGUE_FILE=types, TEMPLATES_DIR=folder))
    path = types if name == types.name else folder / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(WrongSetting) as fault:
        check(parts_with(tmp_path / "wrong", CATALOGUE_FILE=types, TEMPLATES_DIR=folder))
    place = tmp_path if path == types else folder
    assert str(fault.value).startswith(said.replace("{}", str(place)))
    assert str(fault.value).endswith(".")


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/notifier"])
def test_a_data_folder_that_cannot_be_used_is_named(tmp_path: Path, folder: str):
    (tmp_path / "file").touch()
    with pytest.raises(WrongSetting, match=r"^DATA_DIR is .* must be a folder"):
        open_home(Settings(DATA_DIR=tmp_path / folder))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all.db",
        "postgresql+psycopg://u:hunter2@127.0.0.1:1/d",
        "sqlite:///{folder}/letter.txt",
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str, tmp_path: Path):
    (tmp_path / "letter.txt").write_text("Dear all, this is no database. " * 100)
    database = Database(url.format(folder=tmp_path))
    with pytest.raises(WrongSetting, match="DATABASE_URL must name one") as fault:
        bring_up_to_date(database)
    assert "hunter2" not in str(fault.value)
    database.close()


@pytest.mark.parametrize(
    ("environment", "right"),
    [
        ({"MAIL_PORT": "x"}, "MAIL_PORT is 'x', but it must be"),
        ({"MAIL_DEFAULT_SENDER": "nobody"}, "MAIL_DEFAULT_SENDER is 'nobody'"),
        ({"VAPID_PRIVATE_KEY": "hunter2"}, "VAPID_PRIVATE_KEY cannot be read"),
        ({"DATABASE_URL": "sqlite:////nowhere/at/all.db"}, "DATABASE_URL must name one"),
        ({"DATA_DIR": "/proc/notifier"}, "DATA_DIR is '/proc/notifier'"),
    ],
    ids=str,
)
def test_notifier_up_stops_with_the_sentence_and_no_traceback(tmp_path: Path, environment: dict[str, str], right: str):
    command = [sys.executable, "-m", "notifier", "up", "--port", "0"]
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    surroundings |= {"DATA_DIR": str(tmp_path / "data")} | environment
    ended = subprocess.run(
        command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert right in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr


def test_things_are_kept_as_long_as_the_settings_say(tmp_path: Path):
    assert parts_with(tmp_path / "a").retention == Retention()
    names = [name for name in Settings.model_fields if name.startswith("RETENTION_")]
    days = {name: number for number, name in enumerate(names, 10)}
    found = parts_with(tmp_path / "b", **days).retention
    assert {f"RETENTION_{name.upper()}_DAYS": number for name, number in asdict(found).items()} == days
