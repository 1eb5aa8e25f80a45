"""The navigation of the admin pages."""

from dataclasses import dataclass

from flask import Blueprint

from notifier.store.admins import Role
from notifier.web.admin import account, admins, audit, deliveries, digests, overview, schedules, signin


@dataclass(frozen=True, slots=True)
class Item:
    """A page in the navigation: its words, the blueprint whose `page` it is, and to whom it is shown."""

    label: str
    blueprint: Blueprint
    role: Role = Role.VIEWER

    @property
    def endpoint(self) -> str:
        """For `url_for`."""
        return f"{self.blueprint.name}.page"


@dataclass(frozen=True, slots=True)
class Group:
    """Pages that belong together."""

    label: str
    items: tuple[Item, ...]


# A new page is a line here: so are its routes registered.
MENU = (
    Group("Watch", (Item("Overview", overview.bp), Item("Deliveries", deliveries.bp))),
    Group("Send", (Item("Digests", digests.bp), Item("Schedules", schedules.bp))),
    Group("Run", (Item("Admins", admins.bp, Role.OWNER), Item("Audit", audit.bp, Role.OPERATOR))),
)
BLUEPRINTS = (signin.bp, account.bp, *(item.blueprint for group in MENU for item in group.items))
