"""The tables. Migrations make them; a test proves that both say the same."""

from notifier.store.models.admins import Admin, AdminSession, Audit, LoginLink, RecoveryCode, SignInTry
from notifier.store.models.apps import App, AppSecret
from notifier.store.models.base import Base
from notifier.store.models.deliveries import DUE_AT, PAUSED, UNFINISHED, WAITS, Attempt, Delivery, Pause
from notifier.store.models.digests import BUILT, DUE, EMPTY, IS_OPEN, IS_UNBUILT, OPEN, SKIPPED, Digest
from notifier.store.models.events import UNREAD, Event, Notification, NotificationEvent
from notifier.store.models.figures import Counter, Fallback, Figure, HourlyFigure, RecentFigure, Snapshot, Tally
from notifier.store.models.jobs import Job, PutAway
from notifier.store.models.media import Asset, DroppedFile, PostMedia, Rendition
from notifier.store.models.operations import QueuePause, Worker
from notifier.store.models.people import IS_GONE, IS_MAILBOX, Address, Preference, PreferenceChange, Relation, User
from notifier.store.models.refusals import RejectedRequest
from notifier.store.models.schedules import Lease, Schedule, ScheduleRun

__all__ = [
    "BUILT",
    "DUE",
    "DUE_AT",
    "EMPTY",
    "IS_GONE",
    "IS_MAILBOX",
    "IS_OPEN",
    "IS_UNBUILT",
    "OPEN",
    "PAUSED",
    "SKIPPED",
    "UNFINISHED",
    "UNREAD",
    "WAITS",
    "Address",
    "Admin",
    "AdminSession",
    "App",
    "AppSecret",
    "Asset",
    "Attempt",
    "Audit",
    "Base",
    "Counter",
    "Delivery",
    "Digest",
    "DroppedFile",
    "Event",
    "Fallback",
    "Figure",
    "HourlyFigure",
    "Job",
    "Lease",
    "LoginLink",
    "Notification",
    "NotificationEvent",
    "Pause",
    "PostMedia",
    "Preference",
    "PreferenceChange",
    "PutAway",
    "QueuePause",
    "RecentFigure",
    "RecoveryCode",
    "RejectedRequest",
    "Relation",
    "Rendition",
    "Schedule",
    "ScheduleRun",
    "SignInTry",
    "Snapshot",
    "Tally",
    "User",
    "Worker",
]
