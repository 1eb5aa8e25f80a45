"""Firefox as it is installed, driven by WebDriver BiDi: the protocol that it speaks by itself, without a driver."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.e2e.background import Background

NAMES = ("firefox-esr", "firefox")
NO_FIREFOX = "no Firefox on the PATH, so that no push was really shown: `apt install firefox-esr`"
START = 60.0  # seconds until it listens
# Pushes come from the test's own push service, without TLS; nothing else is asked of the network.
PREFERENCES = {
    "remote.prefs.recommended": False,  # what is recommended for tests turns the connection to push services off
    "network.manage-offline-status": False,
    "dom.push.testing.allowInsecureServerURL": True,
    "dom.push.alwaysConnect": True,
    "dom.push.userAgentID": "",
    "alerts.useSystemBackend": False,  # a machine without a desktop has nobody who would draw them
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
}


class FirefoxError(Exception):
    """Firefox did not do what it was told; says what it answered."""


def firefox_path() -> str:
    """The Firefox of this machine; empty where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), "")


class Firefox:
    """One window, headless, with a new profile in `folder`, while the `with` lasts."""

    def __init__(self, folder: Path, push_server: str) -> None:
        self._folder = folder
        self._log = folder / "firefox.log"
        self._preferences = PREFERENCES | {"dom.push.serverURL": push_server}
        self._background = Background("firefox")
        self._last_id = 0

    def __enter__(self) -> Self:
        self._process = self._started()
        self._background.run(self._connect(self._listens_at()))
        self.call("session.new", capabilities={})
        self._window = self.call("browsingContext.getTree")["contexts"][0]["context"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._background.run(self._disconnect())
        self._background.close()
        self._process.terminate()
        self._process.wait(20)

    def open(self, url: str) -> None:
        """Open the page, and wait until it is loaded."""
        self.call("browsingContext.navigate", context=self._window, url=url, wait="complete")

    def grant(self, permission: str, origin: str) -> None:
        """Say yes to this permission for all pages of this origin."""
        self.call("permissions.setPermission", descriptor={"name": permission}, state="granted", origin=origin)

    def evaluate(self, script: str) -> Any:
        """What an async function with this body gives, as if a person had just clicked. It must be fit for JSON."""
        told = f"(async () => JSON.stringify(await (async () => {{ {script} }})() ?? null))()"
        target = {"context": self._window}
        answer = self.call("script.evaluate", expression=told, target=target, awaitPromise=True, userActivation=True)
        if answer["type"] != "success":
            raise FirefoxError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of one command. Raises `FirefoxError`."""
        return self._background.run(self._call(method, params))

    def _started(self) -> subprocess.Popen[bytes]:
        profile = self._folder / "profile"
        profile.mkdir()
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in self._preferences.items())
        (profile / "user.js").write_text("\n".join(lines))
        command = [firefox_path(), "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port=0"]
        with self._log.open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def _listens_at(self) -> str:
        until = time.monotonic() + START
        while time.monotonic() < until and self._process.poll() is None:
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", self._log.read_text()):
                return found[1]
            time.sleep(0.1)
        raise FirefoxError(f"it does not listen: {self._log.read_text()}")

    async def _connect(self, address: str) -> None:
        self._session = ClientSession()
        self._socket: ClientWebSocketResponse = await self._session.ws_connect(f"{address}/session", max_msg_size=0)

    async def _disconnect(self) -> None:
        await self._socket.close()
        await self._session.close()

    async def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._last_id += 1
        await self._socket.send_json({"id": self._last_id, "method": method, "params": params})
        while True:  # events come in between
            answer = await self._socket.receive_json()
            if answer.get("id") == self._last_id:
                break
        if answer["type"] == "error":
            raise FirefoxError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]
