"""Schedules over the API: made, changed, paused and run by whoever's key may, and refused with a pointer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from notifier.app.acts import BUILT_IN, built_in
from notifier.app.parts import now
from notifier.pipeline.runs import Runner
from notifier.pipeline.scheduling import LEASE
from notifier.store.leases import Leases
from notifier.store.types import new_id
from tests.web.api import Api, pointers, problem_of


@pytest.fixture(autouse=True)
def kept(api: Api) -> None:
    """Only the built-in schedules, as a scheduler makes them at its start."""
    with api.parts.database.write() as connection:
        connection.execute(text("DELETE FROM schedules"))
        connection.execute(text("DELETE FROM leases"))
    scheduler(api).keep(built_in(api.parts.kinds, now()))


def scheduler(api: Api) -> Runner:
    return Runner(api.parts.database, api.parts.kinds, "one", now)


def added(api: Api, **fields: Any) -> dict[str, Any]:
    body = {"name": "early", "kind": "digests", "cron": "0 6 * * *", "timezone": "Europe/Berlin"} | fields
    answer = api.call("POST", "/v1/schedules", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    assert answer.headers["Location"] == f"/v1/schedules/{made['id']}"
    return made


def find(api: Api, name: str) -> dict[str, Any]:
    [found] = [one for one in api.call("GET", "/v1/schedules").get_json()["data"] if one["name"] == name]
    return dict(found)


def test_a_schedule_is_made_shown_and_listed(api: Api):
    made = added(api)
    assert made == api.call("GET", f"/v1/schedules/{made['id']}").get_json() == find(api, "early")
    said = {"cron": "0 6 * * *", "interval_seconds": None, "at": None, "timezone": "Europe/Berlin", "local": False}
    assert {name: made[name] for name in said} == said
    assert made["when"] == "at 06:00, every day (Europe/Berlin)"
    assert (made["enabled"], made["built_in"], made["running"], made["last_run"]) == (True, False, False, None)
    assert (made["created_by"], made["arguments"]) == (api.app.app, {})
    next_run_at = datetime.fromisoformat(made["next_run_at"])
    assert now() < next_run_at <= now() + timedelta(days=1)


def test_the_list_goes_on_page_by_page(api: Api):
    for number in range(4):
        added(api, name=f"early-{number}")
    names, path = [], "/v1/schedules?limit=2"
    while path:
        answer = api.call("GET", path)
        names += [one["name"] for one in answer.get_json()["data"]]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].lstrip("<")
        assert bool(link) == bool(answer.get_json()["next_cursor"])
    assert names == [*BUILT_IN, *(f"early-{number}" for number in range(4))]
    assert pointers(api.call("GET", "/v1/schedules?cursor=bm9uZQ")) == {"/cursor": "invalid"}
    assert pointers(api.call("GET", f"/v1/schedules/{find(api, 'digests')['id']}/runs?limit=0")).keys() == {"/limit"}


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"cron": "0 6 * * * *"}, {"/cron"}),
        ({"cron": "0 99 * * *"}, {"/cron"}),
        ({"cron": None}, {"/cron"}),
        ({"cron": None, "interval_seconds": 59}, {"/interval_seconds"}),
        ({"interval_seconds": 600}, {"/interval_seconds"}),
        ({"timezone": "Berlin"}, {"/timezone"}),
        ({"cron": None, "at": "soon"}, {"/at"}),
        ({"cron": None, "at": "2020-01-01T00:00:00Z", "timezone": None}, {"/at"}),
        ({"kind": "sweep"}, {"/kind"}),
        ({"kind": "party"}, {"/kind"}),
        ({"arguments": {"loud": True}}, {"/arguments/loud"}),
        ({"arguments": []}, {"/arguments"}),
        ({"local": True, "timezone": None}, {"/local"}),
        ({"name": ""}, {"/name"}),
        ({"name": "a\nb"}, {"/name"}),
        ({"name": "x" * 65}, {"/name"}),
        ({"name": "purge"}, {"/name"}),
        ({"name": "\0", "kind": "party", "cron": "x"}, {"/name", "/kind", "/cron"}),
        ({"color": "red"}, {"/color"}),
        ({"enabled": "yes"}, {"/enabled"}),
    ],
)
def test_what_is_wrong_is_pointed_to(api: Api, body: dict[str, Any], wrong: set[str]):
    whole = {"name": "early", "kind": "digests", "cron": "0 6 * * *", "timezone": "Europe/Berlin"} | body
    answer = api.call("POST", "/v1/schedules", whole)
    assert pointers(answer).keys() == wrong
    assert len(api.call("GET", "/v1/schedules").get_json()["data"]) == len(BUILT_IN)


def test_the_wrong_field_of_a_cron_line_is_named_with_what_would_be_right(api: Api):
    body = {"name": "early", "kind": "digests", "cron": "0 25 * * *"}
    [fault] = problem_of(api.call("POST", "/v1/schedules", body), 422, "invalid")["errors"]
    assert fault["detail"].startswith("The second field (hour) is '25'; it must be 0 to 23, such as 9")


def test_arguments_that_nothing_can_hold_are_refused(api: Api):
    for raw in (b"1e400", b'"\\ud800"', b"[" * 5_000 + b"]" * 5_000):
        body = b'{"name": "x", "kind": "digests", "cron": "0 6 * * *", "arguments": {"x": ' + raw + b"}}"
        assert api.call("POST", "/v1/schedules", body).status_code in (400, 422)


def test_a_change_leaves_what_it_does_not_name(api: Api):
    made = added(api)
    path = f"/v1/schedules/{made['id']}"
    renamed = api.call("PUT", path, {"name": "late"}).get_json()
    assert renamed | {"name": "early", "changed_at": made["changed_at"]} == made
    hourly = api.call("PUT", path, {"interval_seconds": 3600}).get_json()
    assert (hourly["cron"], hourly["interval_seconds"], hourly["timezone"]) == (None, 3600, "Europe/Berlin")
    once = api.call("PUT", path, {"at": "2096-12-24T17:00:00Z"}).get_json()
    assert (once["at"], once["timezone"], once["next_run_at"]) == (
        "2096-12-24T17:00:00",
        "UTC",
        "2096-12-24T17:00:00.000Z",
    )
    moved = api.call("PUT", path, {"timezone": "Europe/Berlin", "enabled": False}).get_json()
    assert (moved["at"], moved["next_run_at"], moved["enabled"]) == ("2096-12-24T17:00:00", None, False)
    fields = ("name", "arguments", "cron", "interval_seconds", "at", "timezone", "local", "enabled")
    same = api.call("PUT", path, {name: moved[name] for name in fields}).get_json()
    assert same | {"changed_at": moved["changed_at"]} == moved
    assert pointers(api.call("PUT", path, {"cron": "x"})).keys() == {"/cron"}
    assert pointers(api.call("PUT", path, {"kind": "sweep"})).keys() == {"/kind"}


def test_it_is_paused_and_resumed(api: Api):
    path = f"/v1/schedules/{added(api)['id']}"
    paused = api.call("POST", f"{path}/pause").get_json()
    assert (paused["enabled"], paused["next_run_at"]) == (False, None)
    assert api.call("POST", f"{path}/resume").get_json()["next_run_at"]


def test_it_is_run_now_and_its_history_tells(api: Api):
    path = f"/v1/schedules/{added(api, enabled=False)['id']}"
    asked = api.call("POST", f"{path}/run")
    assert (asked.status_code, asked.get_json()["outcome"]) == (202, "asked")
    runner = scheduler(api)
    for taken in runner.take():
        runner.perform(taken)
    [run] = api.call("GET", f"{path}/runs").get_json()["data"]
    assert (run["id"], run["outcome"], run["triggered_by"]) == (asked.get_json()["id"], "ok", api.app.app)
    assert run["scheduler"] == "one"
    shown = api.call("GET", path).get_json()
    assert (shown["last_run"]["outcome"], shown["enabled"]) == ("ok", False)
    assert api.call("DELETE", path).status_code == 204
    for method, rest in (
        ("GET", ""),
        ("GET", "/runs"),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/run"),
        ("POST", "/pause"),
    ):
        problem_of(api.call(method, path + rest, {} if method == "PUT" else None), 404, "not-found")


def test_what_keeps_the_service_alive_stays_as_it_is(api: Api):
    sweep, digests = find(api, "sweep"), find(api, "digests")
    assert (sweep["vital"], digests["vital"], sweep["when"]) == (True, False, "every second")
    path = f"/v1/schedules/{sweep['id']}"
    for method, rest, body in (
        ("PUT", "", {"name": "x"}),
        ("POST", "/pause", None),
        ("POST", "/run", None),
        ("DELETE", "", None),
    ):
        problem_of(api.call(method, path + rest, body), 409, "conflict")
    path = f"/v1/schedules/{digests['id']}"
    problem_of(api.call("DELETE", path), 409, "conflict")
    problem_of(api.call("PUT", path, {"name": "x"}), 409, "conflict")
    assert api.call("PUT", path, {"interval_seconds": 300}).get_json()["when"] == "every 5 minutes"
    assert api.call("POST", f"{path}/pause").status_code == 200


def test_two_of_one_name_are_a_conflict(api: Api):
    added(api)
    problem_of(api.call("POST", "/v1/schedules", {"name": "early", "kind": "digests", "at": "now"}), 409, "conflict")


def test_a_key_without_the_scope_may_not_even_look(api: Api):
    key = api.make_app("events", "people", "log", "operate").key
    problem_of(api.call("GET", "/v1/schedules", key=key), 403, "forbidden")
    problem_of(api.call("POST", "/v1/schedules", {}, key=key), 403, "forbidden")


def test_readiness_says_whether_a_scheduler_is_heard_of_and_does_not_depend_on_it(api: Api):
    def told(at: datetime | None) -> tuple[int, str]:
        if at:
            with api.parts.database.write() as connection:
                Leases(connection).take(LEASE, "one", now=at, until=at)
        answer = api.call("GET", "/readyz", authorization="")
        return answer.status_code, answer.get_json()["checks"]["scheduler"]

    assert told(None) == (200, "never heard of")
    assert told(datetime(2026, 1, 1, tzinfo=UTC)) == (200, "silent since 2026-01-01T00:00:00.000Z")
    assert told(now()) == (200, "ok")
    assert api.call("GET", "/v1/schedules").get_json()["scheduler"]["leader"] == "one"
    assert api.call("GET", "/v1/schedules/" + new_id("sch")).status_code == 404
