"""A push service for a browser on this machine, as Mozilla's autopush is one for Firefox.

The browser keeps a WebSocket open: `hello` names it, `register` makes an endpoint, `notification` brings what was
posted there and is answered by an `ack` that says whether it could be decrypted (100) or not. Senders post to the
endpoint, encrypted and signed; what arrives is checked as a strict service would, and handed on without being read.
"""

import asyncio
import base64
import json
import uuid
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

from tests.e2e.background import Background
from tests.push_server import Fault, check_headers, checked_claims

DECRYPTED = 100  # the code of an ack
PROTOCOL = "push-notification"


@dataclass(frozen=True)
class Posted:
    """A push that was taken from a sender: its id, and the headers it came with, their names in lower case."""

    id: str
    headers: dict[str, str]
    claims: dict[str, object]


class PushService:
    """Runs in a thread of its own while the `with` lasts."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.faults: list[str] = []
        self.acks: dict[str, int] = {}  # by the push's id
        self._browsers: dict[str, web.WebSocketResponse] = {}  # by the channel that was registered
        self._background = Background("push-service")

    @property
    def origin(self) -> str:
        """What the endpoints begin with, and what tokens must name as their audience."""
        return f"http://localhost:{self.port}"

    @property
    def address(self) -> str:
        """For Firefox's `dom.push.serverURL`."""
        return f"ws://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        self.port = self._background.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._background.run(self._runner.cleanup())
        self._background.close()

    async def _start(self) -> int:
        app = web.Application()
        app.add_routes([web.get("/", self._browser), web.post("/push/{channel}", self._post)])
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _browser(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=[PROTOCOL])
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                said = json.loads(message.data)
                answer = self._answer(socket, said)
                if answer is not None:
                    await socket.send_json(answer)
        return socket

    def _answer(self, socket: web.WebSocketResponse, said: dict[str, Any]) -> dict[str, Any] | None:
        kind, channel = said.get("messageType", "ping"), said.get("channelID", "")
        match kind:
            case "hello":
                known = said.get("uaid") or uuid.uuid4().hex
                return {"messageType": kind, "status": 200, "uaid": known, "use_webpush": True, "broadcasts": {}}
            case "register":
                self._browsers[channel] = socket
                endpoint = f"{self.origin}/push/{channel}"
                return {"messageType": kind, "status": 200, "channelID": channel, "pushEndpoint": endpoint}
            case "unregister":
                self._browsers.pop(channel, None)
                return {"messageType": kind, "status": 200, "channelID": channel}
            case "ack":
                self.acks |= {update["version"]: update["code"] for update in said["updates"]}
            case "ping":
                return {}
        return None

    async def _post(self, request: web.Request) -> web.Response:
        socket = self._browsers.get(request.match_info["channel"])
        if socket is None:
            return web.Response(status=410)
        body, headers = await request.read(), {name.lower(): value for name, value in request.headers.items()}
        try:
            check_headers(headers, body)
            claims = checked_claims(headers.get("authorization", ""), self.origin)
        except Fault as fault:
            self.faults.append(str(fault))
            return web.Response(status=fault.status, text=str(fault))
        push = Posted(uuid.uuid4().hex, headers, claims)
        self.posted.append(push)
        await asyncio.wait_for(socket.send_json(_notification(request.match_info["channel"], push, body)), 5)
        return web.Response(status=201, headers={"Location": f"{self.origin}/m/{push.id}", "TTL": headers["ttl"]})


def _notification(channel: str, push: Posted, body: bytes) -> dict[str, Any]:
    data = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    headers = {"encoding": push.headers["content-encoding"]}
    return {
        "messageType": "notification",
        "channelID": channel,
        "version": push.id,
        "ttl": int(push.headers["ttl"]),
        "data": data,
        "headers": headers,
    }
