"""The admin pages' doors: who gets in, how often, and what no other site can do in their name."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from notifier.app.parts import now
from notifier.store.admins import Admins, Role
from notifier.store.types import new_id
from tests.web.api import Api, like

NOWHERE = f"/admin/deliveries/{new_id('dlv')}"


def link(api: Api, role: Role = Role.OWNER) -> str:
    """The path of a one-time link."""
    with api.parts.database.write() as connection:
        admins = Admins(connection)
        token = admins.link(admins.save(f"{role}@app.example", role, now()).id, now())
    return f"/admin/login/once/{token}"


def signed_in(api: Api, role: Role = Role.OWNER) -> FlaskClient:
    browser = api.server.test_client()
    assert browser.get(link(api, role)).status_code == 302
    return browser


def token_of(browser: FlaskClient) -> str:
    return re.findall(r'name="csrf_token" value="([^"]+)"', browser.get("/admin/deliveries").text)[0]


def test_without_a_session_every_page_leads_to_the_sign_in(api: Api):
    browser = api.server.test_client()
    for path in ("/admin", "/admin/deliveries?next=//evil.example", NOWHERE):
        answer = browser.get(path)
        assert (answer.status_code, answer.location) == (302, "/admin/login")


def test_a_link_opens_once(api: Api):
    once = link(api)
    looked = api.server.test_client().head(once)
    assert (looked.status_code, "Set-Cookie" in looked.headers) == (200, False)
    assert api.server.test_client().get(once).status_code == 302
    again = api.server.test_client().get(once)
    assert (again.status_code, "Set-Cookie" in again.headers) == (401, False)
    assert api.server.test_client().get("/admin/login/once/none").status_code == 401


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(api: Api):
    cookie = api.server.test_client().get(link(api)).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


def test_an_admin_who_was_removed_is_out_at_once_and_one_whose_role_shrank_has_the_smaller(api: Api):
    browser = signed_in(api, Role.OPERATOR)
    form = {"csrf_token": token_of(browser)}
    with api.parts.database.write() as connection:
        connection.execute(text("UPDATE admins SET role = 'viewer' WHERE email = 'operator@app.example'"))
    assert browser.post(f"{NOWHERE}/cancel", data=form).status_code == 403
    with api.parts.database.write() as connection:
        connection.execute(text("DELETE FROM login_links"))
        connection.execute(text("DELETE FROM admins WHERE email = 'operator@app.example'"))
    assert browser.get("/admin/deliveries").location == "/admin/login"


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 302), (Role.OWNER, 302)])
def test_a_viewer_looks_and_an_operator_acts(api: Api, role: Role, status: int):
    browser = signed_in(api, role)
    assert browser.get("/admin/deliveries").status_code == 200
    form = {"csrf_token": token_of(browser)}
    assert browser.post(f"{NOWHERE}/cancel", data=form).status_code == status


def test_signing_out_ends_the_session(api: Api):
    browser = signed_in(api)
    assert browser.post("/admin/logout", data={"csrf_token": token_of(browser)}).location == "/admin/login"
    assert browser.get("/admin/deliveries").status_code == 302


def pages(api: Api, query: str) -> TestResponse:
    """The log with so many deliveries that there is another page."""
    events = [api.post(like(of=f"reader-{number}")).json["id"] for number in range(60)]
    for _ in api.parts.steps.planner.plan(events):
        pass
    return signed_in(api).get(f"/admin/deliveries?{query}")


@pytest.mark.parametrize("name", ["endpoint", "_external", "_scheme", "_anchor", "nothing"])
def test_a_name_that_is_no_filter_is_not_taken_along_to_the_next_page(api: Api, name: str):
    page = pages(api, f"{name}=")
    assert page.status_code == 200
    assert re.findall(r'rel="next" href="/admin/deliveries[?]window=24h&amp;cursor=([^"&]+)"', page.text)


def test_the_link_to_older_ones_keeps_the_filter(api: Api):
    page = pages(api, "channel=feed&channel=email&state=")
    assert page.status_code == 200
    [older] = re.findall(r'rel="next" href="([^"]+)"', page.text)
    assert older.count("channel=") == 2
    assert signed_in(api).get(older.replace("&amp;", "&")).status_code == 200


def test_an_address_that_leads_nowhere_keeps_the_frame_of_whoever_is_signed_in(api: Api):
    stranger, viewer = api.server.test_client(), signed_in(api, Role.VIEWER)
    for browser, words in ((viewer, "To the overview"), (stranger, "To the sign-in")):
        page = browser.get("/admin/nowhere")
        assert (page.status_code, words in page.text) == (404, True)
        assert "There is no such page." in page.text
    old = viewer.post("/admin/logout", data={"csrf_token": "old"})
    assert (old.status_code, "To the overview" in old.text) == (400, True)


def test_whatever_is_no_page_says_so_in_our_own_dress(api: Api):
    nowhere = api.server.test_client().get("/nowhere")
    assert (nowhere.status_code, "There is no such page." in nowhere.text) == (404, True)
    assert "notifier.css" in nowhere.text
    wrong = api.server.test_client().put("/docs")
    assert (wrong.status_code, "GET" in wrong.headers["Allow"]) == (405, True)


def test_the_audit_names_the_app_that_acted(api: Api):
    assert (
        api.call("POST", "/v1/schedules", {"name": "late", "kind": "digests", "cron": "0 9 * * *"}).status_code == 201
    )
    page = signed_in(api).get("/admin/audit?action=schedule.add").text
    assert f'title="{api.app.app}">the app ' in page


@pytest.mark.parametrize(
    ("address", "says"),
    [
        (
            "deliveries?state=nope&q=bob",
            "<code>state</code>: This must be waiting, queued, sending, sent, bounced, failed, skipped or cancelled.",
        ),
        ("deliveries?since=yesterday&q=bob", "<code>since</code>: This must be a time (UTC) such as 2026-11-21T18:00."),
        ("deliveries?cursor=x&q=bob", "<code>cursor</code>: This page of the log is not there; begin with the newest."),
        (f"deliveries?q=bob&user={'x' * 256}", "<code>user</code>: This must have at most 255 characters."),
        (f"events?q=bob&actor={'x' * 256}", "<code>actor</code>: This must have at most 255 characters."),
        ("events/rejected?app=nobody", "<code>app</code>: There is no such app; choose one from the list."),
        ("digests?cursor=x&user=bob", "This page of digests is not there any more; begin with the latest."),
    ],
)
def test_a_wrong_filter_is_answered_by_a_sentence_on_the_same_page_and_is_kept(api: Api, address: str, says: str):
    page = signed_in(api).get(f"/admin/{address}")
    assert page.status_code == 422
    assert re.findall(r'role="alert"><p>(.*?)</p>', page.text) == [says]
    assert 'class="filters" method="get"' in page.text
    assert ('value="bob"' in page.text) == ("bob" in address)
    assert 'value="nope"' not in page.text  # what nobody could see, to mend it
