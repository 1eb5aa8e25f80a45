"""The workers that are heard of: each keeps a row of its own alive while it runs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from notifier.store.models import Worker
from notifier.store.sql import insert

SILENT = timedelta(seconds=35)  # three beats, and a little
FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkerEntry:
    """One worker as it was last heard of; see `notifier.store.models.operations.Worker`."""

    name: str
    queues: str
    threads: int
    version: str
    started_at: datetime
    seen_at: datetime
    doing: str = ""
    doing_since: datetime | None = None
    busy: int = 0
    done: int = 0
    failed: int = 0
    memory: int = 0

    def is_silent(self, now: datetime) -> bool:
        """Whether it is not heard of any more: killed, cut off, or stuck."""
        return now - self.seen_at > SILENT


@dataclass(frozen=True, slots=True)
class Crew:
    """All workers as they stand at one moment; `unserved` are queues that none of the living serves."""

    alive: Sequence[WorkerEntry]
    silent: Sequence[WorkerEntry]

    def unserved(self, queues: Sequence[str]) -> list[str]:
        """Those of these queues that no living worker serves."""
        served = {queue for worker in self.alive for queue in worker.queues.split(",")}
        return [queue for queue in queues if queue not in served]


class Workers:
    """All workers, in one transaction of the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def beat(self, entry: WorkerEntry) -> None:
        """Store how the worker stands, and forget those that were not heard of for a day."""
        row = insert(self._connection, Worker).values(asdict(entry))
        columns = {name: row.excluded[name] for name in asdict(entry) if name != "name"}
        self._connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=columns))
        self._connection.execute(delete(Worker).where(Worker.seen_at < entry.seen_at - FORGOTTEN))

    def leave(self, name: str) -> None:
        """Forget a worker that ended as it should."""
        self._connection.execute(delete(Worker).where(Worker.name == name))

    def crew(self, now: datetime) -> Crew:
        """All workers, the longest running first."""
        rows = self._connection.execute(select(Worker).order_by(Worker.started_at, Worker.name))
        entries = [WorkerEntry(**row._asdict()) for row in rows]
        silent = [entry for entry in entries if entry.is_silent(now)]
        return Crew([entry for entry in entries if entry not in silent], silent)
