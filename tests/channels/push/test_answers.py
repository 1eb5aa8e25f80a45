"""What each answer of a push service comes to, over the wire and by itself."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels.push.answers import classify, retry_after
from notifier.policy.outcomes import Deferred, Delivered, Gone, Outcome, Refused
from tests.channels.push.conftest import NOW, outcome_of, push, send
from tests.push_server import PushServer, Says, Sends

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def said(
    status: int, headers: dict[str, str] | None = None, body: bytes = b"", *, current: bool = True, short: bool = False
) -> Outcome:
    return classify(status, headers or {}, body, now=NOW, key_is_current=current, short=short)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
def test_every_yes_is_delivered(server, channel, status):
    assert outcome_of(channel, server.subscribe(Says(status))) == Delivered(str(status))


def test_the_receipt_of_a_yes_is_kept(server, channel):
    headers = {"Location": "https://push.example/m/1", "TTL": "60"}
    outcome = outcome_of(channel, server.subscribe(Says(201, headers)))
    assert outcome == Delivered("201", "location=https://push.example/m/1 ttl=60")


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_gone(server, channel, status):
    assert outcome_of(channel, server.subscribe(Says(status, body=b"no such"))) == Gone(str(status), "no such")
    assert outcome_of(channel, server.subscribe(Says(status)), key="") == Gone(str(status))


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_was_made_with_an_earlier_key_needs_renewal(server, channel, status):
    outcome = outcome_of(channel, server.subscribe(Says(status)), key="earlier")
    assert isinstance(outcome, Refused)
    assert "needs renewal" in outcome.text


def test_a_push_too_large_for_the_service_is_sent_once_more_with_less(server, channel):
    subscription = server.subscribe(Says(413))
    first = outcome_of(channel, subscription)
    assert first == Deferred("413")
    assert outcome_of(channel, subscription, last_code=first.code) == Refused("413")
    full, short = (set(each.json["notification"]) for each in server.pushes)
    assert short <= {"title", "navigate", "lang", "dir", "tag", "timestamp", "data"}
    assert {"body", "image", "icon"} <= full


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"Retry-After": "120"}, {"after": timedelta(minutes=2)}),
        ({"Retry-After": "86400"}, {"after": HOUR}),
        ({"Retry-After": "soon"}, {"patience": MINUTE}),
        ({}, {"patience": MINUTE}),
    ],
)
def test_a_throttled_push_waits_as_long_as_asked(server, channel, headers, waits):
    outcome = outcome_of(channel, server.subscribe(Says(429, headers)))
    assert outcome == Deferred("429", **waits, charged=False)


def test_a_retry_after_may_be_a_date(server, channel):
    at = datetime.now(UTC) + timedelta(minutes=10)
    outcome = outcome_of(channel, server.subscribe(Says(429, {"Retry-After": format_datetime(at, usegmt=True)})))
    assert timedelta(minutes=9) < outcome.after <= timedelta(minutes=10)


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"Retry-After": "900"}, {"after": 15 * MINUTE}),
        ({"X-WNS-Status": "channelthrottled"}, {"patience": 15 * MINUTE}),
    ],
)
def test_windows_throttles_with_another_status(server, channel, headers, waits):
    outcome = outcome_of(channel, server.subscribe(Says(406, headers)))
    assert outcome == Deferred("406", **waits, charged=False)
    assert outcome_of(channel, server.subscribe(Says(406))) == Refused("406")


@pytest.mark.parametrize(
    "answer", [Says(401), Says(403), Says(400, body=b'{"reason":"VapidPkHashMismatch"}')], ids=lambda says: says.status
)
def test_a_fault_of_our_key_alarms_and_deletes_nothing(server, channel, caplog, answer):
    outcome = outcome_of(channel, server.subscribe(answer))
    assert isinstance(outcome, Deferred)
    assert (outcome.patience, outcome.charged) == (5 * MINUTE, False)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert server.origin in caplog.text


def test_one_refusal_of_our_key_holds_nobody_else_and_the_third_in_a_row_holds_the_origin(server, channel):
    refusing = Says(403)
    first = outcome_of(channel, server.subscribe(refusing))
    assert outcome_of(channel, server.subscribe()) == Delivered("201")
    later = [outcome_of(channel, server.subscribe(refusing)) for _ in range(3)]
    assert [outcome.pauses for outcome in (first, *later)] == [False, False, False, True]


def test_the_rest_of_a_batch_is_held_when_its_origin_pauses(made, caplog):
    channel = made(per_origin=1)
    with PushServer(default=Says(403)) as refusing, PushServer() as other:
        batch = [push(channel, refusing.subscribe(), delivery_id=f"dlv_{index}") for index in range(10)]
        outcomes = send(channel, *batch, push(channel, other.subscribe(), delivery_id="other"))
    assert outcomes.pop() == Delivered("201")
    assert len(refusing.pushes) == 3
    assert all(type(outcome) is Deferred and not outcome.charged for outcome in outcomes)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("status", [400, 402, 405, 409, 411, 422])
def test_other_refusals_are_of_the_message(server, channel, status):
    assert outcome_of(channel, server.subscribe(Says(status, body=b"bad"))) == Refused(str(status), "bad")


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 507])
def test_faults_of_the_service_pass(server, channel, status):
    assert outcome_of(channel, server.subscribe(Says(status))) == Deferred(str(status))


def test_a_service_that_is_away_for_a_time_is_left_alone_as_long(server, channel):
    outcome = outcome_of(channel, server.subscribe(Says(503, {"Retry-After": "30"})))
    assert outcome == Deferred("503", after=timedelta(seconds=30))


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(server, channel, status):
    target = server.subscribe()
    outcome = outcome_of(channel, server.subscribe(Says(status, {"Location": str(target["endpoint"])})))
    assert outcome == Refused(str(status), "redirects are never followed")
    assert (len(server.pushes), server.connections) == (1, 1)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 201\r\n\r\n",
        b"HTTP/1.1 999 No\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 201 Created\r\n: no name\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"HTTP/1.1 201 Created\r\nX: " + b"x" * 100_000,
        bytes(range(256)) * 500,
    ],
    ids=lambda octets: octets[:20],
)
def test_garbage_is_a_passing_fault(server, channel, octets):
    outcome = outcome_of(channel, server.subscribe(Sends(octets)))
    assert isinstance(outcome, Deferred)
    assert outcome.code in ("protocol", "network")
    assert outcome_of(channel, server.subscribe()) == Delivered("201")


def test_a_huge_answer_is_read_only_in_part(server, channel):
    body = "❤ x\r\n".encode() * 10_000_000
    outcome = outcome_of(channel, server.subscribe(Says(400, body=body)))
    assert isinstance(outcome, Refused)
    assert len(outcome.text) <= 500
    assert outcome.text.startswith("❤ x ❤ x")
    assert "\n" not in outcome.text


@given(st.integers(200, 599), st.dictionaries(st.text(max_size=20), st.text(max_size=40)), st.binary(max_size=900))
def test_no_answer_is_beyond_words(status, headers, body):
    outcome = said(status, headers, body)
    assert outcome.code == str(status)
    assert len(outcome.text) <= 500
    assert all(char >= " " for char in outcome.text)


@given(
    st.text(max_size=60)
    | st.from_regex(r"[0-9]{1,5000}", fullmatch=True)
    | st.from_regex(
        r"(Mon, )?[0-9]{1,2} (Jan|Dec|Xxx) [0-9]{1,6} [0-9]{1,3}:[0-9]{2}:[0-9]{2} (GMT|[+-][0-9]{4}|-0000)",
        fullmatch=True,
    )
)
def test_a_retry_after_is_never_negative_nor_longer_than_an_hour(value):
    assert timedelta(0) <= retry_after({"retry-after": value}, NOW) <= HOUR


def test_a_date_in_the_past_asks_nothing():
    assert retry_after({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, NOW) == timedelta(0)
