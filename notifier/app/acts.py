"""What schedules can do: every kind with its act, and the schedules that are made in code."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from notifier import tasks
from notifier.pipeline.announce import Announcer
from notifier.pipeline.kinds import Arguments, Call, Kind, Kinds
from notifier.pipeline.pulse import Pulse
from notifier.pipeline.purge import Purger
from notifier.pipeline.rebuilding import FileDropper
from notifier.pipeline.rollup import Roller
from notifier.policy.announcements import WrongAnnouncement, read_announcement
from notifier.policy.timetable import Timetable, first_run
from notifier.store.schedules import NewSchedule
from notifier.tasks import Steps

# Name and kind are the same here. What an owner changes of them stays.
BUILT_IN = {
    "sweep": Timetable(interval=timedelta(seconds=1)),
    "heartbeat": Timetable(interval=timedelta(seconds=3)),
    "digests": Timetable(cron="* * * * *"),  # at the full minute, as people choose their hour
    "purge": Timetable(cron="30 3 * * *"),
    "roll-up": Timetable(cron="5 * * * *"),
    "drop-files": Timetable(cron="20 * * * *"),
    "pulse": Timetable(interval=timedelta(seconds=30)),
}


def kinds_of(
    steps: Callable[[], Steps],
    announcer: Callable[[], Announcer],
    purger: Callable[[], Purger],
    roller: Callable[[], Roller],
    pulse: Callable[[], Pulse],
    dropper: Callable[[], FileDropper],
) -> Kinds:
    """Every kind. A new one is a line here, and in `BUILT_IN` where it is to run by itself."""

    def announce(call: Call) -> str:
        return f"Announced as {announcer().announce(read_announcement(call.arguments), call.key, call.wall)}."

    kinds = (
        Kind("sweep", act=_ticks, vital=True),
        Kind("heartbeat", act=_ticks, vital=True),
        Kind("digests", act=lambda _: _counted(tasks.ring_for_digests(steps()), "digest")),
        Kind("purge", act=lambda _: purger().purge().summary),
        Kind("roll-up", act=lambda _: roller().roll_up().summary),
        Kind("drop-files", act=lambda _: _counted(dropper().drop(), "file")),
        Kind("pulse", act=lambda _: pulse().beat()),
        Kind("announcement", act=announce, faults=_wrong_in_announcement, local=True),
    )
    return {kind.name: kind for kind in kinds}


def built_in(kinds: Kinds, now: datetime) -> Sequence[NewSchedule]:
    """The schedules made in code, of all kinds that there are."""
    return [
        # The fixed ticks of the scheduler run the vital ones: no timer of the row does.
        NewSchedule(name, name, {}, timetable, True, None if kind.vital else first_run(timetable, now), built_in=True)
        for name, timetable in BUILT_IN.items()
        if (kind := kinds.get(name))
    ]


def _wrong_in_announcement(arguments: Arguments) -> list[tuple[str, str]]:
    try:
        read_announcement(arguments)
    except WrongAnnouncement as wrong:
        return list(wrong.faults)
    return []


def _ticks(call: Call) -> str:
    raise AssertionError(f"The scheduler's fixed ticks do this; nobody can ask for {call.key}.")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}" if count else ""
