"""The tables. Migrations make them; a test proves that both say the same."""

from notifier.store.models.admins import Admin, Audit, LoginLink
from notifier.store.models.apps import App, AppSecret
from notifier.store.models.base import Base
from notifier.store.models.deliveries import UNFINISHED, Attempt, Delivery, Pause
from notifier.store.models.digests import Digest
from notifier.store.models.events import UNREAD, Event, Notification, NotificationEvent
from notifier.store.models.figures import Counter, Fallback, Figure, Tally
from notifier.store.models.people import Address, Preference, PreferenceChange, Relation, User

__all__ = [
    "UNFINISHED",
    "UNREAD",
    "Address",
    "Admin",
    "App",
    "AppSecret",
    "Attempt",
    "Audit",
    "Base",
    "Counter",
    "Delivery",
    "Digest",
    "Event",
    "Fallback",
    "Figure",
    "LoginLink",
    "Notification",
    "NotificationEvent",
    "Pause",
    "Preference",
    "PreferenceChange",
    "Relation",
    "Tally",
    "User",
]
