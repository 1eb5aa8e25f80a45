"""The path of an event, step by step: accepted, planned, sent, recorded; and the sweep for whatever got stuck.

Each step is one short transaction and gives back what comes next; its caller rings the bell after the commit.
Between any two steps the process may die: the rows know what is unfinished, and the sweep asks them.
"""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]  # the present moment, aware UTC
