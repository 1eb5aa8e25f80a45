"""Commands about who may come in: upstream apps and admins."""

from datetime import UTC, datetime, timedelta

import click

from notifier.channels import BadAddress
from notifier.channels.email import parse_email
from notifier.cli.group import to_type, who, with_tools
from notifier.cli.tools import Tools
from notifier.pipeline.admins import LastOwner
from notifier.policy.fields import app_name_fault
from notifier.store.admins import Account, Admins, Role
from notifier.store.apps import SCOPES, Apps

LONGEST_OVERLAP = 8_760  # hours: a year


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
    if fault := app_name_fault(name):
        raise click.BadParameter(f"{name!r} {fault}", param_hint="NAME")
    with tools.database.write() as connection:
        made = Apps(connection).create(name, datetime.now(UTC), scopes or SCOPES, lenient=lenient)
        Admins(connection).note(who(), "app.create", f"{made.app} {name}", tools.clock())
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
@click.option(
    "--overlap",
    default=24.0,
    show_default=True,
    type=click.FloatRange(0, LONGEST_OVERLAP),
    help="Hours that the old secret stays valid.",
)
@with_tools
def rotate_app(tools: Tools, id: str, overlap: float) -> None:
    """Make a fresh signing secret; the old one stays valid for a while."""
    with tools.database.write() as connection:
        secret = Apps(connection).rotate(app_id(id), overlap=timedelta(hours=overlap), now=datetime.now(UTC))
        if secret:
            Admins(connection).note(who(), "app.rotate", f"{id}, the old one for {overlap:g} h", tools.clock())
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
        if ended:
            Admins(connection).note(who(), "app.revoke", id, tools.clock())
    if not ended:
        raise click.ClickException(f"There is no live app {id}. See: notifier apps list")
    click.echo(f"{id} has no access any more.")


@click.group()
def admins() -> None:
    """Admins: who may open the admin pages."""


@admins.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice([str(role) for role in Role]), help="Else viewer, or the role that one has.")
@with_tools
def create_admin(tools: Tools, email: str, role: str | None) -> None:
    """Make an admin, or give one this role; prints a one-time sign-in link."""
    address = _address(email)
    try:
        account = tools.staff.keep(address, Role(role) if role else None, who=who())
    except LastOwner as last:
        raise click.ClickException(str(last)) from None
    # Whoever has the machine is who they say: this link asks for no second step.
    click.echo(tools.admin_link(tools.staff.link(account.id, who=who(), asks=False)))
    click.echo("It works once, for 15 minutes.", err=True)


@admins.command("list")
@with_tools
def list_admins(tools: Tools) -> None:
    """All admins, by address: the role, how they sign in, and when they were last seen."""
    with tools.database.read() as connection:
        for one in Admins(connection).all():
            way = "password+code" if one.has_totp else "password" if one.has_password else "link"
            seen = f"seen {one.seen_at:%F %T}" if one.seen_at else "not signed in"
            click.echo(f"{one.account.email}  {one.account.role}  {way}  {seen}")


@admins.command("remove")
@click.argument("email")
@with_tools
def remove_admin(tools: Tools, email: str) -> None:
    """Remove an admin, who is out at once. What they did stays on record."""
    account = _admin(tools, email)
    try:
        tools.staff.remove(account.id, who=who())
    except LastOwner as last:
        raise click.ClickException(str(last)) from None
    click.echo(f"{account.email} is no admin any more.")


@admins.command("reset-totp")
@click.argument("email")
@with_tools
def reset_totp(tools: Tools, email: str) -> None:
    """Turn an admin's second step off, and sign them out: for a lost phone."""
    account = _admin(tools, email)
    tools.staff.reset_totp(account.id, who=who())
    click.echo(f"{account.email} signs in without a code.")


def _address(email: str) -> str:
    """The address, checked. Raises `click.BadParameter`."""
    try:
        return parse_email(email)
    except BadAddress as error:
        raise click.BadParameter(str(error)) from None


def _admin(tools: Tools, email: str) -> Account:
    with tools.database.read() as connection:
        found = Admins(connection).by_email(email)
    if found is None:
        raise click.ClickException(f"There is no admin {email}. See: {to_type('admins', 'list')}")
    return found


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
