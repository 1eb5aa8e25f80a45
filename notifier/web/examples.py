"""Examples of the API's calls, in curl and in Python, that work when they are pasted: a test runs every one of them.

They read `NOTIFIER_URL` and `NOTIFIER_KEY` from the environment; a capital word in a path or a body is a variable, too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pprint import pformat
from typing import Any

_VARIABLE = re.compile(r"{([A-Z]+)}")
_WHOLE = re.compile(rf"'{_VARIABLE.pattern}'")  # as Python writes it
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Example:
    """One call. Variables stand in braces, `/v1/events/{EVENT}`, in a body as a whole text. `key` is what opens it."""

    method: str
    path: str
    body: Any = None
    key: str = "NOTIFIER_KEY"


@dataclass(frozen=True, slots=True)
class Sample:
    """A call as it is pasted, in one language."""

    lang: str
    label: str
    source: str


COMMENT = {
    "type": "comment.created",
    "data": {
        "actor": {"id": "ana", "name": "Ana"},
        "object": {"id": "c-91", "type": "comment", "content": "What a sky!"},
        "target": {
            "id": "post-7",
            "type": "post",
            "name": "Sunset",
            "url": "https://app.example/p/7",
            "owner": "bob",
        },
    },
}
_LIKE = {"actor": {"id": "ana"}, "object": {"id": "post-7", "type": "post", "owner": "bob"}}
_FOLLOW = {"actor": {"id": "ana"}, "object": {"id": "bob"}}
_DAILY = {"channel": "email", "cadence": "daily"}
_TIDY = {"name": "Tidy at four", "kind": "purge", "cron": "0 4 * * *", "timezone": "Europe/Berlin"}

# By the endpoint of the view, in the order in which one tries them.
EXAMPLES: Mapping[str, Example] = {
    "users.save": Example(
        "PUT", "/v1/users/bob", {"email": "bob@app.example", "name": "Bob", "timezone": "Europe/Berlin"}
    ),
    "users.save_many": Example(
        "PUT",
        "/v1/users/batch",
        {
            "users": [
                {"id": "cara", "email": "cara@app.example", "locale": "de"},
                {"id": "dan", "preferences": {"types": {"like": {"email": "off"}}}},
            ]
        },
    ),
    "users.show": Example("GET", "/v1/users/bob"),
    "preferences.choose": Example(
        "PUT",
        "/v1/users/bob/preferences",
        {"types": {"comment": {"email": "instant"}}, "quiet_hours": {"start": "22:00", "end": "07:00"}},
    ),
    "preferences.show": Example("GET", "/v1/users/bob/preferences"),
    "events.receive": Example("POST", "/v1/events", COMMENT),
    "media.add": Example("POST", "/v1/assets", {"url": "https://app.example/photos/7.jpg"}),
    "batches.receive_batch": Example(
        "POST",
        "/v1/events/batch",
        {
            "events": [
                {"id": "like-1", "type": "like", "data": _LIKE},
                {"type": "follow", "data": _FOLLOW},
                {"type": "unfollow", "data": _FOLLOW},
            ]
        },
    ),
    "explain.dry_run": Example("POST", "/v1/events/explain", COMMENT),
    "events.show": Example("GET", "/v1/events/{EVENT}"),
    "explain.explain": Example("GET", "/v1/events/{EVENT}/explain"),
    "deliveries.page": Example("GET", "/v1/deliveries?user=bob&channel=email&limit=10"),
    "deliveries.show": Example("GET", "/v1/deliveries/{DELIVERY}"),
    "deliveries.retry_many": Example("POST", "/v1/deliveries/retry", {"channel": "email", "user": "bob"}),
    "deliveries.books": Example("GET", "/v1/books"),
    "changes.page": Example("GET", "/v1/changes?limit=10"),
    "relations.mute": Example("PUT", "/v1/users/bob/mutes/object:post-8"),
    "relations.unmute": Example("DELETE", "/v1/users/bob/mutes/object:post-8"),
    "relations.block": Example("PUT", "/v1/users/bob/blocks/eve"),
    "relations.unblock": Example("DELETE", "/v1/users/bob/blocks/eve"),
    "devices.vapid_key": Example("GET", "/v1/push/vapid-key"),
    "devices.drop_device": Example("DELETE", "/v1/users/bob/push-subscriptions/{DEVICE}"),
    "tokens.make": Example("POST", "/v1/users/bob/token", {"ttl_seconds": 600}),
    "feed.page": Example("GET", "/v1/users/bob/feed?limit=5", key="TOKEN"),
    "feed.mark_seen": Example("POST", "/v1/users/bob/feed/seen", {"before": "2030-01-01T00:00:00Z"}, key="TOKEN"),
    "feed.mark_read": Example("POST", "/v1/users/bob/feed/read", {"before": "2030-01-01T00:00:00Z"}, key="TOKEN"),
    "digests.show": Example("GET", "/v1/users/bob/digest"),
    "digests.one": Example("GET", "/v1/digests/{DIGEST}"),
    "digests.move": Example("POST", "/v1/users/bob/digest/move", {"at": "{TOMORROW}"} | _DAILY),
    "digests.send": Example("POST", "/v1/users/bob/digest/send", _DAILY),
    "digests.skip": Example("POST", "/v1/users/bob/digest/skip", _DAILY),
    "schedules.page": Example("GET", "/v1/schedules?limit=10"),
    "schedules.add": Example("POST", "/v1/schedules", _TIDY),
    "schedules.change": Example("PUT", "/v1/schedules/{SCHEDULE}", {"cron": "30 4 * * 1"}),
    "schedules.pause": Example("POST", "/v1/schedules/{SCHEDULE}/pause"),
    "schedules.resume": Example("POST", "/v1/schedules/{SCHEDULE}/resume"),
    "schedules.run": Example("POST", "/v1/schedules/{SCHEDULE}/run"),
    "schedules.runs": Example("GET", "/v1/schedules/{SCHEDULE}/runs?limit=5"),
    "schedules.remove": Example("DELETE", "/v1/schedules/{SCHEDULE}"),
    "users.erase": Example("DELETE", "/v1/users/dan"),
}
SIGNED = "events.receive_signed"  # which needs more than a key

_SIGNED_CURL = r"""body='BODY'
id="msg_$(openssl rand -hex 12)"
now=$(date +%s)
secret=$(printf %s "${NOTIFIER_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
signature=$(printf %s "$id.$now.$body" |
  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$secret" -binary | openssl base64 -A)
curl -sS --fail-with-body -X POST "$NOTIFIER_URL/v1/hooks/$NOTIFIER_APP" \
  -H "Content-Type: application/json" \
  -H "webhook-id: $id" \
  -H "webhook-timestamp: $now" \
  -H "webhook-signature: v1,$signature" \
  -d "$body"
"""
_SIGNED_PYTHON = """import base64
import hashlib
import hmac
import json
import os
import time
import uuid
from urllib.request import Request, urlopen

body = json.dumps(
BODY
)
id, now = f"msg_{uuid.uuid4().hex}", int(time.time())
secret = base64.b64decode(os.environ["NOTIFIER_SECRET"].removeprefix("whsec_"))
digest = hmac.digest(secret, f"{id}.{now}.{body}".encode(), hashlib.sha256)
headers = {
    "Content-Type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": str(now),
    "webhook-signature": "v1," + base64.b64encode(digest).decode(),
}
url = f"{os.environ['NOTIFIER_URL']}/v1/hooks/{os.environ['NOTIFIER_APP']}"
with urlopen(Request(url, body.encode(), headers, method="POST")) as answer:
    print(answer.status, answer.read().decode())
"""


def samples(endpoint: str) -> list[Sample]:
    """How one calls it, in each language; nothing where there is no example."""
    if endpoint == SIGNED:
        said = {"curl": _SIGNED_CURL.replace("BODY", _json(COMMENT)), "python": _signed_python()}
    elif example := EXAMPLES.get(endpoint):
        said = {"curl": _curl(example), "python": _python(example)}
    else:
        return []
    return [Sample("Shell", "curl", said["curl"]), Sample("Python", "Python", said["python"])]


def _curl(example: Example) -> str:
    url = _VARIABLE.sub(r"$\1", example.path)
    lines = [
        f'curl -sS --fail-with-body -X {example.method} "$NOTIFIER_URL{url}"',
        f'-H "Authorization: Bearer ${example.key}"',
    ]
    if example.body is not None:
        # None of the examples has a quote of the shell in it.
        body = _VARIABLE.sub(r"""'"$\1"'""", _json(example.body))
        lines += ['-H "Content-Type: application/json"', f"-d '{body}'"]
    return " \\\n  ".join(lines) + "\n"


def _python(example: Example) -> str:
    url = _VARIABLE.sub(lambda found: "{os.environ['" + found[1] + "']}", example.path)
    headers = f'"Authorization": f"Bearer {{os.environ[\'{example.key}\']}}"'
    lines = ["import os", "from urllib.request import Request, urlopen", ""]
    sent = ""
    if example.body is not None:
        body = _WHOLE.sub(r'os.environ["\1"]', pformat(example.body, width=_WIDTH, sort_dicts=False))
        lines = ["import json", *lines, f"body = {body}"]
        headers, sent = f'{headers}, "Content-Type": "application/json"', ", json.dumps(body).encode()"
    lines += [
        f"url = f\"{{os.environ['NOTIFIER_URL']}}{url}\"",
        f"headers = {{{headers}}}",
        f'with urlopen(Request(url{sent}, headers=headers, method="{example.method}")) as answer:',
        "    print(answer.status, answer.read().decode())",
    ]
    return "\n".join(lines) + "\n"


def _signed_python() -> str:
    told = "\n".join(f"    {line}" for line in pformat(COMMENT, width=_WIDTH, sort_dicts=False).splitlines())
    return _SIGNED_PYTHON.replace("BODY", told)


def _json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False)
