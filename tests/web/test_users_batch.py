"""Many people at once: one result for each, bad ones beside good ones, and the same care as for one."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.web.api import Api, pointers, problem_of


def batch(api: Api, users: list[Any]) -> list[dict[str, Any]]:
    answer = api.call("PUT", "/v1/users/batch", {"users": users})
    assert answer.status_code == 200, answer.text
    return answer.get_json()["results"]


def new() -> str:
    return f"u-{uuid.uuid4().hex}"


def test_profiles_and_preferences_of_many_are_stored(api: Api):
    ids = [new() for _ in range(250)]
    users = [
        {
            "id": one,
            "email": f"{one}@app.example",
            "name": f"N {one}",
            "timezone": "Europe/Berlin",
            "preferences": {"types": {"like": {"email": "off"}}, "quiet_hours": {"start": "22:00", "end": "07:00"}},
        }
        for one in ids
    ]
    assert batch(api, users) == [{"index": index, "id": one} for index, one in enumerate(ids)]
    for one in (ids[0], ids[120], ids[-1]):
        shown = api.call("GET", f"/v1/users/{one}").get_json()
        assert (shown["email"], shown["name"], shown["timezone"]) == (f"{one}@app.example", f"N {one}", "Europe/Berlin")
        chosen = api.call("GET", f"/v1/users/{one}/preferences").get_json()
        assert (chosen["types"]["like"]["email"], chosen["quiet_hours"]["start"]) == ("off", "22:00")
        history = api.call("GET", f"/v1/users/{one}/preferences/history").get_json()["data"]
        assert {one["what"] for one in history} == {"like/email", "quiet_hours"}


def test_a_bad_item_does_not_stop_the_others_and_stores_nothing(api: Api):
    good, bad = [new() for _ in range(2)], [new() for _ in range(5)]
    results = batch(
        api,
        [
            {"id": good[0]},
            {"id": bad[0], "email": "nonsense", "name": 7},
            {"id": bad[1], "preferences": {"types": {"security": {"email": "off"}}}},
            {"id": bad[2], "nick": "x"},
            {"id": bad[3], "email": "nonsense"},
            {"name": "nobody"},
            7,
            {"id": "a\nb"},
            {"id": bad[4], "preferences": {"quiet_hours": {"start": "07:00", "end": "07:00"}}},
            {"id": good[1], "name": "Good"},
        ],
    )
    found = [
        [fault["pointer"] for fault in one["problem"]["errors"]] if "problem" in one else one["id"] for one in results
    ]
    assert [one["index"] for one in results] == list(range(10))
    assert found == [
        good[0],
        ["/name"],
        ["/preferences/types/security/email"],
        ["/nick"],
        ["/email"],
        ["/id"],
        [""],
        ["/id"],
        ["/preferences/quiet_hours"],
        good[1],
    ]
    assert results[1]["problem"]["type"] == "/problems/invalid"
    assert [api.call("GET", f"/v1/users/{one}").status_code for one in good] == [200, 200]
    assert {api.call("GET", f"/v1/users/{one}").status_code for one in bad} == {404}


def test_who_stands_in_a_batch_twice_is_changed_twice(api: Api):
    person = new()
    batch(api, [{"id": person, "name": "A", "locale": "de"}, {"id": person, "name": "B"}])
    shown = api.call("GET", f"/v1/users/{person}").get_json()
    assert (shown["name"], shown["locale"]) == ("B", "de")


def test_what_is_left_out_stays_and_null_removes_the_address(api: Api):
    person = new()
    batch(api, [{"id": person, "email": "a@app.example", "name": "A"}])
    batch(api, [{"id": person}])
    assert api.call("GET", f"/v1/users/{person}").get_json()["email"] == "a@app.example"
    batch(api, [{"id": person, "email": None}])
    assert api.call("GET", f"/v1/users/{person}").get_json()["email"] is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"/users": "missing"}),
        ({"users": []}, {"/users": "too_short"}),
        ({"users": {}}, {"/users": "list_type"}),
        ({"users": [{"id": "a"}], "x": 1}, {"/x": "unknown_field"}),
    ],
    ids=["missing", "empty", "no list", "unknown"],
)
def test_a_batch_that_is_none_is_refused_whole(api: Api, body: Any, expected: dict[str, str]):
    before = api.counts()
    assert pointers(api.call("PUT", "/v1/users/batch", body)) == expected
    assert api.counts() == before


def test_a_batch_is_read_with_the_same_care(api: Api):
    before = api.counts()
    problem_of(api.call("PUT", "/v1/users/batch", b"{"), 400, "malformed")
    problem_of(api.call("PUT", "/v1/users/batch", b'{"users": [{"id": "\\ud800"}]}'), 400, "malformed")
    problem_of(api.call("PUT", "/v1/users/batch", b"[" * 100_000), 400, "malformed")
    problem_of(api.call("PUT", "/v1/users/batch", b"{}", content_type="text/plain"), 415, "unsupported-media-type")
    problem_of(api.call("PUT", "/v1/users/batch", {"users": [{"id": "a"}] * 1_001}), 413, "too-large")
    problem_of(api.call("PUT", "/v1/users/batch", b"x" * (4 * 1024 * 1024 + 1)), 413, "too-large")
    assert api.counts() == before


def test_two_batches_with_the_same_people_in_another_order_both_get_through(api: Api):
    ids = [new() for _ in range(60)]
    users = [{"id": one, "name": "N", "preferences": {"types": {"like": {"email": "off"}}}} for one in ids]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda order: batch(api, order), [users, users[::-1]] * 3))
    assert all("problem" not in one for results in found for one in results)


def test_a_person_may_still_be_called_batch(api: Api):
    assert batch(api, [{"id": "batch", "name": "Batch"}]) == [{"index": 0, "id": "batch"}]
    assert api.call("GET", "/v1/users/batch").get_json()["name"] == "Batch"
    assert api.call("DELETE", "/v1/users/batch").status_code == 204
