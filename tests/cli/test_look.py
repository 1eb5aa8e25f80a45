"""`notifier why` and `notifier books`: what became of an event, and whether everything is accounted for."""

import json
import re
import uuid

from notifier.store.database import Database
from notifier.store.models import Tally
from notifier.store.sql import insert
from tests.cli.conftest import Terminal
from tests.stack import Stack, comment, eventually

UNKNOWN = "evt_0193a7b2c3d47e5f8a9b0c1d2e3f4a5b"


def test_why_tells_each_channel_with_its_reason_and_every_try(service: Stack, terminal: Terminal):
    service.person("wim")
    event = service.post(comment(to="wim"))
    eventually(lambda: {entry["state"] for entry in service.deliveries(event=event)} == {"sent", "skipped"})
    lines = terminal.done("why", event).splitlines()
    assert event in lines[0]
    assert "planned" in lines[0]
    told = {tuple(line.split()[:3]) for line in lines[1:] if line.split()[0] == "wim"}
    assert told == {("wim", "email", "sent"), ("wim", "push", "skipped"), ("wim", "feed", "sent")}
    assert any("no_address: There is no address" in line for line in lines)
    assert any("delivered 250" in line for line in lines)


def test_why_for_one_person_leaves_the_others_out(service: Stack, terminal: Terminal):
    event = service.post(comment(to="wim", mentions=["xena"]))
    eventually(lambda: len({entry["user"] for entry in service.deliveries(event=event)}) == 2)
    assert "wim" not in terminal.done("why", event, "--user", "xena")
    alone = terminal.done("why", event, "--user", "yuri")
    assert "yuri: not a recipient. A comment is told to target.owner, who is wim; to mentions, who is xena." in alone


def test_why_names_the_rule_its_value_and_when_it_goes_on(service: Stack, terminal: Terminal):
    service.person("wim")
    like = {"actor": {"id": "ana"}, "object": {"id": f"post-{uuid.uuid4().hex}", "owner": "wim"}}
    event = service.post({"type": "like.created", "data": like})
    eventually(lambda: "digest = daily 08:00 UTC" in terminal.done("why", event))
    assert re.search(
        r"digest = daily 08:00 UTC  due \w+ \d{4}-\d\d-\d\d \d\d:\d\d \S+ \(in \d+ (h|min)\)",
        terminal.done("why", event),
    )


def test_why_tells_of_an_own_act_on_every_channel(service: Stack, terminal: Terminal):
    event = service.post(comment(actor="zoe", to="zoe"))
    told = terminal.done("why", event)
    assert [line.split()[:3] for line in told.splitlines() if "own_action" in line] == [
        ["zoe", channel, "skipped"] for channel in ("email", "push", "feed")
    ]


def test_why_says_that_nobody_was_to_be_told_and_what_was_changed_instead(service: Stack, terminal: Terminal):
    event = service.post({"type": "block.created", "data": {"actor": {"id": "zoe"}, "object": {"id": "yuri"}}})
    eventually(lambda: "Nobody was to be told" in terminal.done("why", event))
    assert "From then on zoe blocks yuri." in terminal.done("why", event)


def test_why_as_json_is_what_the_api_answers(service: Stack, terminal: Terminal):
    event = service.post(comment(to="wim"))
    path = f"/v1/events/{event}/explain"
    eventually(lambda: json.loads(terminal.done("why", event, "--json")) == service.call("GET", path).json)


def test_an_id_that_is_unknown_fails_and_one_that_is_none_is_wrong_usage(terminal: Terminal):
    unknown = terminal.type("why", UNKNOWN)
    assert (unknown.exit_code, UNKNOWN in unknown.stderr) == (1, True)
    assert terminal.type("why", "evt_1").exit_code == 2
    assert terminal.type("why").exit_code == 2


def test_the_books_are_those_of_the_api(service: Stack, terminal: Terminal):
    service.post(comment(to="wim"))
    eventually(lambda: json.loads(terminal.done("books --json")) == service.books())
    assert "balanced" in terminal.done("books")


def test_the_books_of_an_empty_database_balance(resting: Terminal):
    assert json.loads(resting.done("books", "--json"))["balanced"] is True


def test_books_that_do_not_balance_end_with_1(resting: Terminal, rows: Database):
    with rows.write() as connection:
        connection.execute(insert(connection, Tally).values(day="2026-11-21", channel="email", planned=3))
    result = resting.type("books")
    assert (result.exit_code, "NOT BALANCED" in result.stdout) == (1, True)
    as_json = resting.type("books", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["unaccounted"]) == (1, 3)


def test_without_a_database_they_say_so_and_make_none(nowhere: Terminal):
    for line in ("books", f"why {UNKNOWN}"):
        result = nowhere.type(line)
        assert (result.exit_code, "make run" in result.stderr) == (1, True)
    assert not nowhere.data_dir.exists()


def test_a_database_that_is_away_is_a_sentence_and_no_traceback(resting: Terminal):
    result = resting.type("books", DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert result.exit_code == 1
    assert "does not answer" in result.stderr
    assert "notifier doctor" in result.stderr
