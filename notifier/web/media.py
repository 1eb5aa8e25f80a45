"""Pictures and videos: uploaded or named by their address, what is made of them, and the files themselves."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from notifier.media.storage import StorageAway, workplace
from notifier.policy.media import CAUSES, MB, SERVED, SUFFIXES, UNMADE, Cause, Limits, Refused
from notifier.store.assets import AssetEntry, Assets
from notifier.store.renditions import RenditionEntry, Renditions, standing
from notifier.web import shapes
from notifier.web.access import guarded_by, needs, takes
from notifier.web.bodies import AssetBody
from notifier.web.parts import parts
from notifier.web.problems import AWAY_SECONDS, Fault, Problem, invalid, not_found, pointer
from notifier.web.reading import read

bp = Blueprint("media", __name__, url_prefix="/v1")
files = Blueprint("files", __name__, url_prefix="/media")

UPLOADS = "/v1/assets"
FRAME = 64 * 1024  # octets of an upload that are not the file's
LONGER = 128  # characters of a type that a sender gives
NO_FILE = "Send the picture or the video as a part named file; in what came there is none that can be read."
OTHER_TYPE = (
    "Send multipart/form-data with the picture or the video as a part named file, or application/json with a url."
)
NO_SUCH_PART = "This part is not known here; send the file alone, as a part named file."
AT_MOST = f"At most {Limits().most_octets // MB} MB are, as one part named file that has a filename."
FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {suffix: SERVED[format_] for format_, suffix in SUFFIXES.items()}


@bp.post("/assets")
@needs("events")
@takes(AssetBody, uploads=True)
def add() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Take in a picture or a video: as multipart/form-data with a `file`, or as JSON with its `url`.

    Its versions are made in the background; what cannot be one is refused at once.
    """
    if request.mimetype == "multipart/form-data":
        with _refusing("/file"):
            asset = _upload()
    elif request.mimetype != "application/json":
        raise Problem(415, "unsupported-media-type", OTHER_TYPE)
    else:
        url = read(AssetBody).url
        with _refusing("/url"):
            parts().check_url(url)
        asset = parts().uploading.name(g.app_id, url)
    return shape_of(asset), 202, {"Location": f"/v1/assets/{asset}"}


@bp.get("/assets/<ast:asset_id>")
@needs("events")
def show(asset_id: str) -> dict[str, Any]:
    """An asset with every version of it, and how far they are."""
    _known(asset_id)
    return shape_of(asset_id)


@bp.post("/assets/<ast:asset_id>/retry")
@needs("events")
def retry(asset_id: str) -> tuple[dict[str, Any], int]:
    """Try again whatever failed or was left out; what is there stays."""
    _known(asset_id)
    parts().uploading.retry(asset_id)
    return shape_of(asset_id), 202


@bp.delete("/assets/<ast:asset_id>")
@needs("events")
def remove(asset_id: str) -> tuple[str, int]:
    """Forget an asset and every version of it: no post shows it any more, and its files are deleted before long.

    Messages that wait for it go out at once, without it.
    """
    _known(asset_id)
    parts().uploading.remove(asset_id)
    return "", 204


@files.get("/<name>")
@guarded_by("public")
def file(name: str) -> Response:
    """A version of a picture or a video, by a name that nobody guesses; what was posted itself is never shown."""
    suffix = f".{name.partition('.')[2]}"
    if suffix not in _TYPES:
        raise not_found("file", name[:80])
    if request.if_none_match.contains(name):
        return _headed(Response(status=304), name)
    storage = parts().uploading.storage
    try:
        whole = storage.size(name)
        start, end = _asked_range(whole)
        pieces = storage.open(name, start, end)
    except FileNotFoundError:
        raise not_found("file", name[:80]) from None
    except StorageAway as error:
        raise _away() from error
    response = Response(pieces, content_type=_TYPES[suffix])
    response.content_length = end - start
    if request.range:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{whole}"
    return _headed(response, name)


def shape_of(asset_id: str) -> dict[str, Any]:
    """An asset as the API tells of it. Raises a problem where there is none."""
    with parts().database.read() as connection:
        asset = Assets(connection).find(asset_id)
        renditions = Renditions(connection).of([asset_id]).get(asset_id, [])
    if asset is None:
        raise not_found("asset", asset_id)
    return _shape(asset, renditions)


def _shape(asset: AssetEntry, renditions: list[RenditionEntry]) -> dict[str, Any]:
    newest = list({one.spec: one for one in renditions}.values())
    return {
        "id": asset.id,
        "state": standing(asset.state, renditions),
        "reason": asset.cause,
        "sentence": asset.said or None,
        "media": asset.media,
        "format": asset.format,
        "url": asset.url or None,
        "bytes": asset.octets or None,
        "width": asset.width,
        "height": asset.height,
        "duration_ms": asset.ms,
        "blurhash": asset.blurhash or None,
        "progress": _progress(newest),
        "created_at": shapes.moment(asset.created_at),
        "renditions": [_rendition(one) for one in newest],
    }


def _rendition(one: RenditionEntry) -> dict[str, Any]:
    return {
        "spec": one.spec,
        "version": one.version,
        "state": one.state,
        "reason": one.cause,
        "sentence": (one.said or CAUSES[one.cause]) if one.cause else None,
        "format": one.format,
        "url": parts().media_url(one.file) if one.file else None,
        "bytes": one.octets or None,
        "width": one.width,
        "height": one.height,
        "progress": one.progress,
        "tries": one.tries,
    }


def _progress(renditions: list[RenditionEntry]) -> int:
    """Percent: of each version that is under way so much of it as is done."""
    if not renditions:
        return 0
    return sum(one.progress if one.state in UNMADE else 100 for one in renditions) // len(renditions)


def _upload() -> str:
    uploading = parts().uploading
    request.max_content_length = uploading.limits.most_octets + FRAME
    if (request.content_length or 0) > request.max_content_length:
        raise Refused(Cause.TOO_LARGE, AT_MOST)
    sent = _sent()
    with workplace(uploading.storage, f"upload-{uuid.uuid4().hex}") as folder:
        path = folder / "sent"
        sent.save(path)
        return uploading.upload(g.app_id, path, called=sent.mimetype[:LONGER])


def _sent() -> FileStorage:
    """The one file that was sent. Raises a problem where something else came: nothing is left out unsaid."""
    sent = list(request.files.items(multi=True))
    faults = [Fault(pointer([name[:LONGER]]), "unknown_field", NO_SUCH_PART) for name in request.form if name != "file"]
    if len(sent) > 1:
        says = f"Here are {len(sent)} files; send each in a request of its own, as a part named file."
        faults.append(Fault("/file", "too_many", says))
    elif not sent or sent[0][0] != "file":
        lacks = "The part named file has no filename; give it one." if "file" in request.form else NO_FILE
        faults.append(Fault("/file", "missing", lacks))
    if faults:
        raise invalid(faults)
    return sent[0][1]


@contextmanager
def _refusing(where: str) -> Iterator[None]:
    try:
        yield
    except Refused as why:
        if why.cause is Cause.TOO_LARGE:
            raise Problem(413, "too-large", why.sentence) from why
        raise invalid([Fault(where, why.cause, why.sentence)]) from why
    except RequestEntityTooLarge as error:  # it told no length, or has large parts that are no files
        raise Problem(413, "too-large", f"{CAUSES[Cause.TOO_LARGE]} {AT_MOST}") from error
    except (StorageAway, OSError) as error:
        raise _away() from error


def _away() -> Problem:
    says = "The storage of pictures and videos does not answer, or is full. Try again."
    return Problem(503, "away", says, retry_after=AWAY_SECONDS)


def _known(asset_id: str) -> None:
    """Raise a problem where this app has no such asset: another's is none of its business."""
    with parts().database.read() as connection:
        found = Assets(connection).find(asset_id)
    if found is None or found.app != g.app_id:
        raise not_found("asset", asset_id)


def _asked_range(whole: int) -> tuple[int, int]:
    """The octets that are asked for: one range (RFC 9110, 14.2), or all. Raises a problem where there are none such."""
    if not request.range:
        return 0, whole
    found = request.range.range_for_length(whole)
    if found is None:
        raise Problem(416, "malformed", f"There are {whole} bytes; ask for one range of them.")
    return found


def _headed(response: Response, name: str) -> Response:
    response.set_etag(name)
    response.headers["Cache-Control"] = FOR_EVER
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
