"""The navigation of the admin pages."""

from dataclasses import dataclass

from flask import Blueprint

from notifier.store.admins import Role
from notifier.web.admin import (
    account,
    admins,
    apps,
    audit,
    dead,
    delivery,
    digests,
    events,
    find,
    jobs,
    overview,
    people,
    queues,
    schedules,
    signin,
    suppressions,
    templates,
)


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
    Group(
        "Watch",
        (
            Item("Overview", overview.bp),
            Item("Deliveries", delivery.bp),
            Item("Events", events.bp),
            Item("Dead letters", dead.bp),
        ),
    ),
    Group(
        "People",
        (
            Item("People", people.bp),
            Item("Suppressions", suppressions.bp),
        ),
    ),
    Group(
        "Send",
        (
            Item("Digests", digests.bp),
            Item("Schedules", schedules.bp),
            Item("Templates", templates.bp),
        ),
    ),
    Group(
        "Run",
        (
            Item("Queues & workers", queues.bp),
            Item("Apps & keys", apps.bp),
            Item("Admins", admins.bp, Role.OWNER),
            Item("Audit", audit.bp, Role.OPERATOR),
        ),
    ),
)
BLUEPRINTS = (signin.bp, account.bp, find.bp, jobs.bp, *(item.blueprint for group in MENU for item in group.items))
