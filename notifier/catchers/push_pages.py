"""The pages of the push catcher, and the endpoint that pushes are sent to."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from notifier.catchers.faults import PushFault
from notifier.catchers.given import PAGE, given, rows_asked, switch_asked
from notifier.catchers.mailbox import readable
from notifier.catchers.push import CaughtPush, PushRequest, Reply
from notifier.policy.events import one_line

LONGEST_USER = 255  # characters of a user's id
LARGEST_POST = 64 * 1024  # octets that are read to say how much too large a body is
FAULTS = {
    PushFault.THROTTLED: "429 too many requests",
    PushFault.GONE: "410 gone (ends the subscription)",
    PushFault.NOT_FOUND: "404 not found (ends the subscription)",
    PushFault.TOO_LARGE: "413 payload too large",
    PushFault.FORBIDDEN: "403 forbidden",
    PushFault.BROKEN: "500 internal error",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A notification as a phone would show it. Texts are the sender's, made fit to print."""

    title: str
    body: str
    url: str
    tag: str
    lang: str
    dir: str
    image: str


def push_list() -> str:
    """Every push caught, as it would look on a phone; `?user=` finds one user's, `?live=1` looks again."""
    return _push_list()


def push_list_json() -> Response:
    """The list for scripts: `?user=`, `?limit=`, `?before=`. A push that was taken has `status` 201."""
    limit = rows_asked()
    pushes = given().push.recent(limit, request.args.get("before", ""), user=request.args.get("user", "").strip())
    older = pushes[-1].id if len(pushes) == limit else None
    return jsonify({"data": [_line(push) for push in pushes], "next_cursor": older})


def push_page(id: str) -> str:
    """One push: drawn, decrypted, with its headers, claims and what was found wrong."""
    push = given().push.open(id)
    payload = push.plaintext if push.payload is None else _printed(push.payload)
    return render_template("dev/push.html", push=push, drawn=drawn(push), payload=payload, claims=_printed(push.claims))


def make_subscription() -> ResponseReturnValue:
    """Make a subscription for the posted user and hand it over, as the user's browser would."""
    user = one_line(request.form.get("user"))
    if not 0 < len(user) <= LONGEST_USER:
        return _push_list(problem=f"A user ID has 1 to {LONGEST_USER} characters."), 422
    subscription = given().push.subscribe(user)
    try:
        given().subscribe_user(user, subscription)
    except ValueError as error:
        given().push.end(subscription["endpoint"].rpartition("/")[2])
        return _push_list(problem=f"The subscription was not taken: {error}"), 422
    return redirect(url_for("dev.push_list"), 303)


def end_subscription(id: str) -> ResponseReturnValue:
    """End a subscription, as the user's browser would without telling the sender."""
    given().push.end(id)
    return redirect(url_for("dev.push_list"), 303)


def receive_push(id: str) -> Response:
    """The push endpoint itself: what a sender posts to. Signed by VAPID, so exempt it from CSRF tokens."""
    request.max_content_length = LARGEST_POST
    body = request.get_data()
    switch = given().faults.switches().push
    time.sleep(switch.delay)
    fault = given().faults.take_push()
    reply = given().push.receive(id, PushRequest(request.headers, body, datetime.now(UTC)), fault)
    return _answer(reply, retry_after=switch.retry_after if fault is PushFault.THROTTLED else 0)


def set_push_faults() -> ResponseReturnValue:
    """Put the push catcher's switch in the posted position."""
    given().faults.set_push(switch_asked(FAULTS))
    return redirect(url_for("dev.push_list"), 303)


def clear_pushes() -> ResponseReturnValue:
    """Throw all pushes away; the subscriptions stay."""
    given().push.clear()
    return redirect(url_for("dev.push_list"), 303)


def drawn(push: CaughtPush) -> Drawn:
    """The notification in the payload: in the declarative shape, or with title and body at the top."""
    payload = push.payload if isinstance(push.payload, dict) else {}
    inner = payload.get("notification")
    shown = inner if isinstance(inner, dict) else payload
    return Drawn(
        title=_words(shown.get("title")),
        body=_words(shown.get("body")),
        url=_words(shown.get("navigate") or shown.get("url")),
        tag=_words(shown.get("tag")),
        lang=_words(shown.get("lang")),
        dir=_words(shown.get("dir")),
        image=_words(shown.get("image")),
    )


def _push_list(problem: str = "") -> str:
    push, user = given().push, request.args.get("user", "").strip()
    pushes = push.recent(PAGE, request.args.get("before", ""), user=user)
    return render_template(
        "dev/pushes.html",
        pushes=[(caught, drawn(caught)) for caught in pushes],
        subscriptions=push.subscriptions(PAGE),
        user=user,
        count=push.count(),
        older=pushes[-1].id if len(pushes) == PAGE else "",
        problem=problem,
        switch=given().faults.switches().push,
        faults=FAULTS,
    )


def _answer(reply: Reply, *, retry_after: int) -> Response:
    answer = Response(reply.text, reply.status, content_type="text/plain; charset=utf-8")
    if reply.location:
        answer.headers["Location"] = reply.location
        answer.headers["TTL"] = request.headers["TTL"]
    if retry_after:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def _printed(value: Any) -> str:
    return readable(json.dumps(value, indent=2, ensure_ascii=False))


def _words(value: Any) -> str:
    return readable(one_line(value)) if isinstance(value, str) else ""


def _line(push: CaughtPush) -> dict[str, Any]:
    return {
        "id": push.id,
        "received_at": push.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "user": push.user,
        "subscription": push.subscription,
        "status": push.status,
        "size": push.size,
        "headers": push.headers,
        "claims": push.claims,
        "payload": push.payload,
        "plaintext": push.plaintext,
        "problems": push.problems,
        "advice": push.advice,
        "links": {"page": url_for("dev.push_page", id=push.id)},
    }
