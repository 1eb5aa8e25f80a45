"""All commands together."""

from notifier.cli import look, people, run, send
from notifier.cli.group import command

for part in (run, send, people, look):
    for each in part.COMMANDS:
        command.add_command(each)

__all__ = ["command"]
