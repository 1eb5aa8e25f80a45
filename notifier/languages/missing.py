"""Counts what had to be said in English for want of a translation, until somebody stores the numbers."""

import threading
from collections import Counter
from collections.abc import Mapping

MOST = 1_000  # different ones at a time; what people send can name any language
EVERYTHING = ""  # as the message: the language has no catalogue at all


class Missing:
    """The count by language and English message. Safe to use from many threads."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, language: str, message: str, times: int = 1) -> None:
        """Count one more; beyond `MOST` different ones, only those already known."""
        with self._lock:
            if (language, message) in self._counts or len(self._counts) < MOST:
                self._counts[language, message] += times

    def take(self) -> Mapping[tuple[str, str], int]:
        """What was counted since the last time, by (language, message). Whoever cannot store it adds it again."""
        if not self._counts:
            return {}
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return taken
