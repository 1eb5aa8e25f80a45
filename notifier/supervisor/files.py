"""Files that others read while we write them: always whole, and only for their owner, since they hold secrets."""

import json
import os
import tempfile
from pathlib import Path


def write_json(path: Path, value: object) -> None:
    """Replace `path` by `value` as JSON, with mode 0600. A reader, or a crash, sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with 0600
    try:
        with os.fdopen(fresh, "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def private_folder(path: Path) -> Path:
    """`path` as a folder that only we can enter, made where it is missing. Raises OSError where another owns it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)  # fails for a folder of another user
    return path
