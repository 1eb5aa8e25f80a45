"""The admin pages of digests, and the same over the API: lists, lines with their events, and who may steer."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from notifier.store.admins import Role
from notifier.store.models import Audit
from notifier.store.people import People
from notifier.store.types import new_id
from notifier.store.waiting import DigestEntry, Waiting
from tests.web.api import Api, problem_of
from tests.web.test_admin import signed_in, token_of
from tests.web.test_chosen import Holder

LINES = ("id", "user", "channel", "cadence", "period", "state", "at", "ended_at", "count", "lines", "messages")


@pytest.fixture
def holder(api: Api) -> Holder:
    made = Holder(api, f"u-{uuid.uuid4().hex}")
    made.profile(email="bob@app.example", timezone="Asia/Tokyo")
    return made


@pytest.fixture
def admin(api: Api) -> FlaskClient:
    return signed_in(api, Role.OPERATOR)


def find(api: Api, digest: str) -> DigestEntry:
    with api.parts.database.read() as connection:
        found = Waiting(connection).find(digest)
    assert found
    return found


def steer(admin: FlaskClient, act: str, digest: str, **fields: str) -> str:
    """Post the form of the digest's page; what the page then says."""
    answer = admin.post(f"/admin/digests/{digest}/{act}", data={"csrf_token": token_of(admin), **fields})
    assert answer.location == f"/admin/digests/{digest}"
    [said] = re.findall(r'class="said" role="status">(.*?)</p>', admin.get(answer.location).text)
    return said


def test_the_list_shows_what_comes_next_with_how_much_waits_on_both_clocks(holder: Holder, admin: FlaskClient):
    for number in range(3):
        holder.liked(post=f"post-{number}")
    [digest] = holder.digests()
    page = admin.get(f"/admin/digests?user={holder.user}").text
    assert f"/admin/digests/{digest.id}" in page
    assert re.search(r'<td class="number">3</td>', page)
    assert f"{digest.at:%Y-%m-%d %H:%M}" in page
    assert re.search(r"08:00</time> Asia/Tokyo", page)
    assert holder.user in admin.get("/admin/digests").text


def test_what_goes_to_two_devices_counts_once(holder: Holder, admin: FlaskClient):
    api = holder.api
    api.call("PUT", f"/v1/users/{holder.user}/preferences", {"types": {"like": {"push": "weekly"}}})
    with api.parts.database.write() as connection:
        for one in ("phone", "laptop"):
            value = f'{{"endpoint": "https://push.example/{one}", "p256dh": "", "auth": ""}}'
            People(connection).add_device(
                holder.user, value, fingerprint=holder.user + one, key_id="", now=api.parts.clock()
            )
    holder.liked()
    [digest] = [one for one in holder.digests() if one.channel == "push"]
    assert len(digest.items) == 2
    with api.parts.database.read() as connection:
        assert Waiting(connection).counts([digest]) == {digest.id: 1}
    shown = api.call("GET", f"/v1/digests/{digest.id}").json
    assert (shown["count"], len(shown["lines"])) == (1, 1)
    made = api.call("POST", f"/v1/users/{holder.user}/digest/send", {"channel": "push"}).json["deliveries"]
    shown = api.call("GET", f"/v1/digests/{digest.id}").json
    assert sorted(one["id"] for one in shown["messages"]) == sorted(one["id"] for one in made)
    assert (shown["count"], len(made)) == (1, 2)


def test_a_digest_shows_each_line_with_its_events_linked_and_its_message(holder: Holder, admin: FlaskClient):
    for actor in ("ana", "ben"):
        holder.liked(actor, f"post-of-{actor}", name=actor.title())
    [digest] = holder.digests()
    page = admin.get(f"/admin/digests/{digest.id}").text
    assert "What waits" in page
    assert page.index("Ben liked your post") < page.index("Ana liked your post")
    events = re.findall(r'href="/admin/deliveries\?event=(evt_\w+)"', page)
    assert len(events) == 2
    assert admin.get(f"/admin/deliveries?event={events[0]}").status_code == 200
    [message] = holder.api.call("POST", f"/v1/users/{holder.user}/digest/send").json["deliveries"]
    page = admin.get(f"/admin/digests/{digest.id}").text
    assert "What it told" in page
    assert f'href="/admin/deliveries/{message["id"]}"' in page.partition("What it told")[0]
    assert f'href="/admin/digests/{digest.id}"' in admin.get(f"/admin/deliveries/{message['id']}").text
    ended = admin.get(f"/admin/digests?user={holder.user}").text
    assert f'href="/admin/deliveries/{message["id"]}"' in ended
    assert '<td class="number">2</td>' in ended


def test_an_app_reads_the_same_over_the_api(holder: Holder):
    api = holder.api
    for number in range(2):
        holder.liked(post=f"post-{number}")
    [digest] = holder.digests()
    waits = api.call("GET", f"/v1/digests/{digest.id}").json
    assert tuple(sorted(waits)) == tuple(sorted(LINES))
    assert (waits["state"], waits["count"], waits["messages"], waits["ended_at"]) == ("open", 2, [], None)
    api.call("POST", f"/v1/users/{holder.user}/digest/send")
    told = api.call("GET", f"/v1/digests/{digest.id}").json
    assert (told["state"], told["count"]) == ("built", 2)
    assert [line["notification"] for line in told["lines"]] == [line["notification"] for line in waits["lines"]]
    assert [one["state"] for one in told["messages"]] == ["queued"]
    assert all(len(line["events"]) == 1 for line in told["lines"])
    problem_of(api.call("GET", f"/v1/digests/{new_id('dig')}"), 404, "not-found")
    narrow = api.make_app("people").key
    problem_of(api.call("GET", f"/v1/digests/{digest.id}", key=narrow), 403, "forbidden")


def test_the_log_is_narrowed_to_a_digest(holder: Holder, admin: FlaskClient):
    api = holder.api
    holder.liked()
    [digest] = holder.digests()
    for query in (f"digest={digest.id}", f"q={digest.id}"):
        [entry] = api.call("GET", f"/v1/deliveries?{query}").json["data"]
        assert (entry["digest"], entry["user"], entry["channel"]) == (digest.id, holder.user, "email")
        assert holder.user in admin.get(f"/admin/deliveries?{query}").text
    assert api.call("GET", f"/v1/deliveries?digest={new_id('dig')}").json["data"] == []
    assert api.call("GET", "/v1/deliveries?digest=evt_1").status_code == 422
    assert admin.get("/admin/deliveries?digest=dig_").status_code == 422


def test_an_operator_sends_skips_and_moves_and_stands_in_the_audit(holder: Holder, admin: FlaskClient):
    holder.liked(post="post-1")
    [digest] = holder.digests()
    later = (datetime.now(UTC) + timedelta(days=2)).replace(hour=11, minute=30, second=0, microsecond=0)
    assert steer(admin, "move", digest.id, at=f"{later:%Y-%m-%dT%H:%M}") == "It is moved."
    assert find(holder.api, digest.id).at == later
    assert steer(admin, "send", digest.id) == "It is on its way."
    assert find(holder.api, digest.id).state == "built"
    holder.liked(post="post-2")
    [second] = holder.digests()
    [asked] = re.findall(r"<details.*?</details>", admin.get(f"/admin/digests/{second.id}").text, re.DOTALL)
    assert "cannot be undone" in asked
    assert ">Skip 1 line</button>" in asked
    assert steer(admin, "skip", second.id) == "It is skipped."
    assert find(holder.api, second.id).state == "skipped"
    with holder.api.parts.database.read() as connection:
        rows = connection.execute(select(Audit).where(Audit.subject.contains(holder.user)).order_by(Audit.id)).all()
    assert [(row.who, row.action) for row in rows] == [
        ("operator@app.example", f"digest.{act}") for act in ("move", "send", "skip")
    ]


@pytest.mark.parametrize("act", ["send", "skip", "move"])
def test_a_page_that_is_older_than_its_digest_steers_no_other_one(holder: Holder, admin: FlaskClient, act: str):
    holder.liked(post="post-1")
    [old] = holder.digests()
    steer(admin, "send", old.id)
    holder.liked(post="post-2")
    before = holder.digests()
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert steer(admin, act, old.id, at=tomorrow).startswith("Nothing was done")
    assert holder.digests() == before


@pytest.mark.parametrize("at", ["", "tomorrow", "2020-01-01T00:00", "2999-01-01T00:00"])
def test_a_digest_is_not_moved_to_a_time_that_is_none(holder: Holder, admin: FlaskClient, at: str):
    holder.liked()
    before = holder.digests()
    assert steer(admin, "move", before[0].id, at=at).startswith("It is not moved: the moment must ")
    assert holder.digests() == before


def test_a_viewer_looks_and_has_no_buttons(holder: Holder):
    holder.liked()
    [digest] = holder.digests()
    viewer = signed_in(holder.api, Role.VIEWER)
    page = viewer.get(f"/admin/digests/{digest.id}")
    assert (page.status_code, "Skip</button>" in page.text) == (200, False)
    form = {"csrf_token": token_of(viewer)}
    for act in ("send", "skip", "move"):
        assert viewer.post(f"/admin/digests/{digest.id}/{act}", data=form).status_code == 403
    assert find(holder.api, digest.id).state == "open"


def test_nobody_looks_without_a_session_nor_posts_without_the_forms_token(holder: Holder, admin: FlaskClient):
    holder.liked()
    [digest] = holder.digests()
    for path in ("/admin/digests", f"/admin/digests/{digest.id}"):
        assert holder.api.server.test_client().get(path).location == "/admin/login"
    for act in ("send", "skip", "move"):
        assert admin.post(f"/admin/digests/{digest.id}/{act}").status_code == 400
    assert holder.digests() == [digest]


def test_what_is_not_there_is_said(holder: Holder, admin: FlaskClient):
    assert admin.get(f"/admin/digests/{new_id('dig')}").status_code == 404
    form = {"csrf_token": token_of(admin)}
    assert admin.post(f"/admin/digests/{new_id('dig')}/skip", data=form).status_code == 404
    assert "There is no digest of this person." in admin.get("/admin/digests?user=nobody").text
    assert admin.get("/admin/digests?user=%00").status_code == 422
    holder.liked()
    for cursor in ("x", new_id("dig"), holder.digests()[0].id):
        assert admin.get(f"/admin/digests?cursor={cursor}").status_code == 422


def test_names_cannot_bring_tags_into_the_pages(api: Api, admin: FlaskClient):
    evil = Holder(api, f"<b>&{uuid.uuid4().hex}")
    api.call("PUT", f"/v1/users/%3Cb%3E%26{evil.user[4:]}", {"email": "bob@app.example"})
    evil.liked("ana", name="<i>Ana</i>")
    [digest] = evil.digests()
    for path in ("/admin/digests", f"/admin/digests/{digest.id}"):
        page = admin.get(path)
        assert page.status_code == 200
        assert "<b>" not in page.text
        assert "<i>" not in page.text


def test_ended_digests_are_paged_without_a_gap(holder: Holder, admin: FlaskClient):
    ended = []
    for number in range(52):
        holder.liked(post=f"post-{number}")
        ended += [digest.id for digest in holder.digests()]
        holder.post("skip" if number % 2 else "send", digest=ended[-1])
    seen: list[str] = []
    path = f"/admin/digests?user={holder.user}"
    while path:
        page = admin.get(path.replace("&amp;", "&")).text
        seen += re.findall(r'href="/admin/digests/(dig_\w+)"', page)
        path = next(iter(re.findall(r'rel="next" href="([^"]+)"', page)), "")
    assert seen == ended[::-1]
