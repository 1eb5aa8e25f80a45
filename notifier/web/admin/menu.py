"""The navigation of the admin pages."""

from dataclasses import dataclass

from flask import Blueprint

from notifier.web.admin import (
    deliveries,
    digests,
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
    """A page in the navigation: its words, and the blueprint whose `page` it is."""

    label: str
    blueprint: Blueprint

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
    Group("People", (Item("People", people.bp), Item("Suppressions", suppressions.bp))),
    Group(
        "Send",
        (Item("Digests", digests.bp), Item("Schedules", schedules.bp), Item("Templates", templates.bp)),
    ),
    Group("Run", (Item("Queues & workers", queues.bp),)),
)
BLUEPRINTS = (signin.bp, *(item.blueprint for group in MENU for item in group.items))
