"""What the whole service holds and burns while nothing happens: `notifier up` beside the tutorial's processes."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.figures import Figure, Measured
from bench.meter import cpu_seconds, pss_mb, tree
from bench.running import PYTHON, free_port, listens, redis, running, wait_until

REST = 10.0  # seconds after the start
WATCH = 20.0  # seconds over which idle CPU is taken
MOST_MB = 180.0
MOST_PERCENT = 1.0

Cost = tuple[float, float]  # PSS in MB, CPU in percent of one core


def measure(rounds: int) -> Measured:
    """One stack after the other, since pages that both map would count for neither in full."""
    ours: list[Cost] = []
    theirs: list[Cost] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench", dir="/tmp") as folder:
            with _ours(Path(folder)) as pid:
                ours.append(_at_rest([pid]))
            with _tutorial(Path(folder)) as pids:
                theirs.append(_at_rest(pids))
    against = "gunicorn 4 sync, celery prefork 4, beat, redis"
    held = [tuple(cost[0] for cost in costs) for costs in (ours, theirs)]
    burnt = [tuple(cost[1] for cost in costs) for costs in (ours, theirs)]
    return Measured(
        (
            Figure("memory at rest", "MB PSS", held[0], held[1], against, goal=3.0, most=MOST_MB),
            Figure("idle CPU", "% of a core", burnt[0], burnt[1], against, most=MOST_PERCENT),
        )
    )


def _at_rest(pids: Sequence[int]) -> Cost:
    time.sleep(REST)
    before, began = cpu_seconds(*pids), time.monotonic()
    time.sleep(WATCH)
    percent = (cpu_seconds(*pids) - before) / (time.monotonic() - began) * 100
    return pss_mb(*pids), percent


@contextmanager
def _ours(folder: Path) -> Iterator[int]:
    ready = folder / "ready.json"
    command = [PYTHON, "-m", "notifier", "up", "--port", "0", "--ready-file", str(ready)]
    with running(command, folder=folder, ready=ready.exists, env={"DATA_DIR": str(folder / "data")}) as pid:
        yield pid


@contextmanager
def _tutorial(folder: Path) -> Iterator[list[int]]:
    port = free_port()
    gunicorn = ["gunicorn", "--workers", "4", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    celery = ["celery", "--app", "bench.tutorial.app:celery"]
    with ExitStack() as stack:
        broker_pid, broker = stack.enter_context(redis(folder))
        env = {"DATABASE_URL": f"sqlite:///{folder / 'tutorial.db'}", "BROKER_URL": broker}
        schedule = folder / "beat"
        commands = {
            ("-m", *gunicorn, "bench.tutorial.app:app"): lambda: listens(port),
            ("-m", *celery, "worker", "--concurrency", "4", "--pidfile", str(folder / "worker.pid")): (
                (folder / "worker.pid").exists
            ),
            ("-m", *celery, "beat", "--schedule", str(schedule), "--pidfile", str(folder / "beat.pid")): (
                (folder / "beat.pid").exists
            ),
        }
        pids = [
            stack.enter_context(running([PYTHON, *command], folder=folder, ready=ready, env=env))
            for command, ready in commands.items()
        ]
        wait_until(lambda: len(list(tree(*pids))) == 1 + 4 + 1 + 4 + 1)
        yield [broker_pid, *pids]
