"""A service with a history: the demo's people, a mail that nobody took, a message that was not wanted."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.media.pictures import photo
from tests.stack import ROOT, Stack, comment, eventually
from tests.test_media_story import upload

SEED = "5"


@contextmanager
def lived_in(folder: Path, *options: str) -> Iterator[Stack]:
    """The service as `notifier up` runs it, with its own mailbox, after a demo with these options."""
    with Stack(folder, MAIL_SERVER="", GATHER_SCALE="1") as stack:
        play(stack, *options)
        yield stack


def play(stack: Stack, *options: str) -> None:
    """Play the demo, then let one mail fail for good, and make the versions of a photo."""
    command = [sys.executable, "-m", "notifier", "demo", "--data-dir", str(stack.data_dir), "--seed", SEED, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    stack.person("ida")
    stack.call("PUT", "/v1/users/ida", {"email": "ida@bounce.test"})  # the mailbox takes nothing for this domain
    stack.post(comment("hugo", to="ida"))
    eventually(lambda: stack.deliveries(user="ida", channel="email", state="failed"), within=90)
    asset = upload(stack, photo(6))
    eventually(lambda: stack.call("GET", f"/v1/assets/{asset}").json["state"] == "ready")
