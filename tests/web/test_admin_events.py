"""The admin pages of events: the list, the why of one, its dry run, and what was refused at the door."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, update

from notifier.store import events as store_events
from notifier.store.admins import Role
from notifier.store.models import Event, RejectedRequest
from notifier.store.rejected import Rejected, Rejection
from notifier.store.types import id_at, new_id
from notifier.web.refusals import OF_A_BATCH, PER_MINUTE, Allowance, Refusals
from tests.web.api import Api, like, make_parts
from tests.web.test_admin import signed_in

SCRIPT = "<script>alert(1)</script>"
NAMED = re.compile(r'href="/admin/events/(evt_[0-9a-f]{32})">\s*<time')


@pytest.fixture
def admin(api: Api) -> FlaskClient:
    return signed_in(api, Role.VIEWER)


@pytest.fixture
def door(api: Api) -> Api:
    """The API with nothing refused so far."""
    api.server.extensions["refusals"] = Refusals(api.parts.database, api.parts.clock)
    with api.parts.database.write() as connection:
        connection.execute(delete(RejectedRequest))
    return api


def someone() -> str:
    return f"u-{uuid.uuid4().hex}"


def posted(api: Api, body: object, **headers: str) -> str:
    """An event that is planned."""
    made = api.post(body, **headers).get_json()["id"]
    list(api.parts.steps.planner.plan([made]))
    return made


def mention(actor: str, *to: str, **more: object) -> dict[str, object]:
    return {"type": "mention", "data": {"actor": {"id": actor}, "object": {"id": "c-1"}, "to": list(to), **more}}


def listed(admin: FlaskClient, query: str) -> list[str]:
    page = admin.get(f"/admin/events?{query}")
    assert page.status_code == 200, page.text
    return NAMED.findall(page.text)


def refused(api: Api) -> list[Rejection]:
    with api.parts.database.read() as connection:
        return [entry.what for entry in Rejected(connection).page(1_000)]


def test_the_list_shows_what_each_event_came_to(api: Api, admin: FlaskClient):
    actor, bob = someone(), someone()
    api.call("PUT", f"/v1/users/{bob}", {"email": "bob@app.example"})
    event = posted(api, mention(actor, bob))
    page = admin.get(f"/admin/events?actor={actor}").text
    assert NAMED.findall(page) == [event]
    chips = dict(re.findall(r'event=evt_\w+&amp;state=(\w+)">(\d+)', page))
    assert sum(map(int, chips.values())) == 3  # email, push and the feed
    assert chips["skipped"] == "1"  # no device


def test_the_list_is_narrowed_by_type_app_actor_object_and_time_newest_first(api: Api, admin: FlaskClient):
    actor, thing = someone(), someone()
    liked = {"actor": {"id": actor}, "object": {"id": thing, "owner": "bob"}}
    first, second = posted(api, {"type": "like", "data": liked}), posted(api, mention(actor, "bob"))
    other = api.make_app("events")
    third = posted(api, {"type": "share", "data": liked}, key=other.key)
    assert listed(admin, f"actor={actor}") == [third, second, first]
    assert listed(admin, f"actor={actor}&type=like") == [first]
    assert listed(admin, f"actor={actor}&type=share.created") == [third]
    assert listed(admin, f"object={thing}") == [third, first]
    assert listed(admin, f"object={thing}&app={other.app}") == [third]
    later = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert listed(admin, f"actor={actor}&since={later}") == []
    assert listed(admin, f"actor={actor}&until={later}") == [third, second, first]


def test_each_page_goes_on_where_the_one_before_ended_and_keeps_the_filter(api: Api, admin: FlaskClient):
    actor = someone()
    made = [api.post(like(actor, someone())).get_json()["id"] for _ in range(60)]
    page = admin.get(f"/admin/events?actor={actor}&type=like").text
    [older] = re.findall(r'rel="next" href="([^"]+)"', page)
    rest = admin.get(older.replace("&amp;", "&")).text
    assert "actor=" in older
    assert NAMED.findall(page) + NAMED.findall(rest) == made[::-1]
    assert 'rel="next"' not in rest


def test_a_rare_filter_looks_so_far_and_offers_to_look_further(
    api: Api, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    rare = posted(api, {"type": "follow", "data": {"actor": {"id": someone()}, "object": {"id": someone()}}})
    for _ in range(7):
        api.post(like())
    monkeypatch.setattr(store_events, "LOOKED", 5)
    path, looks = "/admin/events?type=follow", 0
    while rare not in NAMED.findall(page := admin.get(path).text):
        assert "Look further back" in page
        path, looks = re.findall(r'rel="next" href="([^"]+)"', page)[0].replace("&amp;", "&"), looks + 1
    assert looks == 1


def test_a_thing_that_much_was_done_to_is_found_all_the_same(
    api: Api, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    thing = someone()
    body = {"type": "like", "data": {"actor": {"id": "ana"}, "object": {"id": thing, "owner": "bob"}}}
    made = [api.post(body).get_json()["id"] for _ in range(4)]
    monkeypatch.setattr(store_events, "LOOKED", 4)
    assert listed(admin, f"object={thing}") == made[::-1]


@pytest.mark.parametrize("query", ["since=yesterday", "app=nobody", "cursor=evt_1", "actor=%00"])
def test_a_filter_that_is_none_is_answered_with_what_would_be_right(admin: FlaskClient, query: str):
    page = admin.get(f"/admin/events?{query}")
    assert page.status_code == 422
    assert 'role="alert"' in page.text


def test_an_id_or_an_idempotency_key_leads_to_the_event(api: Api, admin: FlaskClient):
    key = someone()
    event = posted(api, like(), idempotency_key=key)
    for text in (event, key):
        assert admin.get(f"/admin/events?q={text}").location == f"/admin/events/{event}"
    nothing = admin.get("/admin/events?q=nothing-like-it")
    assert (nothing.status_code, "No event has this id" in nothing.text) == (404, True)


def test_what_a_stranger_wrote_is_shown_and_not_run(api: Api, admin: FlaskClient):
    event = posted(api, mention(SCRIPT, SCRIPT, title=SCRIPT), idempotency_key=SCRIPT)
    for path in (f"?actor={SCRIPT}", f"/{event}", f"/{event}?user={SCRIPT}", f"/{event}/dry-run", f"?type={SCRIPT}"):
        page = admin.get(f"/admin/events{path}").text
        assert "&lt;script&gt;" in page
        assert SCRIPT not in page


def test_the_page_of_an_event_says_how_it_came_and_why_everybody_was_told_or_not(api: Api, admin: FlaskClient):
    ana, bob = someone(), someone()
    api.call("PUT", f"/v1/users/{bob}", {"email": "bob@app.example"})
    event = posted(api, mention(ana, bob, ana), idempotency_key=f"key-{bob}")
    page = admin.get(f"/admin/events/{event}").text
    for words in (f"key-{bob}", "posted with an API key", "b•••@app.example", "own_action", "no_address"):
        assert words in page
    assert "bob@app.example" not in page
    assert len(re.findall(r'href="/admin/deliveries/dlv_', page)) == 3
    assert f'href="/admin/people/{bob}"' in page
    alone = admin.get(f"/admin/events/{event}?user=zoe").text
    assert "told to those whom it names" in alone or "is told to" in alone
    assert "own_action" not in alone


def test_it_says_by_which_door_the_event_came(api: Api, admin: FlaskClient):
    signed = api.post_signed(like()).get_json()["id"]
    batch = api.call("POST", "/v1/events/batch", {"events": [like()]}).get_json()["results"][0]["id"]
    assert "posted with a signature" in admin.get(f"/admin/events/{signed}").text
    assert "posted in a batch" in admin.get(f"/admin/events/{batch}").text


def test_mailboxes_in_the_data_are_for_operators(api: Api):
    event = posted(api, mention("ana", "bob", note="write to eve@app.example"))
    for role, shown in ((Role.VIEWER, False), (Role.OPERATOR, True)):
        assert ("eve@app.example" in signed_in(api, role).get(f"/admin/events/{event}").text) is shown


def test_an_event_for_many_is_paged_and_each_person_can_be_asked_for(api: Api, admin: FlaskClient):
    crowd = sorted(someone() for _ in range(60))
    event = posted(api, mention("ana", *crowd))
    assert "many: open it" in admin.get("/admin/events").text
    first = admin.get(f"/admin/events/{event}").text
    [more] = re.findall(r'rel="next" href="([^"]+)"', first)
    rest = admin.get(more.replace("&amp;", "&")).text
    assert crowd[0] in first
    assert f'href="/admin/people/{crowd[-1]}"' not in first
    assert f'href="/admin/people/{crowd[-1]}"' in rest
    assert f'href="/admin/people/{crowd[-1]}"' in admin.get(f"/admin/events/{event}?user={crowd[-1]}").text
    assert admin.get(f"/admin/events/{event}?cursor=nonsense").status_code == 422


def test_the_dry_run_marks_what_differs_now(api: Api, admin: FlaskClient):
    bob, cara = someone(), someone()
    for user in (bob, cara):
        api.call("PUT", f"/v1/users/{user}", {"email": f"{user}@app.example"})
    before = api.counts()
    event = posted(api, mention("ana", bob, cara))
    after = api.counts()
    same = admin.get(f"/admin/events/{event}/dry-run").text
    assert ("Nothing differs." in same, "differs</strong>" in same) == (True, False)
    api.call("PUT", f"/v1/users/{bob}/preferences", {"types": {"mention": {"email": "off"}}})
    page = admin.get(f"/admin/events/{event}/dry-run").text
    assert "1 of 6 lines differs." in page
    assert page.count("<strong>differs</strong>") == 1
    assert "preference_off" in page
    one = admin.get(f"/admin/events/{event}/dry-run?user={cara}").text
    assert (bob in one, "Nothing differs." in one) == (False, True)
    assert (api.counts()["events"], api.counts()["deliveries"]) == (after["events"], after["deliveries"])
    assert after["deliveries"] == before["deliveries"] + 6


def test_the_dry_run_of_a_long_one_shows_the_same_people_of_both(api: Api, admin: FlaskClient):
    crowd = [someone() for _ in range(60)]
    event = posted(api, mention("ana", *crowd))
    first = admin.get(f"/admin/events/{event}/dry-run").text
    assert "no recipient now" not in first
    assert "It would concern at least 60 people" in first
    [more] = re.findall(r'rel="next" href="([^"]+)"', first)
    rest = admin.get(more.replace("&amp;", "&")).text
    for page in (first, rest):
        assert ("no recipient" in page, "Nothing differs on this page." in page) == (False, True)


def test_who_is_no_recipient_any_more_stands_in_the_dry_run(api: Api, admin: FlaskClient):
    ana, bob = someone(), someone()
    posted(api, {"type": "follow", "data": {"actor": {"id": bob}, "object": {"id": ana}}})
    post = {"type": "post", "data": {"actor": {"id": ana}, "object": {"id": someone()}}}
    event = posted(api, post)
    posted(api, {"type": "unfollow", "data": {"actor": {"id": bob}, "object": {"id": ana}}})
    page = admin.get(f"/admin/events/{event}/dry-run").text
    assert bob in page
    assert "no recipient now" in page


def test_an_event_that_was_taken_back_names_the_deletion_and_the_deletion_the_event(api: Api, admin: FlaskClient):
    actor, thing = someone(), someone()
    data = {"actor": {"id": actor}, "object": {"id": thing, "owner": "bob"}}
    liked, unliked = posted(api, {"type": "like", "data": data}), posted(api, {"type": "unlike", "data": data})
    assert f'href="/admin/events/{unliked}"' in admin.get(f"/admin/events/{liked}").text
    assert f'href="/admin/events/{liked}"' in admin.get(f"/admin/events/{unliked}").text
    assert "taken back" in admin.get(f"/admin/events?actor={actor}").text


def test_an_event_that_was_purged_or_never_was_is_a_page_that_says_so(admin: FlaskClient):
    old = id_at("evt", datetime.now(UTC) - timedelta(days=400))
    for path in (f"/admin/events/{old}", f"/admin/events/{old}/dry-run"):
        page = admin.get(path)
        assert page.status_code == 404
        assert "Events are kept for 90 days" in page.text
    assert admin.get(f"/admin/events/{new_id('evt')}").status_code == 404


def test_an_event_from_before_doors_were_recorded_has_its_page(api: Api, admin: FlaskClient):
    event = posted(api, like())
    with api.parts.database.write() as connection:
        connection.execute(update(Event).where(Event.id == event).values(door=""))
    assert "it is older than that" in admin.get(f"/admin/events/{event}").text


def test_a_refused_request_is_kept_with_its_reason_and_nothing_of_what_it_said(door: Api, admin: FlaskClient):
    secret_word = "hush-hush"
    wrong = {"type": "like", "data": {"actor": {}, "object": {"id": secret_word}}, secret_word: secret_word}
    assert door.post(wrong).status_code == 422
    assert door.post(b"{nope").status_code == 400
    assert door.post(like(), key="nk_unknown").status_code == 401
    assert door.post(like(), authorization="").status_code == 401
    assert door.post(like(), key=door.make_app("log").key).status_code == 403
    assert [(one.status, one.reason, one.proven) for one in refused(door)] == [
        (403, "scope", True),
        (401, "no_key", False),
        (401, "unknown_key", False),
        (400, "malformed", True),
        (422, "invalid", True),
    ]
    page = admin.get("/admin/events/rejected").text
    assert "/data/actor/id: This field is required." in page
    assert secret_word not in page
    assert secret_word not in str(refused(door))


def test_a_wrong_signature_says_what_is_wrong_with_it_to_admins_alone(door: Api, admin: FlaskClient):
    late = datetime.now(UTC) - timedelta(minutes=15)
    answers = [
        door.post_signed(like(), secret="whsec_AAAA"),
        door.post_signed(like(), at=late),
        door.post_signed(like(), webhook_signature=""),
        door.post_signed(like(), app=new_id("app")),
        door.post_signed(like(), app="nobody"),
    ]
    details = {(answer.status_code, answer.get_json(force=True)["detail"]) for answer in answers}
    assert len(details) == 1  # no hint
    found = refused(door)
    reasons = ["bad_signature", "clock_skew", "unsigned", "unknown_app", "unknown_app"]
    assert [one.reason for one in found][::-1] == reasons
    assert [one.app == door.app.app for one in found][::-1] == [True, True, True, False, False]
    assert "The sender is 90" in admin.get("/admin/events/rejected?reason=clock_skew").text
    assert all(one.body_hash and one.octets for one in found)


def test_items_of_a_batch_that_were_refused_are_kept_a_few_of_them(door: Api):
    bad = [{"type": "like"}] * (OF_A_BATCH + 3)
    assert door.call("POST", "/v1/events/batch", {"events": [like(), *bad]}).status_code == 202
    assert [(one.door, one.status) for one in refused(door)] == [("batch", 422)] * OF_A_BATCH


def test_a_flood_costs_a_few_rows_and_takes_no_apps_faults_away(door: Api):
    for _ in range(PER_MINUTE + 20):
        door.post(like(), key="nk_unknown")
    assert len(refused(door)) == PER_MINUTE
    door.post(b"{nope")
    assert [one.reason for one in refused(door)].count("malformed") == 1


def test_the_oldest_go_so_that_there_are_never_more_than_so_many(api: Api):
    with api.parts.database.write() as connection:
        connection.execute(delete(RejectedRequest))
        kept = Rejected(connection)
        for number in range(12):
            one = Rejection(
                datetime.now(UTC), "key", None, proven=number % 2 == 0, status=400, reason=str(number), detail=""
            )
            kept.keep([one], most=3)
        assert [entry.what.reason for entry in kept.page(50)] == ["11", "10", "9", "8", "7", "6"]


def test_what_is_passed_over_is_counted_and_told_with_the_next():
    allowance = Allowance(per_minute=2)
    assert [allowance.take(1) for _ in range(4)] == [(1, 0), (1, 0), (0, 0), (0, 1)]
    allowance._until = 0.0
    assert allowance.take(1) == (1, 2)
    assert allowance.take(5) == (1, 0)


def test_what_is_answered_to_nobodys_fault_is_not_kept(door: Api):
    event = door.post(like()).get_json()["id"]
    assert door.call("GET", f"/v1/events/{new_id('evt')}").status_code == 404
    assert door.call("GET", f"/v1/events/{event}").status_code == 200
    assert refused(door) == []


def test_the_rejected_are_paged_and_narrowed(door: Api, admin: FlaskClient):
    known = door.app.app
    with door.parts.database.write() as connection:
        for number in range(60):
            app = known if number % 2 else None
            one = Rejection(
                datetime.now(UTC), "key", app, proven=False, status=401, reason="bad_signature", detail=f"n{number}."
            )
            Rejected(connection).keep([one])
    page = admin.get("/admin/events/rejected").text
    [older] = re.findall(r'rel="next" href="([^"]+)"', page)
    rest = admin.get(older.replace("&amp;", "&")).text
    assert ("n59." in page, "n0." in page, "n0." in rest) == (True, False, True)
    its = admin.get(f"/admin/events/rejected?app={door.app.app}").text
    assert ("n59." in its, "n58." in its) == (True, False)
    assert "Nothing matches this filter" in admin.get("/admin/events/rejected?reason=scope").text


def test_the_purge_lets_old_ones_go(door: Api):
    old = datetime.now(UTC) - timedelta(days=31)
    with door.parts.database.write() as connection:
        one = Rejection(old, "key", None, proven=False, status=401, reason="no_key", detail="")
        Rejected(connection).keep([one])
        connection.execute(update(RejectedRequest).values(id=id_at("rej", old)))
    door.post(b"{nope")
    assert door.parts.purger.prospect().rejected == 1
    assert door.parts.purger.purge().purged.rejected == 1
    assert [one.reason for one in refused(door)] == ["malformed"]


def test_where_nothing_is_yet_the_page_says_how_to_begin(tmp_path_factory: pytest.TempPathFactory):
    empty = Api(make_parts(tmp_path_factory.mktemp("empty"))).migrate()
    browser = signed_in(empty, Role.VIEWER)
    assert "No events yet" in browser.get("/admin/events").text
    assert "Nothing was refused" in browser.get("/admin/events/rejected").text
    assert "No app yet" in browser.get("/admin/apps").text
    empty.parts.database.close()
