"""Group commit: everybody gets their own answer, and a bad item fails alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from notifier.store.group import GroupCommit


class Away(Exception):
    """The store does not answer."""


class Store:
    """Stores numbers; refuses 13 and is away when told to be."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.away = False
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, items: list[int]) -> list[int]:
        self.gate.wait()
        self.groups.append(items)
        if self.away:
            raise Away
        if 13 in items:
            raise ValueError("13")
        return [item * 2 for item in items]


def submit_together(store: Store, group: GroupCommit[int, int], items: list[int]) -> list[object]:
    """Submit each from a thread of its own while the first is being stored; results or exceptions, in order."""
    store.gate.clear()
    with ThreadPoolExecutor(len(items)) as pool:
        futures = [pool.submit(group.submit, item) for item in items]
        store.gate.set()
        return [future.exception() or future.result() for future in futures]


def test_everybody_gets_the_result_of_their_own_item_from_few_transactions():
    store = Store()
    group = GroupCommit(store, most=1000)
    assert submit_together(store, group, list(range(20, 84))) == [item * 2 for item in range(20, 84)]
    assert len(store.groups) < 40


def test_a_bad_item_fails_alone():
    store = Store()
    results = submit_together(store, GroupCommit(store), [11, 12, 13, 14, 15])
    assert [type(result) for result in results] == [int, int, ValueError, int, int]


def test_an_absence_fails_the_group_at_once_and_not_item_by_item():
    store = Store()
    store.away = True
    results = submit_together(store, GroupCommit(store, fatal=(Away,)), list(range(20, 40)))
    assert {type(result) for result in results} == {Away}
    assert sum(map(len, store.groups)) == 20


def test_a_group_is_never_larger_than_allowed():
    store = Store()
    submit_together(store, GroupCommit(store, most=5), list(range(20, 60)))
    assert max(map(len, store.groups)) <= 5


def test_after_a_failure_the_next_item_is_stored():
    store = Store()
    group = GroupCommit(store)
    with pytest.raises(ValueError, match="13"):
        group.submit(13)
    assert group.submit(1) == 2
