"""All commands together."""

from notifier.cli import demo, look, people, retry, run, send
from notifier.cli.group import command

for part in (run, send, demo, look, retry, people):
    for each in part.COMMANDS:
        command.add_command(each)

__all__ = ["command"]
