"""Commands about who may come in: upstream apps and admins."""

from datetime import UTC, datetime, timedelta

import click

from notifier.cli.group import with_tools
from notifier.cli.tools import Tools
from notifier.store.admins import Admins, Role
from notifier.store.apps import SCOPES, Apps


@click.group()
def apps() -> None:
    """Upstream apps: who may post events."""


@apps.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What its key may do; else everything."
)
@click.option("--lenient", is_flag=True, help="Store events of unknown types too, and tell nobody of them.")
@with_tools
def create_app(tools: Tools, name: str, scopes: tuple[str, ...], lenient: bool) -> None:
    """Make an app; prints its id, signing secret and API key, once."""
    with tools.database.write() as connection:
        made = Apps(connection).create(name, datetime.now(UTC), scopes or SCOPES, lenient=lenient)
    click.echo(f"id      {made.app}\nsecret  {made.secret}\nkey     {made.key}")
    click.echo("Keep them now: the key is not shown again.", err=True)


@apps.command("list")
@with_tools
def list_apps(tools: Tools) -> None:
    """All apps, the oldest first."""
    with tools.database.read() as connection:
        for sender in Apps(connection).all():
            ended = f"  revoked {sender.revoked_at:%F %T}" if sender.revoked_at else ""
            lenient = "  lenient" if sender.lenient else ""
            click.echo(f"{sender.id}  {sender.created_at:%F %T}  {sender.name}{lenient}{ended}")


@apps.command("rotate")
@click.argument("id")
@click.option("--overlap", default=24.0, show_default=True, help="Hours that the old secret stays valid.")
@with_tools
def rotate_app(tools: Tools, id: str, overlap: float) -> None:
    """Make a fresh signing secret; the old one stays valid for a while."""
    with tools.database.write() as connection:
        secret = Apps(connection).rotate(app_id(id), overlap=timedelta(hours=max(overlap, 0)), now=datetime.now(UTC))
    if secret is None:
        raise click.ClickException(f"There is no live app {id}. See: notifier apps list")
    tools.remember_secret(id, secret)
    click.echo(secret)


@apps.command("revoke")
@click.argument("id")
@with_tools
def revoke_app(tools: Tools, id: str) -> None:
    """End an app's access, now."""
    with tools.database.write() as connection:
        ended = Apps(connection).revoke(app_id(id), datetime.now(UTC))
    if not ended:
        raise click.ClickException(f"There is no live app {id}. See: notifier apps list")
    click.echo(f"{id} has no access any more.")


@click.group()
def admins() -> None:
    """Admins: who may open the admin pages."""


@admins.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice([str(role) for role in Role]), default=str(Role.VIEWER), show_default=True)
@with_tools
def create_admin(tools: Tools, email: str, role: str) -> None:
    """Make an admin, or give one this role; prints a one-time sign-in link."""
    now = tools.clock()
    with tools.database.write() as connection:
        kept = Admins(connection)
        token = kept.link(kept.save(email, Role(role), now).id, now)
    click.echo(tools.admin_link(token))
    click.echo("It works once, for 15 minutes.", err=True)


def app_id(text: str) -> str:
    """The id, checked. Raises `click.BadParameter`."""
    return checked_id("app", text)


def checked_id(prefix: str, text: str) -> str:
    """An id with this prefix. Raises `click.BadParameter`."""
    digits = text.removeprefix(f"{prefix}_")
    if text == digits or len(digits) != 32 or not set(digits) <= set("0123456789abcdef"):
        raise click.BadParameter(f"{text!r} is not an id such as {prefix}_0193a7b2c3d47e5f8a9b0c1d2e3f4a5b")
    return text


COMMANDS = (apps, admins)
