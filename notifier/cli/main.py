"""All commands together."""

from notifier.cli import (
    announce,
    backtest,
    demo,
    doctor,
    look,
    people,
    purge,
    renditions,
    retry,
    run,
    schedules,
    send,
    users,
)
from notifier.cli.group import command

for part in (run, send, announce, demo, look, backtest, retry, schedules, purge, renditions, doctor, people, users):
    for each in part.COMMANDS:
        command.add_command(each)

__all__ = ["command"]
