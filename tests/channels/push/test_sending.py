"""Pushes over real connections to a real server that checks and decrypts them."""

from notifier.policy.outcomes import Delivered
from tests.channels.push.conftest import outcome_of


def test_a_push_arrives_signed_and_can_be_read(server, channel):
    outcome = outcome_of(channel, server.subscribe())
    assert (outcome, server.faults) == (Delivered("201"), [])
    assert server.pushes[0].json["notification"]["title"] == "Ben commented on your post: Sunset"
