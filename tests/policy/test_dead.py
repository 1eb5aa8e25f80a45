"""What it is worth to send a dead letter again."""

import pytest

from notifier.policy.dead import advice
from notifier.policy.words import Reason


@pytest.mark.parametrize(
    ("reason", "code", "pointless"),
    [
        (Reason.ADDRESS_GONE, "410", True),
        (Reason.ADDRESS_GONE, "550 5.1.1", True),
        (Reason.REFUSED, "550 5.1.1", True),
        (Reason.REFUSED, "410", True),
        (Reason.REFUSED, "550 5.7.1", False),
        (Reason.GAVE_UP, "421", False),
        (Reason.EXPIRED, "503", True),
        (Reason.UNCONFIRMED, "", False),
    ],
)
def test_only_what_cannot_succeed_is_pointless(reason: Reason, code: str, pointless: bool):
    sentence, found = advice(reason, code)
    assert found == pointless
    assert sentence.endswith(".")
