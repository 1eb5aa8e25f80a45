"""Group commit: many threads hand in one item each, and one transaction stores them together."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Ticket(Generic[T, R]):
    __slots__ = ("done", "error", "item", "result")

    def __init__(self, item: T) -> None:
        self.item = item
        self.done = False
        self.error: Exception | None = None
        self.result: R | None = None


class GroupCommit(Generic[T, R]):
    """Leader and followers: whoever gets the lock stores all that wait, the others find their result made.

    `store` takes the items of one transaction and gives one result for each, in order. Where it fails for a
    group, each item is stored by itself, so that a bad one cannot fail its neighbours; an error in `fatal` (the
    database is away) is not about the items and fails the group at once.
    """

    def __init__(
        self, store: Callable[[list[T]], list[R]], most: int = 200, fatal: tuple[type[Exception], ...] = ()
    ) -> None:
        self._store = store
        self._most = most
        self._fatal = fatal
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[T, R]] = []

    def submit(self, item: T) -> R:
        """Store the item; returns its result after the commit. Raises what storing it raised."""
        ticket: _Ticket[T, R] = _Ticket(item)
        self._waiting.append(ticket)
        with self._lock:
            while not ticket.done:
                self._commit()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]  # done without an error: the result is there

    def _commit(self) -> None:
        group = self._waiting[: self._most]
        del self._waiting[: len(group)]
        try:
            for ticket, result in zip(group, self._store([ticket.item for ticket in group]), strict=True):
                ticket.result = result
        except Exception as error:  # noqa: BLE001 (not swallowed: raised to whoever handed the item in)
            self._one_by_one(group, error)
        for ticket in group:
            ticket.done = True

    def _one_by_one(self, group: list[_Ticket[T, R]], error: Exception) -> None:
        if len(group) == 1 or isinstance(error, self._fatal):
            for ticket in group:
                ticket.error = error
            return
        for ticket in group:
            try:
                [ticket.result] = self._store([ticket.item])
            except Exception as own:  # noqa: BLE001 (not swallowed: raised to whoever handed the item in)
                ticket.error = own
