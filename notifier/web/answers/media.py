"""What the API answers of pictures and videos."""

from pydantic import BaseModel

from notifier.web.answers.common import Time


class Rendition(BaseModel):
    """One version of a picture or a video. `state`: waiting, working, done, skipped, failed."""

    spec: str
    version: str
    state: str
    reason: str | None
    sentence: str | None
    format: str
    url: str | None
    bytes: int | None
    width: int | None
    height: int | None
    progress: int
    tries: int


class Asset(BaseModel):
    """A picture or a video, and every version of it. `state`: waiting (to be fetched), rendering, ready, failed."""

    id: str
    state: str
    reason: str | None
    sentence: str | None
    media: str | None
    format: str | None
    url: str | None
    bytes: int | None
    width: int | None
    height: int | None
    duration_ms: int | None
    blurhash: str | None
    progress: int
    created_at: Time
    renditions: list[Rendition]
