"""The command that looks at everything the service stands on."""

import json
import sys
from dataclasses import asdict

import click

from notifier.cli.group import with_tools
from notifier.cli.tools import Finding, Level, Tools

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.BAD: "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help='{"healthy": …, "findings": [{"name", "level", "says", "do"}]}')
@with_tools
def doctor(tools: Tools, as_json: bool) -> None:
    """Look at all that the service stands on, from the database to the languages; exit 1 when something is bad.

    Nothing is sent and nothing is changed.
    """
    findings = []
    for finding in tools.examine():
        findings.append(finding)
        if not as_json:
            click.echo(_line(finding))
    healthy = all(finding.level != Level.BAD for finding in findings)
    if as_json:
        click.echo(json.dumps({"healthy": healthy, "findings": [asdict(one) for one in findings]}, indent=2))
    sys.exit(0 if healthy else 1)


def _line(finding: Finding) -> str:
    level = click.style(f"{finding.level:4}", fg=COLOURS[finding.level])
    do = f"\n{'':18}→ {finding.do}" if finding.do else ""
    return f"{level}  {finding.name:10}  {finding.says}{do}"


COMMANDS = (doctor,)
