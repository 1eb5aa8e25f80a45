"""The command that posts one event, as an upstream app would."""

import json
from typing import Any

import click

from notifier.cli.group import to_type, with_tools
from notifier.cli.tools import Tools
from notifier.cli.upstream import Upstream

# Option → where its value stands in the event's `data`, and what it says.
FIELDS = {
    "actor": ("actor", "id", "Who did it."),
    "actor-name": ("actor", "name", "The actor's name, as messages show it."),
    "object": ("object", "id", "What it was done to, or what was made: a post, a comment, a person."),
    "owner": ("object", "owner", "Whose the object is: who hears of a like or a share."),
    "name": ("object", "name", "The object's name or title."),
    "content": ("object", "content", "The object's text, as of a comment."),
    "url": ("object", "url", "Where the object is seen."),
    "target": ("target", "id", "What the object belongs to: the post of a comment."),
    "target-owner": ("target", "owner", "Whose the target is: who hears of a comment."),
    "target-name": ("target", "name", "The target's title."),
    "reply-to": ("in_reply_to", "id", "The comment that this one answers."),
    "reply-to-owner": ("in_reply_to", "owner", "Whose that comment is."),
}
REQUIRED = ("actor", "object")


def _fields(command: Any) -> Any:
    for option, (_, _, says) in reversed(FIELDS.items()):
        command = click.option(f"--{option}", required=option in REQUIRED, metavar="TEXT", help=says)(command)
    return command


@click.command()
@click.argument("type")
@_fields
@click.option("--mention", "mentions", multiple=True, metavar="USER", help="Who is mentioned in it; may be repeated.")
@click.option("--to", multiple=True, metavar="USER", help="Who is to hear of it besides; may be repeated.")
@click.option("--key", default="", help="The idempotency key (webhook-id): the same key is the same event.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer.")
@with_tools
def send(
    tools: Tools, type: str, mentions: tuple[str, ...], to: tuple[str, ...], key: str, as_json: bool, **given: str
) -> None:
    """Send one signed event to the running service; prints its id.

    TYPE is a type of the catalogue, in its long or short form:

    \b
      send follow  --actor ada --object bob
      send like    --actor ada --object post-7 --owner bob
      send comment --actor ada --object c-1 --content "Wow" --target post-7 --target-owner bob
      send mention --actor ada --object post-8 --to bob
    """
    lists = {"mentions": list(mentions), "to": list(to)}
    with Upstream(tools) as upstream:
        answer = upstream.post({"type": type, "data": _things(given) | _filled(lists)}, key)
    if not answer.ok:
        raise click.ClickException(answer.refusal)
    click.echo(json.dumps(answer.body, indent=2) if as_json else answer.body["id"])
    if not as_json:
        click.echo(_remark(answer.body), err=True)


def _things(given: dict[str, str]) -> dict[str, dict[str, str]]:
    things: dict[str, dict[str, str]] = {}
    for option, (thing, field, _) in FIELDS.items():
        if value := given[option.replace("-", "_")]:
            things.setdefault(thing, {})[field] = value
    return things


def _filled(lists: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: values for name, values in lists.items() if values}


def _remark(body: Any) -> str:
    said = (
        "A duplicate: this key came before, and this is its event. Nothing is sent twice."
        if body["duplicate"]
        else "Accepted: it is stored, and goes out in a moment."
    )
    return f"{said}\nWhat became of it:  {to_type('why', body['id'])}"


COMMANDS = (send,)
