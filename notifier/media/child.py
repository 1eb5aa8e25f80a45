"""The child process that meets strangers' octets: binds itself first, then makes pictures or becomes ffmpeg.

Started as `python -P -B -m notifier.media.child` with one JSON document on its standard input; of what it does it tells
a JSON document a line. What it is bound by outlives `exec`, so ffmpeg is bound as well.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from notifier.policy.media import Cause, Format, Limits, Media, Refused
from notifier.policy.renditions import Spec

NICE = 10  # sending comes first
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main() -> None:
    """Read the wish, be bound, do it."""
    wish = json.load(sys.stdin)
    bind(wish["bounds"], parent=wish["parent"])
    if "command" in wish:
        _become(wish["command"])
    _make_pictures(wish["job"])


def bind(bounds: Mapping[str, int], *, parent: int) -> None:
    """Take no more time, memory and room on the disk than that, and do not outlive the parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before it could be noticed
            os._exit(1)
    os.nice(NICE)
    for limit, most in (
        (resource.RLIMIT_CPU, bounds["cpu"]),
        (resource.RLIMIT_FSIZE, bounds["octets"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    if sys.platform == "linux":  # elsewhere it counts what was never touched as well, or cannot be set
        resource.setrlimit(resource.RLIMIT_AS, (bounds["memory"], bounds["memory"]))


def _become(command: list[str]) -> NoReturn:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.execv(command[0], command)  # noqa: S606 (its arguments are ours, and no shell reads them)


def _make_pictures(wish: Mapping[str, Any]) -> None:
    # Imported here: whoever becomes ffmpeg has no use for it.
    from notifier.media.images import Job, make

    specs = tuple(Spec(**{**one, "media": Media(one["media"])}) for one in wish["specs"])
    job = Job(
        Path(wish["source"]),
        Format(wish["format"]),
        Path(wish["folder"]),
        specs,
        frozenset(wish["wanted"]),
        Limits(**wish["limits"]),
    )
    try:
        for told in make(job):
            _tell(type(told).__name__, asdict(told))
    except Refused as why:
        _tell("Refused", {"cause": why.cause, "detail": why.detail})
    except MemoryError:
        _tell("Refused", {"cause": Cause.OUT_OF_MEMORY, "detail": ""})
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _tell("Refused", {"cause": Cause.NO_SPACE, "detail": ""})


def _tell(what: str, fields: Mapping[str, Any]) -> None:
    print(json.dumps({"told": what, **fields}), flush=True)  # noqa: T201 (this is how the parent hears of it)


if __name__ == "__main__":
    main()
