"""`notifier doctor`: what is wrong, and what to do about it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifier.channels.push import new_private_key
from notifier.policy.words import State
from notifier.store.database import Database
from notifier.store.models import Event
from notifier.store.sql import insert
from notifier.store.types import id_at, new_id
from tests.cli.conftest import Terminal
from tests.cli.test_retry import store_failed
from tests.smtp_server import SmtpServer
from tests.stack import Stack

NAMES = [
    "database",
    "space",
    "broker",
    "workers",
    "scheduler",
    "smtp",
    "vapid",
    "media",
    "clock",
    "public url",
    "languages",
]


def findings(terminal: Terminal, **settings: str) -> dict[str, Any]:
    result = terminal.type("doctor --json", **settings)
    found = json.loads(result.stdout)
    assert [one["name"] for one in found["findings"]] == NAMES
    bad = [one for one in found["findings"] if one["level"] == "bad"]
    assert (result.exit_code, found["healthy"]) == ((1, False) if bad else (0, True))
    return {one["name"]: one for one in found["findings"]}


def test_a_service_that_runs_is_healthy_and_nothing_is_sent(service: Stack, terminal: Terminal):
    mails = len(service.call("GET", "/dev/mail.json").json["data"])
    assert {one["level"] for one in findings(terminal).values()} == {"ok", "warn"}
    assert len(service.call("GET", "/dev/mail.json").json["data"]) == mails
    printed = terminal.done("doctor")
    assert [name for name in NAMES if name not in printed] == []


def test_where_nothing_runs_it_says_how_to_start(nowhere: Terminal, resting: Terminal):
    for place, database in ((nowhere, "bad"), (resting, "ok")):
        found = findings(place)
        assert (found["database"]["level"], found["broker"]["level"]) == (database, "bad")
        assert "make run" in found["broker"]["do"]
    assert not nowhere.data_dir.exists()


WRONG = {
    "database": {"DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"},
    "broker": {"BROKER_URL": "redis://:open-sesame@127.0.0.1:1/0"},
    "smtp": {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": "1"},
    "vapid": {"VAPID_SUBJECT": "ops at app"},
    "public url": {"PUBLIC_URL": "http://127.0.0.1:1"},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_what_to_do_and_without_passwords(terminal: Terminal, name: str):
    found = findings(terminal, **WRONG[name])
    assert found[name]["level"] == "bad"
    assert found[name]["do"]
    assert "sesame" not in str(found)


def test_a_relay_without_tls_is_bad_where_tls_is_demanded(terminal: Terminal):
    with SmtpServer() as relay:
        settings = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(relay.port)}
        assert findings(terminal, **settings)["smtp"]["level"] == "ok"
        assert findings(terminal, **settings, MAIL_USE_TLS="1")["smtp"]["level"] == "bad"
        assert not relay.mails


def test_a_public_subject_is_all_that_push_services_ask(terminal: Terminal):
    good = {"VAPID_SUBJECT": "mailto:ops@notify-app.com", "VAPID_PRIVATE_KEY": new_private_key()}
    assert findings(terminal, **good)["vapid"]["level"] == "ok"


def test_a_database_of_an_older_version_is_to_be_migrated(nowhere: Terminal):
    nowhere.data_dir.mkdir()
    (nowhere.data_dir / "notifier.db").touch()
    found = findings(nowhere)["database"]
    assert (found["level"], found["do"]) == ("bad", "Run: notifier migrate")


def test_what_nobody_takes_up_is_noticed(resting: Terminal, rows: Database):
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    store_failed(rows, 2, state=State.QUEUED, reason=None, due_at=long_ago, wanted_at=long_ago)
    found = findings(resting)
    assert "default: 2, since" in found["workers"]["says"]
    assert "due since" in found["scheduler"]["says"]


def test_an_event_from_the_future_means_that_a_clock_is_wrong(resting: Terminal, rows: Database):
    later = datetime.now(UTC) + timedelta(hours=1)
    times = dict.fromkeys(("occurred_at", "accepted_at", "due_at"), later)
    event = {"id": id_at("evt", later), "app_id": new_id("app"), "key": "k", "body_hash": b"", "body": b"{}"}
    with rows.write() as connection:
        connection.execute(insert(connection, Event).values(**event, **times, type="like.created"))
    assert findings(resting)["clock"]["level"] == "bad"


def test_with_a_broker_of_its_own_it_says_what_cannot_be_seen_from_here(service: Stack, resting: Terminal):
    broker = json.loads((service.data_dir / "run" / "up.json").read_text())["broker_url"]
    found = findings(resting, BROKER_URL=broker)
    assert found["broker"]["level"] == "ok"
    assert found["workers"]["level"] == "warn"
    assert "cannot be seen from here" in found["workers"]["says"]
