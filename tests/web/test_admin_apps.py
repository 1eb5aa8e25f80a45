"""The admin pages of apps: who makes, rotates and ends keys and secrets, and when those were last used."""

import re
import subprocess
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from notifier.store.admins import Role
from notifier.store.apps import BUILT_IN, SCOPES, Apps, Credential, Credentials
from notifier.store.models import AppSecret, Audit, Event
from notifier.store.types import new_id
from notifier.web.access import Doorkeeper
from tests.web.api import Api, like
from tests.web.test_admin import signed_in, token_of

SCRIPT = "<script>alert(1)</script>"
ACTS = ("rotate", "keys", "keys/rotate", "end", "lenient", "revoke", "test")


@pytest.fixture
def owner(api: Api) -> FlaskClient:
    return signed_in(api, Role.OWNER)


@pytest.fixture
def app(api: Api) -> Credentials:
    return api.make_app(*SCOPES)


def act(browser: FlaskClient, path: str, **fields: object) -> TestResponse:
    return browser.post(f"/admin/apps{path}", data={"csrf_token": token_of(browser), **fields})


def said(browser: FlaskClient, answer: TestResponse) -> str:
    [words] = re.findall(r'class="said" role="status">(.*?)</p>', browser.get(answer.location).text)
    return words


def credentials(api: Api, app: str) -> dict[str, list[Credential]]:
    found: dict[str, list[Credential]] = {"key": [], "signing": []}
    with api.parts.database.read() as connection:
        for one in Apps(connection).credentials(app):
            found[one.kind].append(one)
    return found


def audited(api: Api) -> list[str]:
    with api.parts.database.read() as connection:
        return list(connection.scalars(select(Audit.action).order_by(Audit.id)))


def forget(api: Api) -> None:
    """What was remembered of keys: two seconds are over."""
    api.server.extensions["doorkeeper"] = Doorkeeper(api.parts.database)


def test_a_viewer_and_an_operator_look_and_an_owner_acts(api: Api, app: Credentials):
    for role in (Role.VIEWER, Role.OPERATOR):
        browser = signed_in(api, role)
        for path in ("", f"/{app.app}"):
            page = browser.get(f"/admin/apps{path}")
            assert page.status_code == 200
            assert not re.findall(r'action="/admin/apps[^"]*"', page.text)
        assert {act(browser, f"/{app.app}/{one}").status_code for one in ACTS} == {403}
        assert act(browser, "", name="mine", scope="events").status_code == 403


def test_an_app_is_made_and_its_secret_and_key_are_shown_once(api: Api, owner: FlaskClient):
    name = f"app {uuid.uuid4().hex}"
    made = act(owner, "", name=name, scope=["events", "log"], lenient="1")
    assert (made.status_code, made.headers["Cache-Control"]) == (200, "no-store")
    [secret], [key] = set(re.findall(r"whsec_[\w+/=]{44}", made.text)), set(re.findall(r"nk_[\w-]{43}", made.text))
    [app] = set(re.findall(r"app_[0-9a-f]{32}", made.text))
    assert api.call("POST", "/v1/events", like(), key=key).status_code == 202
    assert api.post_signed(like(), app=app, secret=secret).status_code == 202
    assert api.call("PUT", "/v1/users/bob", {}, key=key).status_code == 403
    again = owner.get(f"/admin/apps/{app}").text
    assert (secret in again, key in again, key[:10] in again, "lenient" in again) == (False, False, True, True)
    assert name in owner.get("/admin/apps").text
    assert "app.create" in audited(api)


@pytest.mark.parametrize("fields", [{"name": " ", "scope": "log"}, {"name": "x" * 65, "scope": "log"}, {"name": "x"}])
def test_a_form_that_says_too_little_is_answered_with_what_is_missing(owner: FlaskClient, fields: dict[str, str]):
    answer = act(owner, "", **fields)
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)


def test_the_name_of_an_app_is_shown_and_not_run(owner: FlaskClient):
    made = act(owner, "", name=SCRIPT, scope="events")
    for page in (made.text, owner.get("/admin/apps").text, owner.get("/admin/events").text):
        assert "&lt;script&gt;" in page
        assert SCRIPT not in page


def test_the_lines_to_paste_work(api: Api, owner: FlaskClient):
    made = act(owner, "", name="pasted", scope="events")
    [app] = set(re.findall(r"app_[0-9a-f]{32}", made.text))
    samples = [unescape(one) for one in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", made.text, re.DOTALL)]
    assert len(samples) == 2
    for sample in samples:
        # curl itself only shows what it was given: there is no socket in this test.
        shown = "curl() { printf '%s\\n' \"$@\"; }\n" + sample
        given = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=True).stdout.splitlines()
        path = next(one for one in given if one.startswith("http://")).removeprefix("http://127.0.0.1:8000")
        headers = dict(given[place + 1].split(": ", 1) for place, one in enumerate(given) if one == "-H")
        body = given[given.index("-d") + 1]
        answer = api.server.test_client().post(path, data=body, headers=headers)
        assert answer.status_code == 202, answer.text
    with api.parts.database.read() as connection:
        doors = select(Event.door).where(Event.app_id == app).order_by(Event.id)
        assert list(connection.scalars(doors)) == ["key", "signature"]


def test_a_rotated_secret_is_shown_once_and_the_old_one_ends_when_the_page_says(
    api: Api, owner: FlaskClient, app: Credentials
):
    page = act(owner, f"/{app.app}/rotate", overlap="24")
    [fresh] = set(re.findall(r"whsec_[\w+/=]{44}", page.text))
    forget(api)
    for secret in (app.secret, fresh):
        assert api.post_signed(like(), app=app.app, secret=secret).status_code == 202
    assert re.search(r"ends in 2[34] h \d+ min", page.text)
    act(owner, f"/{app.app}/rotate", overlap="0")
    forget(api)
    assert [one.lives(datetime.now(UTC)) for one in credentials(api, app.app)["signing"]] == [True, False, False]
    assert api.post_signed(like(), app=app.app, secret=fresh).status_code == 401
    act(owner, f"/{app.app}/rotate", overlap="100000")  # no such choice
    ends = credentials(api, app.app)["signing"][1].expires_at
    assert ends is not None
    assert ends - datetime.now(UTC) < timedelta(hours=25)


def test_a_key_is_rotated_with_its_scopes_and_both_work_for_a_while(api: Api, owner: FlaskClient):
    app = api.make_app("events", "log")
    [old] = credentials(api, app.app)["key"]
    page = act(owner, f"/{app.app}/keys/rotate", credential=old.id, overlap="24")
    [fresh] = set(re.findall(r"nk_[\w-]{43}", page.text))
    for key in (app.key, fresh):
        assert api.call("GET", "/v1/deliveries", key=key).status_code == 200
    assert [one.scopes for one in credentials(api, app.app)["key"]] == [("events", "log")] * 2
    assert credentials(api, app.app)["key"][1].expires_at


def test_one_more_key_has_the_scopes_that_were_ticked(api: Api, owner: FlaskClient, app: Credentials):
    page = act(owner, f"/{app.app}/keys", scope="log")
    [key] = set(re.findall(r"nk_[\w-]{43}", page.text))
    assert api.call("GET", "/v1/deliveries", key=key).status_code == 200
    assert api.call("POST", "/v1/events", like(), key=key).status_code == 403
    assert "tick at least one" in said(owner, act(owner, f"/{app.app}/keys"))


def test_a_key_that_was_ended_opens_nothing_and_cannot_be_rotated(api: Api, owner: FlaskClient, app: Credentials):
    [key] = credentials(api, app.app)["key"]
    assert "It has ended" in said(owner, act(owner, f"/{app.app}/end", credential=key.id))
    forget(api)
    assert api.call("GET", "/v1/deliveries", key=app.key).status_code == 401
    for one in ("end", "keys/rotate"):
        assert "Nothing was done" in said(owner, act(owner, f"/{app.app}/{one}", credential=key.id))
    other = api.make_app("log")
    [theirs] = credentials(api, other.app)["key"]
    act(owner, f"/{app.app}/end", credential=theirs.id)
    assert credentials(api, other.app)["key"][0].expires_at is None
    assert act(owner, f"/{app.app}/end", credential="sec_1").status_code == 422


def test_a_key_ends_by_the_true_time_where_the_services_clock_is_ahead(
    api: Api, owner: FlaskClient, app: Credentials, monkeypatch: pytest.MonkeyPatch
):
    ahead = replace(api.server.extensions["notifier"], clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    monkeypatch.setitem(api.server.extensions, "notifier", ahead)  # as CLOCK_SHIFT does
    [key] = credentials(api, app.app)["key"]
    act(owner, f"/{app.app}/end", credential=key.id)
    act(owner, f"/{app.app}/rotate", overlap="0")
    forget(api)
    assert api.call("GET", "/v1/deliveries", key=app.key).status_code == 401
    assert api.post_signed(like(), app=app.app, secret=app.secret).status_code == 401


def test_a_lenient_app_may_send_what_we_do_not_know_and_a_strict_one_not(
    api: Api, owner: FlaskClient, app: Credentials
):
    unknown = {"type": "poke", "data": {"actor": {"id": "ana"}, "object": {"id": "bob"}}}
    for lenient, status in (("1", 202), ("", 422)):
        act(owner, f"/{app.app}/lenient", lenient=lenient)
        forget(api)
        assert api.call("POST", "/v1/events", unknown, key=app.key).status_code == status


def test_an_app_is_revoked_by_whoever_means_it(api: Api, owner: FlaskClient, app: Credentials):
    assert "tick the box" in said(owner, act(owner, f"/{app.app}/revoke"))
    assert "no access any more" in said(owner, act(owner, f"/{app.app}/revoke", sure="1"))
    forget(api)
    assert api.call("GET", "/v1/deliveries", key=app.key).status_code == 401
    page = owner.get(f"/admin/apps/{app.app}").text
    assert ("Revoked" in page, "<button>Rotate" in page) == (True, False)
    for one in ("rotate", "keys", "lenient", "revoke", "test"):
        answer = act(owner, f"/{app.app}/{one}", sure="1", scope="log", user="bob")
        assert "this app has no access any more" in said(owner, answer)
    assert audited(api)[-1] == "app.revoke"


def test_a_test_event_goes_to_the_person_and_its_page_says_so(api: Api, owner: FlaskClient, app: Credentials):
    user = f"u-{uuid.uuid4().hex}"
    answer = act(owner, f"/{app.app}/test", user=user)
    event = answer.location.removeprefix("/admin/events/")
    list(api.parts.steps.planner.plan([event]))
    page = owner.get(answer.location).text
    assert user in page
    assert "a test, posted from the app" in unescape(page)
    assert "Nothing is sent" in said(owner, act(owner, f"/{app.app}/test", user=" "))


def test_everything_that_was_done_is_on_record(api: Api, owner: FlaskClient, app: Credentials):
    [key] = credentials(api, app.app)["key"]
    before = len(audited(api))
    for one in ACTS:
        fields = {"overlap": "1", "scope": "log", "credential": key.id, "sure": "1", "user": "bob"}
        act(owner, f"/{app.app}/{one}", **({"overlap": "1"} if one == "test" else fields))
    done = ["app.rotate", "app.key.add", "app.key.rotate", "app.credential.end", "app.strict", "app.revoke"]
    assert audited(api)[before:] == done


def test_the_built_in_app_is_shown_and_cannot_be_changed(api: Api, owner: FlaskClient):
    with api.parts.database.write() as connection:
        Apps(connection).keep_built_in(api.parts.clock())
        assert Apps(connection).rotate(BUILT_IN, overlap=timedelta(0), now=api.parts.clock()) is None
    page = owner.get(f"/admin/apps/{BUILT_IN}").text
    assert "no credentials" in page
    assert "<form method" not in page.partition("<main")[2]
    for one in ("rotate", "keys", "lenient", "test"):
        assert act(owner, f"/{BUILT_IN}/{one}", scope="log", user="bob").status_code == 409
    assert act(owner, f"/{BUILT_IN}/revoke", sure="1").status_code == 409


def test_an_app_that_is_not_there_is_a_page_that_says_so(owner: FlaskClient):
    nowhere = new_id("app")
    assert owner.get(f"/admin/apps/{nowhere}").status_code == 404
    assert act(owner, f"/{nowhere}/rotate").status_code == 404
    assert owner.get("/admin/apps/nothing").status_code == 404


def test_when_a_credential_was_used_is_noted_once_a_minute(api: Api, owner: FlaskClient, app: Credentials):
    def used() -> list[bool]:
        return [bool(one.last_used_at) for kind in ("key", "signing") for one in credentials(api, app.app)[kind]]

    assert used() == [False, False]
    api.call("GET", "/v1/deliveries", key=app.key)
    assert used() == [True, False]
    api.post_signed(like(), app=app.app, secret=app.secret)
    assert used() == [True, True]
    with api.parts.database.write() as connection:
        connection.execute(update(AppSecret).where(AppSecret.app_id == app.app).values(last_used_at=None))
    api.call("GET", "/v1/deliveries", key=app.key)
    api.post_signed(like(), app=app.app, secret=app.secret)
    assert used() == [False, False]  # the minute is not over
    forget(api)
    api.call("GET", "/v1/deliveries", key=app.key)
    assert used() == [True, False]


def test_what_was_refused_of_an_app_lately_stands_on_its_page(api: Api, owner: FlaskClient, app: Credentials):
    api.call("POST", "/v1/events", b"{nope", key=app.key)
    assert "The body is not JSON" in owner.get(f"/admin/apps/{app.app}").text
    row = next(row for row in owner.get("/admin/apps").text.split("<tr>") if app.app in row)
    assert f'href="/admin/events/rejected?app={app.app}">1<' in row


def test_the_default_apps_new_secret_is_kept_for_the_demo(api: Api, owner: FlaskClient):
    made = api.make_app(*SCOPES)
    api.parts.home.keep_default_app(made)
    act(owner, f"/{made.app}/rotate", overlap="24")
    kept = api.parts.home.default_app
    assert kept is not None
    assert (kept.key, kept.secret != made.secret) == (made.key, True)
    [key] = credentials(api, made.app)["key"]
    act(owner, f"/{made.app}/keys/rotate", credential=key.id)
    rotated = api.parts.home.default_app
    assert rotated is not None
    assert (rotated.secret, rotated.key != made.key) == (kept.secret, True)
