"""What the API answers when all is well: its shapes, for the API's description. The views make them by hand, for speed.

A test holds real answers against them. Fields may be added, never renamed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from notifier.web.answers import deliveries, digests, events, feed, media, people, schedules


@dataclass(frozen=True, slots=True)
class Gives:
    """The answer of one operation; one without a model has no body, or one of another `media` type."""

    status: int
    model: type[BaseModel] | None = None
    media: str = "application/json"
    says: str = "Done"


_NOTHING = Gives(204, says="Done; there is nothing to say")
_JSON = Gives(200, says="A JSON document")

# By the endpoint of the view.
ANSWERS: Mapping[str, Gives] = {
    "batches.receive_batch": Gives(202, events.BatchResults, says="What is good of it is stored"),
    "changes.page": Gives(200, deliveries.Outcomes),
    "deliveries.books": Gives(200, deliveries.Books),
    "deliveries.cancel": Gives(200, deliveries.DeliveryWithAttempts),
    "deliveries.page": Gives(200, deliveries.Deliveries),
    "deliveries.retry": Gives(202, deliveries.DeliveryWithAttempts),
    "deliveries.retry_many": Gives(202, deliveries.Retried),
    "deliveries.show": Gives(200, deliveries.DeliveryWithAttempts),
    "deliveries.show_job": Gives(200, deliveries.Job),
    "devices.add_device": Gives(201, people.Subscription),
    "devices.devices": Gives(200, people.Subscriptions),
    "devices.drop_device": _NOTHING,
    "devices.vapid_key": Gives(200, people.VapidKey),
    "digests.move": Gives(200, digests.WaitingDigests),
    "digests.one": Gives(200, digests.Digest),
    "digests.send": Gives(202, digests.SentDigest, says="It is on its way; 200 where nothing waits"),
    "digests.show": Gives(200, digests.WaitingDigests),
    "digests.skip": Gives(200, digests.SkippedDigest),
    "events.receive": Gives(202, events.AcceptedEvent, says="Stored durably; not that anyone was told"),
    "events.receive_signed": Gives(202, events.AcceptedEvent, says="Stored durably; not that anyone was told"),
    "events.show": Gives(200, events.StoredEvent),
    "explain.dry_run": Gives(200, events.Explanation),
    "explain.explain": Gives(200, events.Explanation),
    "feed.mark_read": Gives(200, feed.ReadItems),
    "feed.mark_seen": Gives(200, feed.SeenItems),
    "feed.page": Gives(200, feed.FeedPage),
    "feed.stream": Gives(200, None, "text/event-stream", "Events: item, gone, unread, reload"),
    "media.add": Gives(202, media.Asset, says="Stored durably; its versions are made in the background"),
    "media.remove": _NOTHING,
    "media.retry": Gives(202, media.Asset),
    "media.show": Gives(200, media.Asset),
    "policy.backtest": _JSON,
    "preferences.choose": Gives(200, people.Preferences),
    "preferences.history": Gives(200, people.PreferenceChanges),
    "preferences.show": Gives(200, people.Preferences),
    "relations.block": Gives(200, people.Block),
    "relations.blocks": Gives(200, people.Blocks),
    "relations.mute": Gives(200, people.Mute),
    "relations.mutes": Gives(200, people.Mutes),
    "relations.unblock": _NOTHING,
    "relations.unmute": _NOTHING,
    "schedules.add": Gives(201, schedules.Schedule),
    "schedules.change": Gives(200, schedules.Schedule),
    "schedules.page": Gives(200, schedules.Schedules),
    "schedules.pause": Gives(200, schedules.Schedule),
    "schedules.remove": _NOTHING,
    "schedules.resume": Gives(200, schedules.Schedule),
    "schedules.run": Gives(202, schedules.ScheduleRun),
    "schedules.runs": Gives(200, schedules.ScheduleRuns),
    "schedules.show": Gives(200, schedules.Schedule),
    "tokens.make": Gives(200, people.Token),
    "users.erase": _NOTHING,
    "users.export": _JSON,
    "users.save": Gives(200, people.User),
    "users.save_many": Gives(200, events.BatchResults),
    "users.show": Gives(200, people.User),
}
