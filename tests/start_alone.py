"""Starts the service from the installed requirements alone, sends one event through it, and stops it."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import Request, urlopen

PATIENCE = 60.0
EVENT = {"type": "mention", "data": {"actor": {"id": "ana"}, "object": {"id": "post-7"}, "to": ["bob"]}}


def main() -> int:
    """0 when a mail was caught and the service ended well; its own output tells what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder, "ready.json")
        command = [sys.executable, "-m", "notifier", "up", "--port", "0", "--ready-file", str(ready)]
        service = subprocess.Popen([*command, "--data-dir", str(Path(folder, "data"))], stdout=subprocess.DEVNULL)
        try:
            _await(lambda: ready.exists() or service.poll() is not None)
            told = json.loads(ready.read_text())
            _call(told, "PUT", "/v1/users/bob", {"email": "bob@app.example"})
            _call(told, "POST", "/v1/events", EVENT)
            _await(lambda: _call(told, "GET", "/dev/mail.json")["data"])
        finally:
            service.send_signal(signal.SIGTERM)
            code = service.wait(timeout=PATIENCE)
        return code


def _await(done):
    until = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > until:
            raise SystemExit("the service did not get that far in time")
        time.sleep(0.1)


def _call(told, method, path, body=None):
    headers = {"Authorization": f"Bearer {told['app']['key']}", "Content-Type": "application/json"}
    raw = json.dumps(body).encode() if body else None
    with urlopen(Request(told["url"] + path, raw, headers, method=method), timeout=10) as answer:  # noqa: S310 (our own address)
        return json.load(answer)


if __name__ == "__main__":
    raise SystemExit(main())
