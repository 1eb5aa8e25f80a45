"""What a digest costs: to word one of twenty things, beside telling of each by itself."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from bench.figures import Figure, Measured
from notifier.channels import Notice
from notifier.channels.email import EmailChannel, EmailSettings
from notifier.channels.push.payload import payload
from tests.channels.digests import EIGHT, SUNSET, comment, digest, follow, likes, post

DIGESTS = 200  # of one round
MOST_MS = 2.0
COMMENT = "What a sky! Where was that? I have been looking for a place like this for years, and never found one."


def measure(rounds: int) -> Measured:
    """Everything in this process, turn by turn."""
    return Measured(tuple(_render(rounds)))


def _render(rounds: int) -> Iterator[Figure]:
    """A mail from its notice to its octets, and a push to its plaintext."""
    channel = EmailChannel(
        EmailSettings(server="localhost", port=25, sender="Acme <news@acme.example>"), lambda: datetime.now(UTC)
    )
    yield _figure("mail", lambda notice: channel.render(notice, EIGHT), rounds)
    yield _figure("push", payload, rounds)


def _figure(name: str, word: Callable[[Notice], object], rounds: int) -> Figure:
    things = _things()
    whole = digest(*things)
    for one in (whole, *things):  # templates are compiled once in a process's life
        word(one)
    pairs = [(_ms(word, [whole]), _ms(word, things)) for _ in range(rounds)]
    ours, singly = zip(*pairs, strict=True)
    return Figure(f"digest render, {name}", "ms CPU/digest", ours, singly, "each by itself", most=MOST_MS)


def _things() -> list[Notice]:
    """Twenty: comments and likes on six posts, new followers, and what others posted."""
    posts = [SUNSET | {"id": f"post-{number}", "name": f"Evening {number}"} for number in range(6)]
    return [
        *(comment(f"Person{number}", COMMENT, on=post_) for number, post_ in enumerate(posts)),
        follow("Eva", "Finn", "Gil"),
        *(likes("Ana", "Ben", "Cleo", thing=post_) for post_ in posts),
        *(post("Jo", f"Morning {number}", content=COMMENT) for number in range(7)),
    ]


def _ms(word: Callable[[Notice], object], notices: list[Notice]) -> float:
    """CPU time to word all of these once."""
    began = time.process_time()
    for _ in range(DIGESTS):
        for notice in notices:
            word(notice)
    return (time.process_time() - began) / DIGESTS * 1e3
