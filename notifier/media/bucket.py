"""A storage that is a bucket: S3, or whatever speaks like it. Imported only where there is one: it needs obstore."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from notifier.media.storage import PIECE, Pieces, StorageAway, is_name
from notifier.policy.media import SERVED, SUFFIXES

FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {SUFFIXES[format_]: type_ for format_, type_ in SERVED.items()}


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """Which bucket (`s3://name/prefix`), where, and by whose key. Without a key, the machine's own role is asked."""

    url: str
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


class Bucket:
    """Keeps files in a bucket: each is put by one request, so that it is there whole or not at all."""

    def __init__(self, settings: BucketSettings, work: Path) -> None:
        self.work = work
        self._settings = settings

    @cached_property
    def _store(self) -> Any:
        # Not before it is asked: its threads would not come along into the processes that `notifier up` forks.
        return _store(self._settings)

    def put(self, name: str, path: Path) -> None:
        """Keep a file of the work folder, and take it from there."""
        attributes = {
            "Cache-Control": FOR_EVER,
            "Content-Type": _TYPES.get(Path(name).suffix, "application/octet-stream"),
        }
        with _away():
            obstore.put(self._store, _key(name), path, attributes=attributes, use_multipart=False)
        path.unlink()

    def size(self, name: str) -> int:
        """How many octets it has."""
        with _away():
            return int(obstore.head(self._store, _key(name))["size"])

    def open(self, name: str, start: int = 0, end: int | None = None) -> Pieces:
        """The content from one octet up to another."""
        whole = self.size(name)
        return self._pieces(name, start, whole if end is None else min(end, whole))

    def fetch(self, name: str, path: Path) -> None:
        """Write the content into a file of one's own."""
        pieces = self.open(name)
        with path.open("wb") as file:
            for piece in pieces:
                file.write(piece)

    def delete(self, name: str) -> None:
        """Keep it no more."""
        with _away():
            obstore.delete(self._store, _key(name))

    def check(self) -> None:
        """Raise where the bucket does not answer."""
        with _away():
            next(iter(obstore.list(self._store, chunk_size=1)), None)

    def _pieces(self, name: str, start: int, end: int) -> Generator[bytes, None, None]:
        for at in range(start, end, 16 * PIECE):
            with _away():
                yield bytes(obstore.get_range(self._store, _key(name), start=at, end=min(at + 16 * PIECE, end)))


def _store(settings: BucketSettings) -> Any:
    parts = urlsplit(settings.url)
    given = {
        "endpoint": settings.endpoint,
        "region": settings.region or "us-east-1",
        "access_key_id": settings.access_key,
        "secret_access_key": settings.secret_key,
    }
    config: Any = {name: value for name, value in given.items() if value}
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        client_options={"allow_http": settings.endpoint.startswith("http://"), "timeout": "30s"},
        retry_config={"max_retries": 2},
        config=config,
    )


def _key(name: str) -> str:
    if not is_name(name):
        raise FileNotFoundError(name)
    return f"{name[:2]}/{name}"


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except NotFoundError as error:
        raise FileNotFoundError(*error.args) from error
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        # Its own words repeat the request, headers and all.
        raise StorageAway(f"the bucket does not answer as it should ({type(error).__name__})") from error
