"""`notifier send`: one signed event, as an upstream app would post it."""

import json

import pytest

from tests.cli.conftest import Terminal, event_of
from tests.stack import Stack, eventually

NATURAL = {
    "follow --actor ada --object bob": ("follow.created", "bob"),
    "like --actor ada --object post-7 --owner bob": ("like.created", "bob"),
    "share.created --actor ada --object post-7 --owner bob": ("share.created", "bob"),
    "comment --actor ada --object c-1 --content Wow --target post-7 --target-owner bob": ("comment.created", "bob"),
    "comment.created --actor ada --object c-2 --reply-to c-1 --reply-to-owner cara": ("comment.created", "cara"),
    "comment --actor ada --object c-3 --mention dan --mention eve": ("comment.created", "eve"),
    "mention --actor ada --object post-8 --to bob": ("mention.created", "bob"),
}


@pytest.mark.parametrize(("line", "heard"), NATURAL.items(), ids=NATURAL)
def test_what_one_would_type_is_an_event_that_reaches_whom_it_concerns(
    service: Stack, terminal: Terminal, line: str, heard: tuple[str, str]
):
    result = terminal.type(f"send {line}")
    assert result.exit_code == 0, result.output
    event = result.stdout.strip()
    assert event_of(service, event)["type"] == heard[0]
    assert f"notifier why {event}" in result.stderr
    eventually(lambda: heard[1] in {entry["user"] for entry in service.deliveries(event=event)})


def test_names_and_texts_stand_in_the_mail(service: Stack, terminal: Terminal):
    service.person("greta")
    line = "send mention --actor ada --object p-1 --to greta --actor-name 'Ada Lovelace' --content Look!"
    event = terminal.done(line).strip()
    eventually(lambda: {entry["state"] for entry in service.deliveries(event=event, channel="email")} == {"sent"})
    mails = service.call("GET", "/dev/mail.json").json["data"]
    assert [mail["subject"] for mail in mails if "greta@app.example" in str(mail)] == ["Ada Lovelace mentioned you"]


def test_the_same_key_is_the_same_event(terminal: Terminal):
    line = "send follow --actor ada --object bob --key once"
    first, again = terminal.type(line), terminal.type(line)
    assert first.stdout == again.stdout
    assert "duplicate" in again.stderr
    assert "duplicate" not in first.stderr


def test_json_is_the_answer_as_the_service_gave_it(terminal: Terminal):
    answer = json.loads(terminal.done("send follow --actor ada --object bob --json"))
    assert answer["duplicate"] is False
    assert answer["links"]["self"] == f"/v1/events/{answer['id']}"


@pytest.mark.parametrize(
    ("line", "says"),
    {
        "like --actor ada --object post-7": "/data/object/owner  Nobody is named to be told",
        "dance --actor ada --object bob": "/type  This type is not in the catalogue; we know ",
        "comment --actor ada --object c-1 --to bob --target-owner cara": "/data/target/id  This field is required.",
    }.items(),
)
def test_a_refusal_names_each_fault_and_where_it_is(terminal: Terminal, line: str, says: str):
    result = terminal.type(f"send {line}")
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stdout == ""


def test_a_key_that_came_with_another_body_is_refused(terminal: Terminal):
    terminal.done("send follow --actor ada --object bob --key twice")
    result = terminal.type("send follow --actor ada --object cara --key twice")
    assert (result.exit_code, "another body" in result.stderr) == (1, True)


@pytest.mark.parametrize("line", ["send", "send follow", "send follow --actor ada", "send follow --colour red"])
def test_what_is_not_understood_is_wrong_usage(terminal: Terminal, line: str):
    assert terminal.type(line).exit_code == 2


def test_where_nothing_runs_it_says_how_to_start(nowhere: Terminal, resting: Terminal):
    for place in (nowhere, resting):
        result = place.type("send follow --actor ada --object bob")
        assert result.exit_code == 1
        assert "make run" in result.stderr
    assert not nowhere.data_dir.exists()
