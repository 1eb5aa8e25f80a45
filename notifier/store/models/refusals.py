"""The table of what was refused at the door."""

from datetime import datetime

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key


class RejectedRequest(Base):
    """A request to post events that was refused: why, and nothing of what it said or was signed with.

    `app_id` is the app that it named, `proven` whether a live key or secret of that app came with it. There are never
    more than a few thousand: `passed_over` counts those that this process did not keep before this one.
    """

    __tablename__ = "rejected_requests"

    id: Mapped[str] = mapped_column(Key("rej"), primary_key=True)
    at: Mapped[datetime]
    door: Mapped[str] = mapped_column(String(16))
    app_id: Mapped[str | None] = mapped_column(Key("app"))
    proven: Mapped[bool]
    status: Mapped[int]
    reason: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(String(512))
    body_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    octets: Mapped[int | None]
    passed_over: Mapped[int]
