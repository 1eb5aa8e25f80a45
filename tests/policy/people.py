"""People and events one knows: Ana acts, Bob hears of it."""

from datetime import UTC, datetime
from typing import Any

from notifier.app.home import CATALOGUE
from notifier.policy.catalogue import Kind, read_catalogue
from notifier.policy.decide import Case, Reach, Recipient
from notifier.policy.events import Event, read_event

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUILT_IN = read_catalogue(CATALOGUE.read_text())
BOB = Recipient(
    "bob",
    "Europe/Berlin",
    reach={"email": Reach(("sub_mail",)), "push": Reach(("sub_one", "sub_two")), "feed": Reach(stands=True)},
)


def kind(name: str) -> Kind:
    """An entry of the built-in catalogue."""
    found = BUILT_IN.find(name)
    assert found
    return found


def happened(type_: str, **data: Any) -> Event:
    """An event of Ana's."""
    filled = {"actor": {"id": "ana", "name": "Ana"}, "object": {"id": "thing-1"}} | data
    return read_event(filled, id="evt_1", app="app_1", type=type_, occurred_at=NOON, accepted_at=NOON)


def case(name: str, scale: float = 1, **data: Any) -> Case:
    """An event of Ana's, to be decided about."""
    found = kind(name)
    return Case(happened(found.name, **data), found, gather=found.gather * scale)
