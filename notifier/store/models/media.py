"""The tables of pictures and videos: what was posted, and every version that is made of it."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from notifier.store.models.base import Base
from notifier.store.types import Key

TO_FETCH = text("state = 'waiting'")
UNMADE = text("state IN ('waiting', 'working')")


class Asset(Base):
    """A picture or a video as it was posted. One with a `url` is fetched from there, the others were uploaded.

    While it is to be fetched, `due_at` is when somebody may begin, or, with a `claim_token`, when the lease of whoever
    does runs out. `file` is the name of its octets in the storage: their SHA-256.
    """

    __tablename__ = "assets"
    __table_args__ = (
        Index("assets_due", "due_at", postgresql_where=TO_FETCH, sqlite_where=TO_FETCH),
        Index(None, "file"),
    )

    id: Mapped[str] = mapped_column(Key("ast"), primary_key=True)
    app_id: Mapped[str] = mapped_column(Key("app"))
    url: Mapped[str] = mapped_column(String(2048), default="", server_default="")
    state: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str | None] = mapped_column(String(24))
    said: Mapped[str] = mapped_column(String(512), default="", server_default="")
    format: Mapped[str] = mapped_column(String(8), default="", server_default="")
    file: Mapped[str] = mapped_column(String(80), default="", server_default="")
    octets: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    width: Mapped[int | None]
    height: Mapped[int | None]
    ms: Mapped[int | None]  # of a video
    blurhash: Mapped[str] = mapped_column(String(64), default="", server_default="")
    created_at: Mapped[datetime]
    stored_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    claim_token: Mapped[str | None] = mapped_column(Key("clm"))
    due_at: Mapped[datetime | None]


class Rendition(Base):
    """One version of an asset, once for each spec and each version of that spec.

    While it is not made, `due_at` is when somebody may begin; while it is being made, when the lease of whoever does
    runs out. `file` is its name in the storage: the SHA-256 of its octets.
    """

    __tablename__ = "renditions"
    __table_args__ = (
        UniqueConstraint("asset_id", "spec", "version"),
        Index("renditions_due", "due_at", postgresql_where=UNMADE, sqlite_where=UNMADE),
        Index(
            "renditions_failed", "id", postgresql_where=text("state = 'failed'"), sqlite_where=text("state = 'failed'")
        ),
        Index(None, "file"),
    )

    id: Mapped[str] = mapped_column(Key("rdn"), primary_key=True)
    asset_id: Mapped[str] = mapped_column(Key("ast"))
    spec: Mapped[str] = mapped_column(String(32))
    version: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str | None] = mapped_column(String(24))
    said: Mapped[str] = mapped_column(String(512), default="", server_default="")
    file: Mapped[str] = mapped_column(String(80), default="", server_default="")
    octets: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    width: Mapped[int | None]
    height: Mapped[int | None]
    progress: Mapped[int] = mapped_column(default=0, server_default="0")  # percent
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    worker: Mapped[str] = mapped_column(String(255), default="", server_default="")
    claim_token: Mapped[str | None] = mapped_column(Key("clm"))
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class PostMedia(Base):
    """That an event shows an asset, in which place, and what is said to whoever cannot see it.

    `type`, `actor` and `object` are the event's: pictures stay when events are not kept any more, and go with their
    post or their author all the same.
    """

    __tablename__ = "post_media"
    __table_args__ = (Index(None, "object"), Index(None, "asset_id"), Index(None, "actor"))

    event_id: Mapped[str] = mapped_column(Key("evt"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    app_id: Mapped[str] = mapped_column(Key("app"))
    type: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(255))
    object: Mapped[str] = mapped_column(String(255))
    asset_id: Mapped[str] = mapped_column(Key("ast"))
    alt: Mapped[str] = mapped_column(String(512), default="", server_default="")


class DroppedFile(Base):
    """A file of the storage that nothing may name: its row is gone, or it was to be put and nobody said that it was.

    It is deleted later, unless something has its content then.
    """

    __tablename__ = "dropped_files"

    file: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime]
