"""Digests through the whole service: each comes once, at the hour on its person's own wall. The clock is moved."""

import email
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as hour
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from tests.stack import Stack, eventually

ZONES = {"mina": "Asia/Kathmandu", "york": "America/New_York"}
TOMORROW = datetime.now(UTC).date() + timedelta(days=1)
AWHILE = timedelta(minutes=5)  # more than a start and some requests take on a busy machine
MOMENT = timedelta(seconds=1)
PATIENCE = 60.0
FOUND = [os.environ.get("LIBFAKETIME", ""), *map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))]
LIBFAKETIME = next((path for path in FOUND if path and Path(path).is_file()), "")

# libfaketime 0.9.10 moves the end of a pause that Python names by the monotonic clock, and the kernel refuses it.
OTHER_SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select((), (), (), seconds)\n"


def eight(who: str, day: int = 0) -> datetime:
    """Tomorrow's eight o'clock on the person's wall, or that of a later day."""
    return datetime.combine(TOMORROW + timedelta(days=day), hour(8), ZoneInfo(ZONES[who])).astimezone(UTC)


def shift(moment: datetime) -> str:
    """The setting with which it is that moment now."""
    return str((moment - datetime.now(UTC)).total_seconds())


def settle_in(stack: Stack) -> None:
    """Two people who want a daily digest at eight, where they live."""
    for who, zone in ZONES.items():
        person = {"name": who.title(), "email": f"{who}@app.example", "timezone": zone}
        assert stack.call("PUT", f"/v1/users/{who}", person).status == 200
        wishes = {"types": {"like": {"email": "daily"}}, "digest": {"time": "08:00"}}
        assert stack.call("PUT", f"/v1/users/{who}/preferences", wishes).status == 200


def like(actor: str, of: str, post: str) -> dict[str, Any]:
    thing = {"id": post, "type": "post", "name": f"Picture {post}", "owner": of, "url": f"https://app.example/{post}"}
    return {"type": "like", "data": {"actor": {"id": actor, "name": actor.title()}, "object": thing}}


def waiting(stack: Stack, who: str) -> Any:
    """The person's daily digest by mail, as the API shows it; None where nothing waits."""
    found = stack.call("GET", f"/v1/users/{who}/digest").json["data"]
    return next((one for one in found if (one["channel"], one["cadence"]) == ("email", "daily")), None)


def mails_to(stack: Stack, who: str) -> list[EmailMessage]:
    sent = [mail for mail in list(stack.mail.mails) if mail.recipients == (f"{who}@app.example",)]
    return [email.message_from_bytes(mail.content, policy=default) for mail in sent]  # type: ignore[misc]  # of that policy


def holds(ask: Callable[[], bool], seconds: float = 3.0) -> bool:
    """Whether something stays true for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not ask():
            return False
        time.sleep(0.1)
    return True


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def is_digest_of_eight(mail: EmailMessage, who: str) -> None:
    """It says that it is one, how to end it with one click, and that it was sent at eight on the person's wall."""
    assert mail["List-ID"].startswith("Daily digest <")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith("<http")
    sent = parsedate_to_datetime(mail["Date"]).astimezone(ZoneInfo(ZONES[who]))
    assert (sent.hour, sent.minute < 5) == (8, True), sent


@pytest.mark.timeout(400)
def test_each_person_gets_one_digest_a_day_at_their_own_hour(stack: Stack):
    stack.restart(CLOCK_SHIFT=shift(eight("mina") - AWHILE))
    settle_in(stack)
    events = {who: [stack.post(like("ana", who, f"a-{who}")), signed(stack, who)] for who in ZONES}
    for who, zone in ZONES.items():
        digest = eventually(lambda who=who: (found := waiting(stack, who)) and found["count"] == 2 and found, PATIENCE)
        assert datetime.fromisoformat(digest["next_at"]) == eight(who)
        assert digest["local_at"] == eight(who).astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")
    assert holds(lambda: not stack.mail.mails)

    stack.restart(CLOCK_SHIFT=shift(eight("mina") + MOMENT))
    eventually(lambda: mails_to(stack, "mina"), PATIENCE)
    eventually(lambda: is_told(stack, "mina", events["mina"]), PATIENCE)
    [first] = mails_to(stack, "mina")
    is_digest_of_eight(first, "mina")
    assert all(name in text_of(first) for name in ("Ana", "Ben"))
    assert waiting(stack, "mina") is None
    later = stack.post(like("cleo", "mina", "c-mina"))
    eventually(lambda: waiting(stack, "mina"), PATIENCE)
    assert datetime.fromisoformat(waiting(stack, "mina")["next_at"]) == eight("mina", day=1)
    assert mails_to(stack, "york") == []

    stack.restart(CLOCK_SHIFT=shift(eight("york") + MOMENT))
    eventually(lambda: is_told(stack, "york", events["york"]), PATIENCE)
    [his] = mails_to(stack, "york")
    is_digest_of_eight(his, "york")
    assert len(mails_to(stack, "mina")) == 1

    stack.restart(CLOCK_SHIFT=shift(eight("mina", day=1) + MOMENT))
    eventually(lambda: is_told(stack, "mina", [*events["mina"], later]), PATIENCE)
    [_, second] = mails_to(stack, "mina")
    is_digest_of_eight(second, "mina")
    assert "Cleo" in text_of(second)
    assert not any(name in text_of(second) for name in ("Ana", "Ben"))
    assert holds(lambda: len(stack.mail.mails) == 3)
    stack.at_rest()
    one_click(stack, second)
    stack.post(like("dora", "mina", "d-mina"))
    eventually(lambda: [one["reason"] for one in emails(stack, "mina")][:1] == ["preference_off"], PATIENCE)


def signed(stack: Stack, who: str) -> str:
    """A signature is measured by the true clock, whatever the service's shows."""
    reply = stack.post_signed(like("ben", who, f"b-{who}"))
    assert reply.status == 202, reply.text
    return reply.json["id"]


def emails(stack: Stack, who: str) -> list[dict[str, Any]]:
    return stack.deliveries(user=who, channel="email")


def is_told(stack: Stack, who: str, events: list[str]) -> bool:
    """Whether the log shows these events, and no others, behind mails that were sent."""
    sent = [one for one in emails(stack, who) if one["state"] == "sent"]
    return sorted(event for one in sent for event in one["events"]) == sorted(events)


def one_click(stack: Stack, mail: EmailMessage) -> None:
    """What a mailbox does when its button is pressed."""
    path = urlsplit(mail["List-Unsubscribe"].strip("<>")).path
    reply = stack.call("POST", path, b"List-Unsubscribe=One-Click", Content_Type="application/x-www-form-urlencoded")
    assert reply.status == 200, reply.text


@pytest.mark.skipif(not LIBFAKETIME, reason="no libfaketime in /usr/lib/*/faketime, and LIBFAKETIME names none")
@pytest.mark.timeout(200)
def test_it_is_the_same_where_the_whole_machine_lives_in_tomorrow(stack: Stack, tmp_path: Path):
    stack.restart(CLOCK_SHIFT=shift(eight("mina") - AWHILE))
    settle_in(stack)
    event = stack.post(like("ana", "mina", "a-mina"))
    eventually(lambda: waiting(stack, "mina"), PATIENCE)
    (tmp_path / "sitecustomize.py").write_text(OTHER_SLEEP)
    fake = {"LD_PRELOAD": LIBFAKETIME, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    fake["PYTHONPATH"] = str(tmp_path)
    stack.restart(CLOCK_SHIFT="0", FAKETIME=f"+{float(shift(eight('mina') + MOMENT)):.0f}s", **fake)
    eventually(lambda: is_told(stack, "mina", [event]), PATIENCE)
    [mail] = mails_to(stack, "mina")
    is_digest_of_eight(mail, "mina")
