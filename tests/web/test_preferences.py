"""What people choose: the resolved whole, merging, what is refused, and the history of every change."""

import html
import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from notifier.policy.calendar import rfc3339
from notifier.policy.choices import WEEKDAYS
from notifier.policy.links import Link, make_token, type_mark
from notifier.store.facts import Facts
from notifier.store.models import Address, User
from notifier.store.types import id_octets
from tests.web.api import Api, pointers, problem_of


def somebody() -> str:
    return f"/v1/users/u-{uuid.uuid4().hex}"


def put(api: Api, person: str, body: Any) -> Any:
    answer = api.call("PUT", f"{person}/preferences", body)
    assert answer.status_code == 200, answer.text
    assert answer.get_json() == api.call("GET", f"{person}/preferences").get_json()
    return answer.get_json()


def told(api: Api, person: str) -> list[tuple[str, Any, Any]]:
    """What the history tells, oldest first."""
    found = api.call("GET", f"{person}/preferences/history").get_json()["data"]
    return [(one["what"], one["before"], one["after"]) for one in reversed(found)]


def test_whoever_chose_nothing_has_the_defaults_and_no_choices_of_their_own(api: Api):
    shown = api.call("GET", f"{somebody()}/preferences").get_json()
    assert shown["digest"] == {"time": "08:00", "weekday": "monday"}
    assert shown["quiet_hours"] is None
    assert shown["cap_per_hour"] == {"email": 10, "push": 30}
    assert shown["types"]["like"] == {"email": "daily", "push": "instant", "feed": "on"}
    assert shown["own"] == {}
    assert "block" not in shown["types"]


def test_every_choice_is_shown_beside_what_is_a_persons_own(api: Api):
    person = somebody()
    chosen = {
        "types": {"like": {"email": "off"}},
        "digest": {"time": "19:30"},
        "quiet_hours": {"start": "22:00", "end": "07:00"},
        "cap_per_hour": {"email": 0},
    }
    shown = put(api, person, chosen)
    assert shown["types"]["like"] == {"email": "off", "push": "instant", "feed": "on"}
    assert shown["digest"] == {"time": "19:30", "weekday": "monday"}
    assert shown["quiet_hours"] == {"start": "22:00", "end": "07:00"}
    assert shown["cap_per_hour"] == {"email": 0, "push": 30}
    assert shown["own"] == chosen


def test_a_put_merges_and_null_returns_members_and_wholes_to_the_default(api: Api):
    person = somebody()
    put(api, person, {"digest": {"time": "19:30"}, "cap_per_hour": {"email": 1, "push": 2}})
    assert put(api, person, {"digest": {"weekday": "sunday"}})["digest"] == {"time": "19:30", "weekday": "sunday"}
    assert put(api, person, {"digest": {"time": None}})["digest"] == {"time": "08:00", "weekday": "sunday"}
    assert put(api, person, {"cap_per_hour": {"push": None}})["cap_per_hour"] == {"email": 1, "push": 30}
    put(api, person, {"types": {"like": {"email": "off", "push": "off"}, "share": {"push": "off"}}})
    assert put(api, person, {"types": {"like": None}})["own"]["types"] == {"share": {"push": "off"}}
    put(api, person, {"quiet_hours": {"start": "22:00", "end": "07:00"}})
    gone = put(api, person, {"types": None, "digest": None, "quiet_hours": None, "cap_per_hour": None})
    assert gone["own"] == {}
    assert put(api, person, {}) == gone


def test_everything_is_paused_until_a_moment_and_goes_on(api: Api):
    person, until = somebody(), datetime.now(UTC) + timedelta(days=7)
    assert put(api, person, {})["paused_until"] is None
    east = until.astimezone(timezone(timedelta(hours=9)))
    paused = put(api, person, {"paused_until": east.isoformat(timespec="milliseconds")})
    assert paused["paused_until"] == paused["own"]["paused_until"] == rfc3339(until)
    assert put(api, person, paused["own"]) == paused
    assert told(api, person) == [("paused_until", None, rfc3339(until))]
    assert "paused_until" not in put(api, person, {"paused_until": None})["own"]


def test_a_pause_that_is_over_is_none(api: Api):
    person, over = somebody(), datetime.now(UTC) - timedelta(seconds=1)
    put(api, person, {"quiet_hours": {"start": "22:00", "end": "07:00"}})
    with api.parts.database.write() as connection:
        connection.execute(update(User).where(User.id == person.rpartition("/")[2]).values(paused_until=over))
    shown = api.call("GET", f"{person}/preferences").json
    assert (shown["paused_until"], shown["own"]) == (None, {"quiet_hours": {"start": "22:00", "end": "07:00"}})


@pytest.mark.parametrize("type_", ["like", "like.created"])
def test_both_forms_name_the_same_type(api: Api, type_: str):
    assert put(api, somebody(), {"types": {type_: {"push": "off"}}})["types"]["like"]["push"] == "off"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"typos": {}}, {"/typos": "unknown_field"}),
        ({"own": {}}, {"/own": "unknown_field"}),
        ({"digest": {"time": "8:00"}}, {"/digest/time": "invalid"}),
        ({"digest": {"time": "24:00"}}, {"/digest/time": "invalid"}),
        ({"digest": {"time": "08:00\n"}}, {"/digest/time": "invalid"}),
        ({"digest": {"time": "٠٨:٠٠"}}, {"/digest/time": "invalid"}),
        ({"digest": {"weekday": "Monday"}}, {"/digest/weekday": "invalid"}),
        ({"digest": {"hour": 8}}, {"/digest/hour": "unknown_field"}),
        ({"digest": "08:00"}, {"/digest": "model_type"}),
        ({"quiet_hours": {"start": "22:00"}}, {"/quiet_hours/end": "missing"}),
        ({"quiet_hours": {"start": "22:00", "end": "22:00"}}, {"/quiet_hours": "invalid"}),
        ({"quiet_hours": {"start": None, "end": "07:00"}}, {"/quiet_hours/start": "string_type"}),
        ({"cap_per_hour": {"email": -1}}, {"/cap_per_hour/email": "greater_than_equal"}),
        ({"cap_per_hour": {"email": 10_001}}, {"/cap_per_hour/email": "less_than_equal"}),
        ({"cap_per_hour": {"email": True}}, {"/cap_per_hour/email": "int_type"}),
        ({"cap_per_hour": {"email": 1.5}}, {"/cap_per_hour/email": "int_type"}),
        ({"cap_per_hour": {"feed": 1}}, {"/cap_per_hour/feed": "unknown_field"}),
        ({"paused_until": "2026-11-21"}, {"/paused_until": "invalid"}),
        ({"paused_until": "2020-01-01T00:00:00Z"}, {"/paused_until": "invalid"}),
        ({"paused_until": "2999-01-01T00:00:00Z"}, {"/paused_until": "invalid"}),
        ({"types": {"security": {"email": "off"}}}, {"/types/security/email": "mandatory"}),
        ({"types": {"security.created": {"push": "daily"}}}, {"/types/security.created/push": "mandatory"}),
        ({"types": {"unlike": {"email": "off"}}}, {"/types/unlike": "invalid"}),
        ({"types": {"comment.deleted": {}}}, {"/types/comment.deleted": "invalid"}),
        ({"types": {"block": {"email": "off"}}}, {"/types/block": "invalid"}),
        ({"types": {"like": {}, "like.created": {}}}, {"/types/like.created": "invalid"}),
        ({"types": {"like": {"feed": "instant"}}}, {"/types/like/feed": "invalid"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_choice_is_refused_whole(api: Api, body: Any, expected: dict[str, str]):
    before = api.counts()
    also = {"types": {"share": {"email": "off"}}} if "types" not in body else {}
    assert pointers(api.call("PUT", f"{somebody()}/preferences", body | also)) == expected
    assert api.counts() == before


def test_a_refusal_says_what_would_be_right(api: Api):
    quiet = {"quiet_hours": {"start": "22:00", "end": "22:00"}, "types": {}}
    body = api.call("PUT", f"{somebody()}/preferences", quiet).get_json(force=True)
    assert body["detail"] == "This must end at another time than it starts; give null for no quiet hours."
    forced = {"types": {"security": {"email": "off"}}}
    body = api.call("PUT", f"{somebody()}/preferences", forced).get_json(force=True)
    assert body["detail"] == "People always hear of security: leave it out, or say instant."
    fax = {"types": {"like": {"fax": "daily"}}}
    body = api.call("PUT", f"{somebody()}/preferences", fax).get_json(force=True)
    assert body["detail"] == "We know email, push, feed."


def test_what_is_mandatory_may_be_named_as_it_is_and_never_becomes_a_choice(api: Api):
    person = somebody()
    put(api, person, {"types": {"security": {"email": "instant", "push": None}}})
    assert told(api, person) == []


def test_what_was_chosen_is_what_decides(api: Api):
    person = somebody()
    put(
        api,
        person,
        {
            "digest": {"time": "19:30", "weekday": "sunday"},
            "quiet_hours": {"start": "22:00", "end": "07:00"},
            "cap_per_hour": {"push": 7},
        },
    )
    with api.parts.database.read() as connection:
        user = person.rpartition("/")[2]
        _, rhythm = Facts(connection).rhythms([user], api.parts.catalogue.caps)[user]
    assert (f"{rhythm.digest_time:%H:%M}", rhythm.digest_weekday, str(rhythm.quiet)) == ("19:30", 6, "22:00–07:00")
    assert rhythm.caps == {"email": 10, "push": 7}


def test_the_history_tells_what_changed_who_did_it_and_through_what(api: Api):
    person = somebody()
    put(api, person, {"types": {"like": {"email": "off"}}, "quiet_hours": {"start": "22:00", "end": "07:00"}})
    put(api, person, {"types": {"like": {"email": "off", "push": "daily"}}, "digest": {"weekday": "friday"}})
    put(api, person, {"types": {"like": {"email": None}}, "cap_per_hour": {"email": 3}})
    assert told(api, person) == [
        ("like/email", None, "off"),
        ("quiet_hours", None, "22:00–07:00"),
        ("digest/weekday", None, "friday"),
        ("like/push", None, "daily"),
        ("cap_per_hour/email", None, "3"),
        ("like/email", "off", None),
    ]
    [newest, *_] = api.call("GET", f"{person}/preferences/history").get_json()["data"]
    assert (newest["by"], newest["through"]) == (api.app.app, "api")
    assert newest["id"].startswith("chg_")
    assert newest["at"].endswith("Z")


def test_the_history_comes_a_page_at_a_time(api: Api):
    person = somebody()
    for most in range(7):
        put(api, person, {"cap_per_hour": {"email": most}})
    found, path, pages = [], f"{person}/preferences/history?limit=3", 0
    while path:
        answer = api.call("GET", path)
        found += [one["after"] for one in answer.get_json()["data"]]
        path, pages = (re.findall("<(.+)>", answer.headers.get("Link", "")) or [""])[0], pages + 1
        assert bool(path) == bool(answer.get_json()["next_cursor"])
    assert (found, pages) == ([str(most) for most in range(6, -1, -1)], 3)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("cursor=x", "/cursor"), ("cursor=%00", "/cursor"), ("cursor=AAAA", "/cursor"), ("limit=0", "/limit"),
     ("limit=x", "/limit"), ("page=2", "/page"), ("cursor=Y2hnX3g", "/cursor")],
)  # fmt: skip
def test_a_page_that_nobody_was_sent_to_is_refused(api: Api, query: str, pointer: str):
    for what in ("preferences/history", "mutes", "blocks"):
        assert list(pointers(api.call("GET", f"{somebody()}/{what}?{query}"))) == [pointer]


def test_the_links_in_mails_are_in_the_history_and_leave_other_channels_and_mandatory_types_alone(api: Api):
    person = somebody()
    api.call("PUT", person, {"email": "bob@app.example"})
    before = put(api, person, {"types": {"like": {"email": "weekly", "push": "off"}}})
    with api.parts.database.read() as connection:
        address = connection.scalar(select(Address.id).where(Address.user_id == person.rpartition("/")[2]))
    token = make_token(
        api.parts.secret_key.encode(), "unsubscribe", Link(id_octets(address or ""), type_mark("like.created"))
    )
    client = api.server.test_client()
    client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})
    page = client.post(f"/u/{token}", data={"stop": "all"})
    everything = api.call("GET", f"{person}/preferences").get_json()["types"]
    for short, channels in everything.items():
        assert channels == before["types"][short] | {"email": "instant" if short == "security" else "off"}
    [undo] = re.findall(r'name="undo" value="([^"]+)"', page.text)
    client.post(f"/u/{token}", data={"undo": html.unescape(undo)})
    entries = api.call("GET", f"{person}/preferences/history?limit=200").get_json()["data"]
    likes = [(one["by"], one["through"], one["before"], one["after"]) for one in entries if one["what"] == "like/email"]
    assert likes == [("person", "one_click", "weekly", "off"), (api.app.app, "api", None, "weekly")]
    shares = [(one["by"], one["through"], one["after"]) for one in entries if one["what"] == "share/email"]
    assert shares == [("person", "link", None), ("person", "link", "off")]


def test_a_link_for_a_type_that_nobody_can_turn_off_is_none(api: Api):
    person = somebody()
    api.call("PUT", person, {"email": "bob@app.example"})
    with api.parts.database.read() as connection:
        address = connection.scalar(select(Address.id).where(Address.user_id == person.rpartition("/")[2]))
    link = Link(id_octets(address or ""), type_mark("security.created"))
    token = make_token(api.parts.secret_key.encode(), "unsubscribe", link)
    assert api.server.test_client().post(f"/u/{token}", data={"stop": "type"}).status_code == 404
    assert told(api, person) == []


def test_whoever_chooses_at_once_leaves_a_history_without_gaps(api: Api):
    person = somebody()
    with ThreadPoolExecutor(8) as pool:
        bodies = [{"cap_per_hour": {"email": number}} for number in range(24)]
        assert {answer.status_code for answer in pool.map(
            lambda body: api.call("PUT", f"{person}/preferences", body), bodies)} == {200}  # fmt: skip
    changes = told(api, person)
    assert [before for _, before, _ in changes] == [None, *(after for _, _, after in changes[:-1])]


TIMES = st.sampled_from(["00:00", "07:00", "22:30", "23:59"])
CADENCES = st.sampled_from(["off", "instant", "hourly", "daily", "weekly"]) | st.none()
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "types": st.dictionaries(
            st.sampled_from(["like", "comment", "post"]),
            st.none() | st.dictionaries(st.sampled_from(["email", "push"]), CADENCES),
        ),
        "digest": st.none()
        | st.fixed_dictionaries(
            {}, optional={"time": st.none() | TIMES, "weekday": st.none() | st.sampled_from(WEEKDAYS)}
        ),
        "quiet_hours": st.none()
        | st.tuples(TIMES, TIMES)
        .filter(lambda pair: pair[0] != pair[1])
        .map(lambda pair: dict(zip(("start", "end"), pair, strict=True))),
        "cap_per_hour": st.none()
        | st.dictionaries(st.sampled_from(["email", "push"]), st.none() | st.integers(0, 10_000)),
    },
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(bodies=st.lists(BODIES, min_size=1, max_size=4))
def test_own_choices_put_to_another_person_give_the_same_whole(api: Api, bodies: list[Any]):
    one, other = somebody(), somebody()
    shown = [put(api, one, body) for body in bodies][-1]
    assert put(api, other, shown["own"]) == shown
    changes = len(told(api, one))
    assert put(api, one, shown["own"]) == shown
    assert len(told(api, one)) == changes


def test_a_key_without_the_scope_is_turned_away(api: Api):
    key = api.make_app("events").key
    for method, path in (
        ("GET", "preferences"),
        ("GET", "preferences/history"),
        ("PUT", "blocks/eve"),
        ("GET", "export"),
    ):
        problem_of(api.call(method, f"{somebody()}/{path}", key=key), 403, "forbidden")
    problem_of(api.call("DELETE", somebody(), key=key), 403, "forbidden")
    problem_of(api.call("PUT", "/v1/users/batch", json.loads("{}"), key=key), 403, "forbidden")
