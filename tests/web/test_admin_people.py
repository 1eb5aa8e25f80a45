"""The admin pages of people: found by id or address, one person with all that is known, and what admins do for them."""

import html
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from notifier.store.admins import Role
from notifier.store.export import export_text
from notifier.store.models import Address, Audit
from tests.web.api import Api, like
from tests.web.test_admin import signed_in, token_of
from tests.web.test_erase import found_in
from tests.web.test_people import subscription

ODD = ("a/b", "/x/", "Ünï çødé 人", "50% off?#x", "..", "a+b&c=d", "<script>alert(1)</script>", "two  spaces")


@pytest.fixture
def operator(api: Api) -> FlaskClient:
    return signed_in(api, Role.OPERATOR)


@pytest.fixture
def owner(api: Api) -> FlaskClient:
    return signed_in(api, Role.OWNER)


@pytest.fixture
def viewer(api: Api) -> FlaskClient:
    return signed_in(api, Role.VIEWER)


@pytest.fixture
def bob(api: Api) -> str:
    """A person with a mailbox and a device."""
    made = f"bob-{uuid.uuid4().hex}"
    put(api, made, email=f"{made}@app.example", name="Bob", timezone="Asia/Tokyo")
    assert api.call("POST", f"/v1/users/{made}/push-subscriptions", subscription()).status_code == 201
    return made


def put(api: Api, user: str, **profile: str) -> None:
    assert api.call("PUT", f"/v1/users/{quote(user, safe='')}", profile).status_code == 200


def path(user: str) -> str:
    return f"/admin/people/{quote(user, safe='')}"


def text_of(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def post(browser: FlaskClient, path: str, **fields: str) -> TestResponse:
    return browser.post(path, data={"csrf_token": token_of(browser), **fields})


def said(browser: FlaskClient, answer: TestResponse) -> str:
    """What the page says to which a post leads."""
    assert answer.status_code == 302, answer.text
    [found] = re.findall(r'class="said" role="status">(.*?)</p>', browser.get(answer.location).text)
    return html.unescape(found)


def address_of(api: Api, user: str, channel: str) -> str:
    with api.parts.database.read() as connection:
        found = connection.scalar(select(Address.id).where(Address.user_id == user, Address.channel == channel))
    assert found
    return found


def suppress(api: Api, user: str, why: str = "550 5.1.1 User unknown", channel: str = "email") -> str:
    """Let the address be refused for good."""
    gone = address_of(api, user, channel)
    with api.parts.database.write() as connection:
        values = {"gone_at": api.parts.clock(), "gone_why": why}
        connection.execute(update(Address).where(Address.id == gone).values(values))
    return gone


def audited(api: Api, subject: str) -> list[tuple[str, str]]:
    with api.parts.database.read() as connection:
        query = select(Audit.who, Audit.action).where(Audit.subject.contains(subject, autoescape=True))
        return [(row.who, row.action) for row in connection.execute(query.order_by(Audit.id))]


def tell(api: Api, of: str) -> str:
    """Somebody likes a post of theirs; the event."""
    event: str = api.post(like(of=of)).json["id"]
    for _ in api.parts.steps.planner.plan([event]):
        pass
    return event


def listed(answer: TestResponse) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'<a href="/admin/people/[^"?]+">(.*?)</a>', answer.text)]


def test_the_list_begins_with_the_newest_and_is_paged_without_a_gap(api: Api, viewer: FlaskClient):
    group = uuid.uuid4().hex
    made = [f"{group}-{number:03}" for number in range(120)]
    for user in made:
        put(api, user)
    for order, expected in (("newest", made[::-1]), ("id", made)):
        seen: list[str] = []
        page = f"/admin/people?order={order}"
        while page:
            answer = viewer.get(html.unescape(page))
            seen += [user for user in listed(answer) if user.startswith(group)]
            page = next(iter(re.findall(r'rel="next" href="([^"]+)"', answer.text)), "")
        assert seen == expected


def test_a_search_finds_all_whose_id_begins_so_page_by_page(api: Api, viewer: FlaskClient):
    group = f"100%_{uuid.uuid4().hex}"
    made = [f"{group}-{number:03}" for number in range(60)]
    for user in (*made, group.replace("_", "x"), group.upper()):
        put(api, user)
    seen: list[str] = []
    page = f"/admin/people?q={quote(group)}"
    while page:
        answer = viewer.get(html.unescape(page))
        seen += listed(answer)
        page = next(iter(re.findall(r'rel="next" href="([^"]+)"', answer.text)), "")
    assert seen == made


def test_operators_find_a_person_by_their_mail_address_and_viewers_do_not(
    api: Api, bob: str, operator: FlaskClient, viewer: FlaskClient
):
    sought = f"/admin/people?q={bob}@APP.example"
    assert listed(operator.get(sought)) == [bob]
    assert listed(viewer.get(sought)) == []
    assert "only operators find people by their mail address" in text_of(viewer.get(sought))
    assert "nobody’s mail address" in text_of(operator.get("/admin/people?q=nobody@app.example"))


def test_an_id_that_is_a_mail_address_is_found_once(api: Api, operator: FlaskClient):
    user = f"{uuid.uuid4().hex}@app.example"
    put(api, user, email=user)
    assert listed(operator.get(f"/admin/people?q={user}")) == [user]


@pytest.mark.parametrize("query", ["q=%00", "q=" + "x" * 256, "cursor=nobody-at-all", "order=id&cursor=%07"])
def test_what_cannot_be_looked_for_is_said(viewer: FlaskClient, query: str):
    answer = viewer.get(f"/admin/people?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_a_viewer_sees_no_whole_address_anywhere_and_no_buttons(api: Api, bob: str, viewer: FlaskClient):
    suppress(api, bob, f"550 5.1.1 <{bob.upper()}@app.example> unknown")
    tell(api, bob)
    for page in (path(bob), f"/admin/people?q={bob}", "/admin/suppressions"):
        shown = text_of(viewer.get(page))
        assert "b•••@app.example" in shown
        assert f"{bob}@app.example" not in shown.lower()
        assert "p256dh" not in shown
        for act in ("Lift", "Send test", "Remove", "Export", "Erase"):
            assert act not in shown


def test_an_operator_sees_the_address_and_never_the_keys_of_a_device(api: Api, bob: str, operator: FlaskClient):
    shown = text_of(operator.get(path(bob)))
    assert f"{bob}@app.example" in shown
    assert "fcm.googleapis.com/…" in shown
    assert "p256dh" not in shown
    assert "fcm/send" not in shown
    assert "Erase" not in shown  # only owners erase


def test_the_page_of_a_person_tells_what_they_chose_and_what_is_default(api: Api, bob: str, viewer: FlaskClient):
    wishes = {
        "types": {"like": {"email": "weekly"}},
        "quiet_hours": {"start": "22:00", "end": "07:00"},
        "cap_per_hour": {"email": 3},
        "paused_until": f"{(until := datetime.now(UTC) + timedelta(days=7)):%Y-%m-%dT%H:%M:%SZ}",
    }
    api.call("PUT", f"/v1/users/{bob}/preferences", wishes)
    shown = re.sub(r"\s+", " ", text_of(viewer.get(path(bob))))
    row = re.findall(r'<th scope="row">like.*?</tr>', shown)[0]
    assert re.findall(r"<td>(.*?)</td>", row) == ['weekly <span class="own">chosen</span>', "instant", "on"]
    assert '22:00–07:00 <span class="own">chosen</span>' in shown
    assert '3 an hour <span class="own">chosen</span>' in shown
    assert "30 an hour <span" not in shown
    assert f'>{until.astimezone(ZoneInfo("Asia/Tokyo")):%Y-%m-%d %H:%M}</time> <span class="own"' in shown
    assert "security <span" in shown
    assert "notifier.test" not in shown
    assert "Asia/Tokyo" in shown


def test_the_history_says_who_changed_what_through_what_and_is_paged(api: Api, bob: str, viewer: FlaskClient):
    for number in range(25):
        cap = {"cap_per_hour": {"email": number + 1}}
        assert api.call("PUT", f"/v1/users/{bob}/preferences", cap).status_code == 200
    api.call("PUT", f"/v1/users/{bob}/mutes/type:share")
    first = text_of(viewer.get(path(bob)))
    assert "type:share" in first
    assert "the API" in first
    assert "cap_per_hour/email" in first
    [earlier] = re.findall(r'rel="next" href="([^"]+)"', first)
    rest = text_of(viewer.get(earlier.partition("#")[0]))
    after = re.compile(r"<td>cap_per_hour/email</td>\s*<td>.*?</td>\s*<td>(\d+)</td>")
    assert [int(one) for one in after.findall(first) + after.findall(rest)] == list(range(25, 0, -1))


def test_the_page_shows_what_was_told_what_waits_and_whom_they_block(api: Api, bob: str, viewer: FlaskClient):
    event = tell(api, bob)
    api.call("PUT", f"/v1/users/{bob}/blocks/{quote('troll/1', safe='')}")
    shown = text_of(viewer.get(path(bob)))
    found = api.call("GET", f"/v1/deliveries?event={event}").json["data"]
    assert len(found) == 3
    assert all(f'href="/admin/deliveries/{one["id"]}"' in shown for one in found)
    assert f'href="/admin/deliveries?user={bob}"' in shown
    assert re.search(r'href="/admin/digests/dig_\w+">daily', shown)
    assert 'href="/admin/people/troll%2F1"' in shown
    assert "blocks <strong>1</strong>" in shown


@pytest.mark.parametrize("user", ODD)
def test_ids_with_odd_characters_have_a_page_and_stand_in_the_list_harmless(api: Api, user: str, owner: FlaskClient):
    user = f"{user}{uuid.uuid4().hex}"
    put(api, user, name=f"<b>{user}", email="odd@app.example")
    page = owner.get(path(user))
    assert f"<code>{user}</code>" in text_of(page)
    for answer in (page, owner.get(f"/admin/people?q={quote(user, safe='')}"), owner.get(f"{path(user)}/erase")):
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<b>" not in answer.text
    assert listed(owner.get(f"/admin/people?q={quote(user, safe='')}")) == [user]
    mailbox = address_of(api, user, "email")
    assert post(owner, f"{path(user)}/addresses/{mailbox}/test").location.startswith("/admin/deliveries/dlv_")


def test_nobody_has_no_page_and_somebody_without_a_profile_has_one(api: Api, owner: FlaskClient):
    nobody = f"nobody-{uuid.uuid4().hex}"
    assert owner.get(path(nobody)).status_code == 404
    assert post(owner, f"{path(nobody)}/export").status_code == 404
    tell(api, nobody)
    assert "No app has sent a profile" in text_of(owner.get(path(nobody)))
    assert path(nobody) in text_of(owner.get(f"/admin/people?q={nobody}"))


def test_a_test_message_is_queued_for_that_device_and_followed_on_its_delivery(
    api: Api, bob: str, operator: FlaskClient
):
    device = address_of(api, bob, "push")
    answer = post(operator, f"{path(bob)}/addresses/{device}/test")
    assert "on its way" in said(operator, answer)
    [entry] = api.call("GET", f"/v1/deliveries?user={bob}").json["data"]
    assert answer.location == f"/admin/deliveries/{entry['id']}"
    assert (entry["type"], entry["channel"], entry["state"]) == ("notifier.test", "push", "queued")
    assert audited(api, bob) == [("operator@app.example", "address.test")]
    suppress(api, bob, "410 gone", "push")
    assert "Nothing was sent" in said(operator, post(operator, f"{path(bob)}/addresses/{device}/test"))


def test_no_app_can_send_a_test_message(api: Api, bob: str):
    body = {"type": "notifier.test", "data": {"actor": {"id": "ana"}, "object": {"id": "o"}, "to": [bob]}}
    answer = api.post(body)
    assert answer.status_code == 422
    [fault] = answer.get_json(force=True)["errors"]
    assert (fault["pointer"], "the service's own" in fault["detail"]) == ("/type", True)


def test_a_device_is_removed_and_a_mailbox_is_not(api: Api, bob: str, operator: FlaskClient):
    device, mailbox = address_of(api, bob, "push"), address_of(api, bob, "email")
    assert "removed" in said(operator, post(operator, f"{path(bob)}/addresses/{device}/remove"))
    assert "no such device" in said(operator, post(operator, f"{path(bob)}/addresses/{mailbox}/remove"))
    [shown] = api.call("GET", f"/v1/users/{bob}/push-subscriptions").json["data"]
    assert shown["state"] == "gone"
    assert api.call("GET", f"/v1/users/{bob}").json["email"]
    assert audited(api, bob) == [("operator@app.example", "device.remove")]


def test_the_export_is_that_of_the_api_and_of_the_command_line_and_stands_in_the_audit(
    api: Api, bob: str, operator: FlaskClient
):
    tell(api, bob)
    answer = post(operator, f"{path(bob)}/export")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert json.loads(answer.text)["user"]["id"] == bob
    # What `notifier users export` prints.
    taken = export_text(api.parts.database, bob, who="ada (command line)", now=api.parts.clock())
    assert answer.text == "".join(taken)
    assert answer.text == api.call("GET", f"/v1/users/{bob}/export").text
    them = ("operator@app.example", "ada (command line)", api.app.app)
    assert audited(api, bob) == [(who, "user.export") for who in them]


def test_an_owner_who_types_the_id_erases_a_person_everywhere(api: Api, owner: FlaskClient):
    user = f"gone/{uuid.uuid4().hex}"
    put(api, user, email=f"{uuid.uuid4().hex}@app.example", name=f"Name of {user}")
    tell(api, user)
    post(owner, f"{path(user)}/export")
    mailbox = address_of(api, user, "email")
    post(owner, f"{path(user)}/addresses/{mailbox}/test")
    assert "Type the person’s id" in text_of(owner.get(f"{path(user)}/erase"))
    wrong = post(owner, f"{path(user)}/erase", typed=f"{user} ")
    assert (wrong.status_code, "Nothing was erased" in wrong.text) == (422, True)
    assert owner.get(path(user)).status_code == 200
    assert "erased_" in said(owner, post(owner, f"{path(user)}/erase", typed=user))
    assert owner.get(path(user)).status_code == 404
    assert found_in(api.parts.database, user) == []
    assert audited(api, "erased_")[-1] == ("owner@app.example", "user.erase")
    assert api.call("GET", "/v1/books").json["balanced"]


@pytest.mark.parametrize(
    ("act", "least"),
    [
        ("addresses/{address}/test", Role.OPERATOR),
        ("addresses/{address}/remove", Role.OPERATOR),
        ("export", Role.OPERATOR),
        ("erase", Role.OWNER),
    ],
)
def test_each_act_needs_its_role(api: Api, bob: str, act: str, least: Role):
    target = f"{path(bob)}/{act.format(address=address_of(api, bob, 'push'))}"
    for role in Role:
        if not role.includes(least):
            assert post(signed_in(api, role), target, typed=bob).status_code == 403
    assert audited(api, bob) == []
    assert api.call("GET", f"/v1/users/{bob}").status_code == 200


def test_a_block_or_mute_that_an_event_says_stands_in_the_history_once(api: Api, bob: str, viewer: FlaskClient):
    def say(type_: str, **thing: str) -> None:
        event = api.post({"type": type_, "data": {"actor": {"id": bob}, "object": thing}}).json["id"]
        for _ in api.parts.steps.planner.plan([event]):
            pass

    say("block", id="troll", type="person")
    say("block", id="troll", type="person")
    say("mute", id="post-7", type="post")
    say("follow", id="ana", type="person")
    say("block.deleted", id="troll", type="person")
    history = api.call("GET", f"/v1/users/{bob}/preferences/history").json["data"]
    assert [(one["what"], one["before"], one["after"], one["through"]) for one in history] == [
        ("block", "troll", None, "event"),
        ("mute", None, "object:post-7", "event"),
        ("block", None, "troll", "event"),
    ]
    assert {one["by"] for one in history} == {api.app.app}
    assert "an event of the app" in text_of(viewer.get(path(bob)))
