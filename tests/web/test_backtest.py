"""Trying a changed rule over the API: what it answers, and what it refuses."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from notifier.app.parts import now
from notifier.pipeline.backtest import Backtest
from notifier.pipeline.deciding import PlanSettings
from notifier.policy.announcements import Announcement
from notifier.policy.calendar import rfc3339
from notifier.policy.changing import Change
from notifier.store.apps import BUILT_IN
from tests.web.api import Api, like, pointers, problem_of

SETTINGS = PlanSettings(("feed",), ("push",), 1)


@pytest.fixture
def app(api: Api) -> str:
    """An app whose own events alone are looked at: five likes and a comment for a new person, all planned."""
    sender = api.make_app("events")
    user = f"u{datetime.now().timestamp()}"  # noqa: DTZ005 (any number that no other test has)
    api.call("PUT", f"/v1/users/{user}", {"email": f"{user}@app.example"})
    likes = [like(f"fan{number}", of=user) for number in range(5)]
    comment = {"type": "comment", "data": like(of=user)["data"] | {"target": {"id": "p-1", "owner": user}}}
    for body in (*likes, comment):
        made = api.post(body, key=sender.key).get_json()
        list(api.parts.steps.planner.plan([made["id"]]))
    return sender.app


def tried(api: Api, **body: Any) -> Any:
    response = api.call("POST", "/v1/policy/backtest", body)
    assert response.status_code == 200, response.text
    return response.get_json()


def test_it_answers_what_would_have_been_sent_and_what_missed(api: Api, app: str):
    before = api.counts()
    found = tried(api, days=1, app=app, types={"comment": {"email": "off"}, "like": {"email": "instant"}})
    assert (found["events"], found["recipients"], found["truncated"]) == (6, 6, False)
    assert found["channels"]["email"] == {
        "before": 2, "after": 1, "difference": -1, "percent": -50.0, "digests": {"before": 1, "after": 0}, "later": {},
    }  # fmt: skip
    [missed] = found["missed"]
    assert (missed["type"], missed["channel"], missed["instead"]["reason"]) == (
        "comment.created",
        "email",
        "preference_off",
    )
    assert found["missed_count"] == 1
    assert any("preferences" in sentence for sentence in found["assumes"])
    assert api.counts() == before


def test_a_pause_of_today_says_nothing_about_the_past(api: Api, app: str):
    without = tried(api, days=1, app=app)
    [user] = {one["user"] for one in api.call("GET", f"/v1/deliveries?app={app}").json["data"]}
    until = rfc3339(now() + timedelta(days=7))
    assert api.call("PUT", f"/v1/users/{user}/preferences", {"paused_until": until}).status_code == 200
    assert tried(api, days=1, app=app)["channels"] == without["channels"]


def test_without_a_change_nothing_differs(api: Api, app: str):
    found = tried(api, app=app)
    assert found["days"] == 7
    assert {channel["difference"] for channel in found["channels"].values()} == {0}
    assert found["missed"] == []


def test_another_apps_events_are_left_out(api: Api, app: str):
    assert tried(api, app=api.make_app("events").app)["events"] == 0
    assert tried(api)["events"] >= 6


def test_followers_are_those_of_today(api: Api):
    star, sender = f"star{datetime.now().timestamp()}", api.make_app("events")  # noqa: DTZ005 (any number)
    api.post({"type": "post", "data": {"actor": {"id": star}, "object": {"id": "p-1"}}}, key=sender.key)
    for number in range(3):
        follow = {"type": "follow", "data": {"actor": {"id": f"fan{number}"}, "object": {"id": star}}}
        list(api.parts.steps.planner.plan([api.post(follow).get_json()["id"]]))
    found = tried(api, app=sender.app)
    assert (found["events"], found["recipients"], found["channels"]["feed"]["before"]) == (1, 3, 3)


def test_more_than_it_can_look_at_is_cut_off_and_said(api: Api, app: str):
    small = Backtest(api.parts.database, api.parts.catalogue, SETTINGS, now, most=3)
    report = small.run(Change(), 1, app)
    assert report.truncated
    assert report.result.pairs == 3
    assert report.begin > now() - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"types": {"like": {"push": "sometimes"}}}, {"/types/like/push"}),
        ({"types": {"like": {"sms": "off"}}}, {"/types/like/sms"}),
        ({"types": {"wink": {"push": "off"}}}, {"/types/wink"}),
        ({"types": {"like": {"gather": "long"}}, "caps": {"sms": 3}}, {"/types/like/gather", "/caps/sms"}),
        ({"caps": {"push": -1}}, {"/caps/push"}),
        ({"caps": {"push": None}}, {"/caps/push"}),
        ({"types": {"a/b~": {}}}, {"/types/a~1b~0"}),
        ({"days": 0}, {"/days"}),
        ({"days": 91}, {"/days"}),
        ({"days": "7"}, {"/days"}),
        ({"app": "app_x"}, {"/app"}),
        ({"colour": "blue"}, {"/colour"}),
    ],
)
def test_a_body_that_says_something_else_is_refused_with_where(api: Api, body: Any, found: set[str]):
    assert set(pointers(api.call("POST", "/v1/policy/backtest", body))) == found


def test_it_is_for_keys_of_the_scope_log(api: Api):
    problem_of(api.call("POST", "/v1/policy/backtest", {}, key=api.make_app("events").key), 403, "forbidden")


def test_what_was_announced_to_everyone_counts_for_those_of_today(api: Api):
    user = f"u{datetime.now().timestamp()}"  # noqa: DTZ005 (any number that no other test has)
    api.call("PUT", f"/v1/users/{user}", {"email": f"{user}@app.example"})
    event = api.parts.announcer.announce(Announcement("News", everyone=True), f"news {user}")
    list(api.parts.steps.planner.plan([event]))
    found = tried(api, days=1, app=BUILT_IN, types={"announcement": {"email": "off"}})
    assert found["recipients"] >= 1
    assert found["channels"]["email"]["before"] >= 1
    assert found["channels"]["email"]["after"] == 0
