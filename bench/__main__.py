"""`make bench`: run the benchmarks, print a table, keep the figures. A goal that was missed is said, not fatal."""

import argparse
from collections.abc import Callable

from bench import digest, due, email, explain, fanout, figures, ingest, latency, log, media, memory, push, retention
from bench.figures import Measured

# Name → what measures it, given a number of rounds; and the rounds it takes by default.
BENCHMARKS: dict[str, tuple[Callable[[int], Measured], int]] = {
    "ingest": (ingest.measure, 5),
    "email": (email.measure, 5),
    "push": (push.measure, 5),
    "fanout": (fanout.measure, 3),
    "due": (due.measure, 3),
    "media": (media.measure, 5),
    "memory": (memory.measure, 1),
    "latency": (latency.measure, 1),
    "explain": (explain.measure, 3),
    "digest": (digest.measure, 5),
    "purge": (retention.measure, 1),
    "log": (log.measure, 3),
}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; without one, all")
    parser.add_argument("--rounds", type=int, help="rounds of each, instead of its own number")
    wish = parser.parse_args()
    if unknown := [name for name in wish.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    found = {name: _run(name, wish.rounds) for name in wish.names or BENCHMARKS}
    every = [figure for measured in found.values() for figure in measured.figures]
    print(f"\n{figures.table(every)}")
    missed = [figure.name for figure in every if figure.verdict == "MISS"]
    print(f"\nMissed: {', '.join(missed)}." if missed else "\nEvery goal was reached.")
    for reason in (reason for measured in found.values() for reason in measured.skipped):
        print(f"Skipped: {reason}")


def _run(name: str, rounds: int | None) -> Measured:
    measure, usual = BENCHMARKS[name]
    rounds = rounds or usual
    print(f"{name}: {rounds} round{'s' if rounds > 1 else ''} …", flush=True)
    measured = measure(rounds)
    path = figures.write(name, measured, rounds)
    print(f"{name}: kept in {path.relative_to(figures.RESULTS.parents[1])}", flush=True)
    return measured


if __name__ == "__main__":
    main()
