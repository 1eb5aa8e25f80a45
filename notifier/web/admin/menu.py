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
    media,
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
    """A page in the navigation: its words, the blueprint whose `page` it is, the letter that leads there after `g`,
    and to whom it is shown."""

    label: str
    blueprint: Blueprint
    key: str
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
            Item("Overview", overview.bp, "o"),
            Item("Deliveries", delivery.bp, "d"),
            Item("Events", events.bp, "e"),
            Item("Media", media.bp, "v"),
            Item("Dead letters", dead.bp, "l"),
        ),
    ),
    Group(
        "People",
        (
            Item("People", people.bp, "p"),
            Item("Suppressions", suppressions.bp, "s"),
        ),
    ),
    Group(
        "Send",
        (
            Item("Digests", digests.bp, "i"),
            Item("Schedules", schedules.bp, "c"),
            Item("Templates", templates.bp, "t"),
        ),
    ),
    Group(
        "Run",
        (
            Item("Queues & workers", queues.bp, "q"),
            Item("Apps & keys", apps.bp, "a"),
            Item("Admins", admins.bp, "m", Role.OWNER),
            Item("Audit", audit.bp, "u", Role.OPERATOR),
        ),
    ),
)
BLUEPRINTS = (signin.bp, account.bp, find.bp, jobs.bp, *(item.blueprint for group in MENU for item in group.items))
