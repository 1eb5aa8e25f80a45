"""Whose turn it is to write: what records what was sent does not stand behind all that is still to be sent."""

import threading
import time
from pathlib import Path

from notifier.store.turns import GIVE_WAY, Turns

OTHERS = 8


def test_who_is_first_stands_before_all_threads_of_its_process_however_long_they_have_waited(tmp_path: Path):
    turns, order, over = Turns(tmp_path / "notifier.db"), [], threading.Event()

    def write() -> None:
        while not over.is_set():
            with turns.turn():
                order.append("other")
                time.sleep(0.03)

    others = [threading.Thread(target=write) for _ in range(OTHERS)]
    for one in others:
        one.start()
    time.sleep(GIVE_WAY + 0.1)
    waited = []
    for _ in range(5):
        before = len(order)
        with turns.turn(first=True):
            waited.append(len(order) - before)
        time.sleep(GIVE_WAY + 0.1)
    over.set()
    for one in others:
        one.join()
    # The one whose turn it was, and one that was just about to take its own.
    assert max(waited) <= 2, waited
    assert len(order) > 2 * OTHERS  # and they got on
