"""The demo: a small social app in the terminal, whose people act and whose events are posted to the running service."""

from notifier.cli.demo.command import demo

COMMANDS = (demo,)
