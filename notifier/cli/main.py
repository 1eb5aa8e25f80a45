"""All commands together."""

from notifier.cli import backtest, demo, doctor, look, people, purge, retry, run, send, users
from notifier.cli.group import command

for part in (run, send, demo, look, backtest, retry, purge, doctor, people, users):
    for each in part.COMMANDS:
        command.add_command(each)

__all__ = ["command"]
