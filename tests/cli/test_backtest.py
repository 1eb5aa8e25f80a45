"""`notifier backtest`: what a changed rule would have done, as it is typed."""

import json

import pytest

from tests.cli.conftest import Terminal
from tests.stack import Stack, comment, eventually


def test_it_tells_messages_by_channel_and_what_would_have_been_missed(service: Stack, terminal: Terminal):
    service.person("wim")
    event = service.post(comment(to="wim"))
    eventually(lambda: "sent" in {entry["state"] for entry in service.deliveries(event=event)})
    told = terminal.done("backtest --days 1 --set comment.email=off --cap push=5")
    rows = {line.split()[0]: line.split()[1:] for line in told.splitlines() if line}
    assert int(rows["email"][0]) >= 1
    assert int(rows["email"][2]) < 0
    assert f"{event}  comment.created  wim  email  preference_off: default = off" in told


def test_as_json_it_is_what_the_api_answers(service: Stack, terminal: Terminal):
    found = json.loads(terminal.done("backtest --set like.gather=600 --set like.push=daily --json"))
    body = {"types": {"like": {"gather": 600, "push": "daily"}}}
    answer = service.call("POST", "/v1/policy/backtest", body).json
    moments = {"from": "", "until": ""}
    assert found | moments == answer | moments


def test_without_anything_that_happened_nothing_differs(resting: Terminal):
    assert "No mention or comment would have been missed." in resting.done("backtest --set like.push=daily")


@pytest.mark.parametrize(
    "line",
    [
        "--set like", "--set push=daily", "--set like.push=sometimes", "--set wink.push=off", "--set like.sms=off",
        "--cap push", "--cap push=many", "--cap sms=3", "--days 0", "--days 91", "--app app_x",
    ],
)  # fmt: skip
def test_what_cannot_be_tried_is_wrong_usage(resting: Terminal, line: str):
    assert resting.type(f"backtest {line}").exit_code == 2
