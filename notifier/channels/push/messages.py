"""A push as it travels from rendering to sending."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from notifier.channels import Notice, Shown, TemplateFault
from notifier.channels.push.payload import is_short, payload, time_to_live, topic
from notifier.channels.push.subscriptions import read_stored
from notifier.channels.wording import BUILT_IN, Writer


@dataclass(frozen=True, slots=True)
class Push:
    """A rendered push, not yet encrypted.

    `ttl` is in seconds; `key_id` names the VAPID key that the subscription was made with, empty where unknown;
    `short` says that the payload is down to title and link.
    """

    delivery_id: str
    endpoint: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)
    key_id: str
    payload: bytes = field(repr=False)
    ttl: int
    urgency: str
    topic: str
    short: bool = False

    def shown(self) -> Shown:
        """What it says, for people to read; nothing of the endpoint, which is a secret of the browser's."""
        said = json.loads(self.payload)
        note = said.get("notification", said)
        headers = (("TTL", str(self.ttl)), ("Urgency", self.urgency), ("Topic", self.topic))
        pretty = json.dumps(said, indent=2, ensure_ascii=False)
        return Shown(note.get("title", ""), note.get("body", ""), headers=headers, payload=pretty)


def rendered(notice: Notice, now: datetime, writer: Writer = BUILT_IN) -> Push:
    """The notice as a push at this moment (aware UTC). Raises `TemplateFault`."""
    try:
        stored = read_stored(notice.address.value)
    except ValueError as error:
        raise TemplateFault(f"the subscription {notice.address.id} cannot be read") from error
    return Push(
        delivery_id=notice.delivery_id,
        endpoint=stored.endpoint,
        p256dh=stored.p256dh,
        auth=stored.auth,
        key_id=notice.address.key_id,
        payload=payload(notice, writer),
        ttl=time_to_live(notice, now),
        urgency=_urgency(notice),
        topic=topic(notice),
        short=is_short(notice),
    )


def _urgency(notice: Notice) -> str:
    """How far a push service may go to save the battery (RFC 8030, 5.3)."""
    if notice.digest:
        return "low"
    return "high" if notice.urgent else "normal"
