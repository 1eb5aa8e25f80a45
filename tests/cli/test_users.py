"""`notifier users`: all that is held about a person, and their erasure."""

import json

import pytest
from sqlalchemy import select

from notifier.store.database import Database
from notifier.store.models import Audit
from tests.cli.conftest import Terminal
from tests.stack import Stack, comment, eventually


def test_a_person_is_exported_and_erased_beside_the_running_service(service: Stack, terminal: Terminal):
    service.person("vera", devices=0)
    service.call("PUT", "/v1/users/vera/blocks/eve")
    event = service.post(comment(to="vera"))
    eventually(lambda: {one["state"] for one in service.deliveries(event=event, channel="email")} == {"sent"})
    held = json.loads(terminal.done("users", "export", "vera"))
    assert held["user"]["name"] == "Vera"
    assert [one["value"] for one in held["addresses"]] == ["vera@app.example"]
    assert [one["events"] for one in held["notifications"]] == [[event]]
    assert "stands for them" in terminal.done("users", "erase", "vera")
    assert service.call("GET", "/v1/users/vera").status == 404
    assert service.deliveries(user="vera") == []
    assert {entry["user"][:7] for entry in service.deliveries(event=event)} == {"erased_"}
    assert service.books()["balanced"]


def test_whoever_is_unknown_is_exported_empty_and_erased_without_harm(resting: Terminal, rows: Database):
    assert json.loads(resting.done("users", "export", "a/b"))["user"] is None
    resting.done("users", "erase", "a/b", "--yes")
    with rows.read() as connection:
        notes = connection.execute(select(Audit).order_by(Audit.id)).all()
    assert [note.action for note in notes] == ["user.export", "user.erase"]
    assert all(note.who.endswith("(command line)") for note in notes)
    assert not [note for note in notes if "a/b" in note.subject]


@pytest.mark.parametrize("act", ["export", "erase"])
def test_what_is_no_id_is_wrong_usage(resting: Terminal, act: str):
    assert resting.type("users", act, "").exit_code == 2
    assert resting.type("users", act, "x" * 256).exit_code == 2


@pytest.mark.parametrize("act", ["export", "erase"])
def test_where_nothing_ever_ran_there_is_nobody(nowhere: Terminal, act: str):
    assert nowhere.type("users", act, "bob").exit_code == 1
