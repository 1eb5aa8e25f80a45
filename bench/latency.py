"""From POST to the relay's yes: one event at a time on a service that has nothing else to do."""

import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from bench.figures import Figure, Measured
from tests.stack import Stack, comment

EVENTS = 30
WARM = 5


def measure(rounds: int) -> Measured:
    """The first event after the start beside those that follow; every round is a start of its own."""
    firsts, medians, slowest = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench", dir="/tmp") as folder, Stack(Path(folder)) as stack:
            stack.person("bob")
            first, *later = [_until_mailed(stack, number) for number in range(1 + WARM + EVENTS)]
            firsts.append(first)
            medians.append(median(later[WARM:]))
            slowest.append(quantiles(later[WARM:], n=20)[-1])
    unit, against = "ms", "the first event after the start"
    return Measured(
        (
            Figure("POST to mail, p50", unit, tuple(medians), tuple(firsts), against),
            Figure("POST to mail, p95", unit, tuple(slowest), tuple(firsts), against),
        )
    )


def _until_mailed(stack: Stack, number: int) -> float:
    began = time.monotonic()
    stack.post(comment())
    mail = stack.mail.wait_for(number + 1)[-1]
    time.sleep(0.1)  # at rest again
    return (mail.at - began) * 1e3
