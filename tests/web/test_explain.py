"""Explaining over the API: its shape, its pages, a dry run that stores nothing, and queries that lie."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifier.policy.announcements import Announcement
from notifier.policy.catalogue import CHANNELS
from tests.web.api import Api, like, pointers, problem_of

LINE = {"user", "channel", "address", "state", "reason", "sentence", "rule", "value", "due_at", "delivery"}
UNKNOWN = "evt_0193a7b2c3d47e5f8a9b0c1d2e3f4a5b"


@pytest.fixture
def bob(api: Api) -> str:
    """A new person with a mailbox."""
    user = f"bob{datetime.now(UTC).timestamp()}"
    api.call("PUT", f"/v1/users/{user}", {"email": f"{user}@app.example", "timezone": "Europe/Lisbon"})
    return user


def planned(api: Api, body: Any) -> str:
    event: str = api.post(body).get_json()["id"]
    list(api.parts.steps.planner.plan([event]))
    return event


def explained(api: Api, event: str, query: str = "") -> Any:
    response = api.call("GET", f"/v1/events/{event}/explain?{query}")
    assert response.status_code == 200, response.text
    return response.get_json()


def test_it_has_the_promised_shape(api: Api, bob: str):
    event = planned(api, like(of=bob))
    body = explained(api, event)
    assert set(body) == {"event", "lines", "next_cursor"}
    assert (body["event"]["id"], body["event"]["state"], body["event"]["undone_by"]) == (event, "planned", None)
    assert [line["channel"] for line in body["lines"]] == ["email", "feed", "push"]
    email = body["lines"][0]
    assert set(email) == LINE
    assert email | {"delivery": "", "due_at": "", "address": ""} == {
        "user": bob, "channel": "email", "address": "", "state": "waiting", "reason": "digest",
        "sentence": "Waiting for the person's digest hour.", "rule": "digest", "value": "daily 08:00 Europe/Lisbon",
        "due_at": "", "delivery": "",
    }  # fmt: skip
    assert email["delivery"].startswith("dlv_")
    assert email["due_at"].endswith("Z")
    assert "•" in email["address"]
    assert bob not in email["address"]
    assert all(line["sentence"] for line in body["lines"])


def test_the_sentences_are_in_the_language_that_is_asked_for_where_we_speak_it(api: Api, bob: str):
    event = planned(api, like(of=bob))

    def told(asked: str) -> tuple[str, str]:
        response = api.call("GET", f"/v1/events/{event}/explain", accept_language=asked)
        return response.headers["Content-Language"], response.get_json()["lines"][0]["sentence"]

    assert told("tlh") == ("en", "Waiting for the person's digest hour.")
    assert told("tlh, de-AT;q=0.5") == ("de", "Wartet auf die Stunde der Zusammenfassung der Person.")


def test_the_event_links_to_its_explanation(api: Api, bob: str):
    event = planned(api, like(of=bob))
    assert api.call("GET", f"/v1/events/{event}").get_json()["links"]["explain"] == f"/v1/events/{event}/explain"


def test_pages_follow_each_other_without_a_gap(api: Api):
    event = planned(api, {"type": "mention", "data": like()["data"] | {"to": [f"ö {n}" for n in range(7)]}})
    path, seen = f"/v1/events/{event}/explain?limit=3", []
    while path:
        response = api.call("GET", path)
        body = response.get_json()
        seen += [line["user"] for line in body["lines"] if line["channel"] == "feed"]
        assert ("Link" in response.headers) == (body["next_cursor"] is not None)
        path = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert seen == [f"ö {n}" for n in range(7)]


def test_one_person_alone_is_explained_recipient_or_not(api: Api, bob: str):
    event = planned(api, like(of=bob))
    assert {line["user"] for line in explained(api, event, f"user={bob}")["lines"]} == {bob}
    [zoe] = explained(api, event, "user=zoe")["lines"]
    assert zoe == dict.fromkeys(LINE) | {
        "user": "zoe", "rule": "recipients", "value": f"object.owner: {bob}",
        "sentence": f"A like is told to object.owner, who is {bob}.",
    }  # fmt: skip


def test_an_event_that_nobody_knows_is_not_found(api: Api):
    problem_of(api.call("GET", f"/v1/events/{UNKNOWN}/explain"), 404, "not-found")


def test_a_dry_run_tells_what_would_happen_and_stores_nothing(api: Api, bob: str):
    before = api.counts()
    response = api.call("POST", "/v1/events/explain", {"type": "comment", "data": like(of=bob)["data"] | {"to": [bob]}})
    body = response.get_json()
    assert (body["event"]["id"], body["event"]["state"], body["recipients_at_least"]) == (None, "dry_run", 1)
    assert {line["channel"]: (line["state"], line["reason"]) for line in body["lines"]} == {
        "email": ("queued", None), "push": ("skipped", "no_address"), "feed": ("sent", None),
    }  # fmt: skip
    assert {line["delivery"] for line in body["lines"]} == {None}
    assert api.counts() == before


def test_a_dry_run_of_one_person_says_why_they_are_no_recipient(api: Api, bob: str):
    body = api.call("POST", "/v1/events/explain?user=zoe", like(of=bob)).get_json()
    assert [line["rule"] for line in body["lines"]] == ["recipients"]


def test_a_dry_run_goes_through_followers_page_by_page(api: Api):
    star = f"star{datetime.now(UTC).timestamp()}"
    for number in range(5):
        planned(api, {"type": "follow", "data": {"actor": {"id": f"fan{number}"}, "object": {"id": star}}})
    post = {"type": "post", "data": {"actor": {"id": star}, "object": {"id": "p-1"}}}
    first = api.call("POST", "/v1/events/explain?limit=2", post).get_json()
    assert first["recipients_at_least"] == 5
    second = api.call("POST", f"/v1/events/explain?limit=3&cursor={first['next_cursor']}", post).get_json()
    seen = [line["user"] for line in first["lines"] + second["lines"] if line["channel"] == "feed"]
    assert (seen, second["next_cursor"]) == ([f"fan{number}" for number in range(5)], None)


def test_a_dry_run_is_checked_like_an_event(api: Api):
    assert pointers(api.call("POST", "/v1/events/explain", {"type": "wink", "data": like()["data"]})) == {
        "/type": "unknown_type"
    }
    assert "/data/actor" in pointers(
        api.call("POST", "/v1/events/explain", {"type": "like", "data": {"object": {"id": "x"}}})
    )
    problem_of(api.call("POST", "/v1/events/explain", b"{"), 400, "malformed")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("user=a%0ab", "/user"),
        ("user=" + "x" * 256, "/user"),
        ("cursor=x", "/cursor"),
        ("cursor=%00", "/cursor"),
        ("cursor=bmFtZWQgLTE", "/cursor"),  # "named -1"
        ("cursor=bmFtZWQg", "/cursor"),  # "named "
        ("cursor=dG9sZCA", "/cursor"),  # "told "
        ("cursor=dG9sZCAA", "/cursor"),  # "told \0"
        ("cursor=" + "A" * 4_000, "/cursor"),
        ("colour=blue", "/colour"),
    ],
)
def test_a_query_that_lies_is_refused_with_its_name(api: Api, query: str, pointer: str):
    assert list(pointers(api.call("GET", f"/v1/events/{UNKNOWN}/explain?{query}"))) == [pointer]
    assert list(pointers(api.call("POST", f"/v1/events/explain?{query}", like()))) == [pointer]


def test_both_are_for_keys_of_the_scope_log(api: Api):
    key = api.make_app("events").key
    problem_of(api.call("GET", f"/v1/events/{UNKNOWN}/explain", key=key), 403, "forbidden")
    problem_of(api.call("POST", "/v1/events/explain", like(), key=key), 403, "forbidden")


def test_a_person_without_anything_has_a_line_on_every_channel(api: Api):
    event = planned(api, like(of="nobody knows"))
    assert sorted(line["channel"] for line in explained(api, event)["lines"]) == sorted(CHANNELS)


def test_an_announcement_that_is_still_to_come_says_when(api: Api, bob: str):
    in_a_week = (datetime.now(UTC) + timedelta(days=7)).replace(tzinfo=None, microsecond=0)
    news = Announcement("News", everyone=True)
    event = api.parts.announcer.announce(news, f"news for {bob}", in_a_week)
    list(api.parts.steps.planner.plan([event]))
    shown = api.call("GET", f"/v1/events/{event}").get_json()
    assert (shown["state"], shown["deliveries"]) == ("accepted", {})
    body = explained(api, event, f"user={bob}")
    assert body["event"]["state"] == "accepted"
    due_at = in_a_week.replace(tzinfo=ZoneInfo("Europe/Lisbon")).astimezone(UTC)
    for line in body["lines"]:
        assert (line["state"], line["reason"]) == ("waiting", "unplanned")
        assert line["due_at"] == f"{due_at:%FT%T}.000Z"
        assert line["sentence"] == f"It comes when the clock in Europe/Lisbon shows {in_a_week:%F %H:%M}."
    assert explained(api, event, "limit=1")["next_cursor"]


def test_an_app_that_says_everyone_in_its_data_tells_those_whom_it_names(api: Api, bob: str):
    data = like()["data"] | {"to": [bob], "everyone": True, "wall_at": "2026-12-24T18:00:00"}
    event = planned(api, {"type": "announcement", "data": data})
    body = explained(api, event)
    assert body["event"]["state"] == "planned"
    assert {line["user"] for line in body["lines"]} == {bob}
    assert pointers(api.post({"type": "announcement", "data": like()["data"] | {"everyone": True}})) == {
        "/data/to": "missing"
    }
