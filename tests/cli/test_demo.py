"""`notifier demo`: a small social app whose events really come in and really go out."""

import re
from itertools import islice, pairwise
from random import Random
from typing import Any

import pytest

from notifier.channels.email import parse_email
from notifier.channels.push import new_private_key
from notifier.cli.demo.people import people
from notifier.cli.demo.story import Act, Story
from tests.cli.conftest import Terminal
from tests.stack import Stack, eventually

SHORT = "demo --no-scenes --users 6 --rate 60/s --minutes 0.01"


def acts(seed: int, count: int = 400) -> list[Act]:
    return list(islice(Story(people(12), Random(seed)).acts(), count))


def settled(service: Stack, printed: str) -> list[dict[str, Any]]:
    """The deliveries of the run behind the printed link, once only digests wait."""
    [since] = re.findall(r"Deliveries +\S+\?since=(\S+)", printed)

    def found() -> list[dict[str, Any]]:
        made = service.deliveries(since=since)
        under_way = [one for one in made if one["state"] in ("queued", "sending") or one["reason"] == "retry"]
        return [] if under_way else made

    made: list[dict[str, Any]] = eventually(found)
    return made


def test_a_run_comes_in_goes_out_and_is_counted(service: Stack, terminal: Terminal):
    result = terminal.type(f"{SHORT} --fail 0 --seed 1")
    assert result.exit_code == 0, result.output
    [(events, deliveries)] = re.findall(r"^(\d+) events → (\d+) deliveries: ", result.stdout, re.MULTILINE)
    assert int(events) + int((re.findall(r"(\d+) more were posted a second time", result.stdout) or ["0"])[0]) == 36
    made = settled(service, result.stdout)
    assert len(made) == int(deliveries)
    assert {entry["channel"] for entry in made} == {"email", "push", "feed"}
    assert {entry["state"] for entry in made if entry["channel"] == "push"} >= {"sent"}


def test_what_fails_at_first_is_tried_again_until_it_arrives(service: Stack, terminal: Terminal):
    result = terminal.type(f"{SHORT} --fail 60 --seed 2")
    assert result.exit_code == 0, result.output
    made = settled(service, result.stdout)
    assert any(entry["state"] == "sent" and entry["tries"] > 1 for entry in made if entry["channel"] == "email")
    assert {entry["reason"] for entry in made if entry["state"] == "failed"} == {"address_gone"}
    assert "retry --since" in result.stdout


def test_every_event_that_it_names_can_be_asked_about(terminal: Terminal):
    printed = terminal.done(f"{SHORT} --fail 0 --seed 3")
    [event] = re.findall(r"notifier why (evt_\w+)", printed)
    assert event in terminal.done("why", event)


def test_a_browser_of_an_earlier_start_at_another_port_is_replaced(service: Stack, terminal: Terminal):
    def browsers() -> list[str]:
        found = service.call("GET", "/v1/users/ana/push-subscriptions").json["data"]
        return [one["endpoint_host"] for one in found if one["state"] == "active"]

    terminal.done(f"{SHORT} --seed 4")
    [here] = browsers()
    old = service.call("POST", "/v1/users/ana/push-subscriptions", service.push.subscribe())
    assert (old.status, len(set(browsers()))) == (201, 2)
    terminal.done(f"{SHORT} --seed 4")
    assert browsers() == [here]


def test_a_seed_makes_the_same_things_happen_and_another_one_others():
    assert acts(7) == acts(7)
    assert acts(7) != acts(8)


def test_every_kind_of_event_occurs_and_some_are_own_acts_and_some_come_twice():
    made = acts(7)
    assert {act.event["type"] for act in made} == {"like", "comment", "follow", "mention", "share"}
    assert any(act.is_own for act in made)
    again = [(first, then) for first, then in pairwise(made) if then.is_again]
    assert again
    assert all(first.number == then.number and first.event == then.event for first, then in again)


def test_its_people_have_addresses_that_can_be_stored_and_that_nobody_has():
    crowd = people(100, unreachable=3, run="a1")
    assert len({person.id for person in crowd}) == 100
    for person in crowd:
        assert parse_email(person.email) == person.email
        assert person.email.endswith(".test")
    assert sum(person.email.endswith("@bounce.test") for person in crowd) == 3


@pytest.mark.parametrize("option", ["--users 1", "--rate fast", "--rate 0", "--minutes 0", "--fail 101", "--seed x"])
def test_what_is_not_understood_is_wrong_usage(terminal: Terminal, option: str):
    assert terminal.type(f"demo {option}").exit_code == 2


def test_where_nothing_runs_it_says_how_to_start(nowhere: Terminal):
    result = nowhere.type("demo")
    assert (result.exit_code, "make run" in result.stderr) == (1, True)


def test_in_production_it_refuses_whatever_its_own_settings_say(tmp_path_factory: pytest.TempPathFactory):
    production = {
        "ENVIRONMENT": "production",
        "PUBLIC_URL": "https://notify.app.example",
        "SECRET_KEY": "long enough to be a secret in production",
        "VAPID_PRIVATE_KEY": new_private_key(),
        "VAPID_SUBJECT": "mailto:ops@notify-app.com",
        "PUSH_ALLOW_LOOPBACK": "0",
    }
    with Stack(tmp_path_factory.mktemp("production"), **production) as running:
        for settings in ({}, production | {"MAIL_SERVER": "127.0.0.1"}):
            result = Terminal(running.data_dir, settings).type("demo")
            assert (result.exit_code, "production" in result.stderr) == (2, True)
        assert not running.mail.mails
        assert not running.deliveries()
