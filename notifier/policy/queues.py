"""The queues, in the order in which a worker serves them."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue. `chunk` deliveries go into one task; `again` is when an unanswered bell is rung again.

    Small chunks keep the slots short for what is urgent, large ones make bulk cheap. One that `sends` nothing is for
    work of its own, and no type can name it.
    """

    name: str
    chunk: int
    again: timedelta
    sends: bool = True


QUEUES = {
    queue.name: queue
    for queue in (
        Queue("urgent", chunk=10, again=timedelta(seconds=10)),
        Queue("default", chunk=50, again=timedelta(seconds=10)),
        Queue("bulk", chunk=100, again=timedelta(seconds=60)),
        Queue("digest", chunk=50, again=timedelta(seconds=60)),
        Queue("media", chunk=1, again=timedelta(seconds=60), sends=False),
    )
}
