"""The doors of the admin pages as a browser meets them: sign-in, the own account, the other admins, the audit."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from notifier.app.parts import now
from notifier.store import audit
from notifier.store.admins import Admins, Role
from notifier.store.sessions import IDLE
from notifier.store.tries import MOST
from notifier.store.types import new_id
from tests.web.api import Api
from tests.web.test_admin import link, signed_in

SECRET = "a cow on a balcony"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def _nothing_tried(api: Api) -> Iterator[None]:
    """Each test begins with a clean door."""
    yield
    with api.parts.database.write() as connection:
        for table in ("signin_tries", "login_links", "admin_sessions", "recovery_codes", "admins"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 (our own words)


def token_of(page: TestResponse) -> str:
    return re.findall(r'name="csrf_token" value="([^"]+)"', page.text)[0]


def post(browser: FlaskClient, path: str, page: str = "/admin/account", **form: str) -> TestResponse:
    """Post a form of that page."""
    return browser.post(path, data={"csrf_token": token_of(browser.get(page)), **form})


def type_password(browser: FlaskClient, password: str = SECRET, email: str = "owner@app.example") -> TestResponse:
    return post(browser, "/admin/login", "/admin/login", email=email, password=password)


def with_password(api: Api, role: Role = Role.OWNER) -> FlaskClient:
    """A browser that is signed in, of an admin who has a password."""
    browser = signed_in(api, role)
    answer = post(browser, "/admin/account/password", new=SECRET, again=SECRET)
    assert answer.status_code == 302, answer.text
    return browser


def with_app(browser: FlaskClient) -> tuple[pyotp.TOTP, list[str]]:
    """The second step turned on: the app, and the recovery codes as they are shown."""
    post(browser, "/admin/account/totp", current=SECRET)
    [secret] = re.findall(r"this key: <code>(\w+)</code>", browser.get("/admin/account").text)
    app = pyotp.TOTP(secret)
    shown = post(browser, "/admin/account/totp/on", code=app.now())
    assert shown.headers["Cache-Control"] == "no-store"
    return app, re.findall(r"<li><code>([\w-]+)</code></li>", shown.text)


def test_a_password_that_was_set_signs_in_and_leads_to_where_one_wanted_to_go(api: Api):
    with_password(api)
    browser = api.server.test_client()
    assert browser.get("/admin/deliveries?state=failed&q=b%C3%B6b").location == "/admin/login"
    assert type_password(browser, SECRET + "?").status_code == 401
    assert type_password(browser).location == "/admin/deliveries?state=failed&q=b%C3%B6b"
    assert browser.get("/admin/deliveries").status_code == 200
    assert browser.get("/admin/login").location == "/admin"


@pytest.mark.parametrize(
    "wanted",
    ["/admin/deliveries?next=//evil.example", "/admin//evil.example", "/admin/%5C%5Cevil.example", "/administrator"],
)
def test_after_the_sign_in_one_is_never_sent_to_another_site(api: Api, wanted: str):
    browser = api.server.test_client()
    browser.get(wanted)
    browser.get("/admin/login?next=//evil.example")
    location = browser.get(link(api)).location
    assert re.match(r"/admin([/?]|$)", location)
    assert "\\" not in location


def test_a_form_that_was_sent_too_late_leads_to_no_place(api: Api):
    browser = api.server.test_client()
    browser.get("/admin/login")
    browser.post("/admin/logout", data={"csrf_token": token_of(browser.get("/admin/login"))})
    assert browser.get(link(api)).location == "/admin"


@pytest.mark.parametrize("known", [True, False])
def test_wrong_is_wrong_in_the_same_words_and_too_often_says_when_to_come_back(api: Api, known: bool):
    with_password(api)
    browser, email = api.server.test_client(), "owner@app.example" if known else "nobody@app.example"
    for _ in range(MOST):
        answer = type_password(browser, "wrong", email)
        assert answer.status_code == 401
        assert "This e-mail address and this password do not go together." in answer.text
    closed = type_password(browser, SECRET, email)
    assert closed.status_code == 429
    assert 0 < int(closed.headers["Retry-After"]) <= 15 * 60
    assert re.search(r"Too many tries\. Try again in 1[45] minutes\.", closed.text)


def test_the_form_for_a_link_answers_the_same_for_whatever_address(api: Api):
    signed_in(api)
    browser = api.server.test_client()
    answers = [
        post(browser, "/admin/login/link", "/admin/login", email=email)
        for email in ("owner@app.example", "nobody@app.example", "no address", "")
    ]
    assert {answer.status_code for answer in answers} == {200}
    plain = {re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text) for answer in answers}
    assert len(plain) == 1
    assert "If this is the address of an admin" in plain.pop()


def test_a_link_that_was_mailed_opens_at_its_button_and_not_for_a_scanner_that_looks(api: Api):
    with api.parts.database.write() as connection:
        admins = Admins(connection)
        token = admins.link(admins.save("ann@app.example", Role.VIEWER, now()).id, now(), asks=True)
    path, scanner = f"/admin/login/once/{token}", api.server.test_client()
    for _ in range(2):
        assert "ann@app.example" in scanner.get(path).text
    assert scanner.get("/admin/deliveries").status_code == 302
    browser = api.server.test_client()
    assert post(browser, path, path).location == "/admin"
    assert browser.get("/admin/deliveries").status_code == 200
    assert scanner.get(path).status_code == 401


def test_the_second_step_is_asked_for_after_the_password(api: Api):
    app, codes = with_app(with_password(api))
    assert len(codes) == 10
    browser = api.server.test_client()
    assert type_password(browser).location == "/admin/login/code"
    assert browser.get("/admin/deliveries").status_code == 302
    assert post(browser, "/admin/login/code", "/admin/login/code", code="nothing").status_code == 401
    used = post(browser, "/admin/login/code", "/admin/login/code", code=app.now())
    assert used.status_code == 401, "the code that turned it on was used"
    assert post(browser, "/admin/login/code", "/admin/login/code", code=codes[0]).location == "/admin/deliveries"
    assert browser.get("/admin/deliveries").status_code == 200


def test_without_the_first_step_there_is_no_second(api: Api):
    browser = api.server.test_client()
    assert browser.get("/admin/login/code").location == "/admin/login"
    answer = browser.post("/admin/login/code", data={"csrf_token": token_of(browser.get("/admin/login")), "code": "1"})
    assert answer.location == "/admin/login"


def test_the_page_of_the_account_shows_the_key_as_a_picture_without_any_style_or_script(api: Api):
    browser = with_password(api)
    post(browser, "/admin/account/totp", current=SECRET)
    page = browser.get("/admin/account").text
    [picture] = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert "style" not in picture
    assert 'fill="#fff"' in picture


def test_a_browser_can_be_signed_out_from_another_and_is_named_by_what_it_is(api: Api):
    here = with_password(api)
    there = api.server.test_client()
    assert there.get(link(api), headers={"User-Agent": FIREFOX}).status_code == 302
    page = here.get("/admin/account").text
    assert "Firefox on Linux" in page
    ends = re.findall(r'action="(/admin/account/sessions/ses_\w+/end)"', page)
    assert len(ends) == 2
    other = next(path for path in ends if "Sign out Firefox on Linux" in page[page.index(path) :][:400])
    assert post(here, other).status_code == 302
    assert there.get("/admin/deliveries").location == "/admin/login"
    assert here.get("/admin/deliveries").status_code == 200
    assert post(here, other).status_code == 404


def test_signing_out_everywhere_else_leaves_this_browser_alone(api: Api):
    here, there = signed_in(api), signed_in(api)
    assert post(here, "/admin/account/sessions/end").status_code == 302
    assert there.get("/admin/deliveries").status_code == 302
    assert "Signed out of 1 other browser." in here.get("/admin/account").text


def test_a_session_that_slept_is_over_and_one_in_use_is_written_down_once_a_minute(api: Api):
    browser = signed_in(api)

    def seen_at() -> str:
        with api.parts.database.read() as connection:
            return str(connection.scalar(text("SELECT seen_at FROM admin_sessions")))

    def move(by: timedelta) -> None:
        with api.parts.database.write() as connection:
            then = now() - by
            moment = then.replace(tzinfo=None).isoformat(" ") if api.parts.database.on_sqlite else then
            connection.execute(text("UPDATE admin_sessions SET seen_at = :at"), {"at": moment})

    before = seen_at()
    browser.get("/admin/deliveries")
    assert seen_at() == before
    move(timedelta(seconds=61))
    slept = seen_at()
    browser.get("/admin/deliveries")
    assert seen_at() > slept
    move(IDLE)
    assert browser.get("/admin/deliveries").location == "/admin/login"


def test_passwords_that_differ_or_are_no_good_are_not_set_and_the_page_says_why(api: Api):
    browser = signed_in(api)
    for new, again, says in (("one two three", "one two three ", "differ"), ("short", "short", "at least 12")):
        answer = post(browser, "/admin/account/password", new=new, again=again)
        assert answer.status_code == 422
        assert says in answer.text
    assert "You have no password yet" in browser.get("/admin/account").text


def test_an_owner_asks_somebody_in_by_a_link_that_is_shown_once(api: Api):
    owner = signed_in(api)
    shown = post(owner, "/admin/admins", "/admin/admins", email="New@app.example", role="operator", how="show")
    assert shown.headers["Cache-Control"] == "no-store"
    [path] = re.findall(r"<code>http://[^/]+(/admin/login/once/[\w-]+)</code>", shown.text)
    guest = api.server.test_client()
    assert post(guest, path, path).location == "/admin"
    assert "new@app.example · operator" in guest.get("/admin/deliveries").text
    again = post(owner, "/admin/admins", "/admin/admins", email="new@APP.example", role="owner", how="show")
    assert (again.status_code, "is an admin already" in again.text) == (422, True)


@pytest.mark.parametrize(("email", "role"), [("nobody", "viewer"), ("", "viewer"), ("a@app.example", "king")])
def test_an_invitation_that_makes_no_sense_is_refused_with_what_would_be_right(api: Api, email: str, role: str):
    owner = signed_in(api)
    answer = post(owner, "/admin/admins", "/admin/admins", email=email, role=role, how="show")
    assert answer.status_code == 422
    assert re.search("like bob@app.example|one of viewer, operator, owner", answer.text)


def test_an_owner_changes_a_role_and_removes_an_admin_but_never_the_last_owner(api: Api):
    owner, operator = signed_in(api), signed_in(api, Role.OPERATOR)
    page = owner.get("/admin/admins").text
    found = dict(re.findall(r'href="(/admin/admins/adm_\w+)">(\w+)@app', page))
    paths = {name: path for path, name in found.items()}
    post(owner, f"{paths['operator']}/role", paths["operator"], role="viewer")
    assert operator.get("/admin/audit").status_code == 403
    post(owner, f"{paths['operator']}/remove", paths["operator"])
    assert operator.get("/admin/deliveries").location == "/admin/login"
    post(owner, f"{paths['owner']}/remove", paths["owner"])
    assert "last owner" in owner.get("/admin/admins").text
    assert post(owner, f"{paths['operator']}/remove", paths["owner"]).status_code == 404


def test_the_menu_shows_to_each_what_is_for_them(api: Api):
    shown = {role: signed_in(api, role).get("/admin/deliveries").text for role in Role}
    assert [role for role in Role if '"/admin/admins"' in shown[role]] == [Role.OWNER]
    assert [role for role in Role if '"/admin/audit"' in shown[role]] == [Role.OPERATOR, Role.OWNER]


def noted(api: Api, *rows: tuple[str, str, str]) -> None:
    with api.parts.database.write() as connection:
        for row in rows:
            Admins(connection).note(*row, now())


def test_the_audit_is_filtered_by_who_what_and_when_and_keeps_its_filter_from_page_to_page(api: Api):
    delivery = new_id("dlv")
    noted(api, *[("ann@app.example", "delivery.retry", f"{delivery} {number:03}") for number in range(60)])
    noted(api, ("=cmd()", "-x", "@evil <script>"))
    browser = signed_in(api, Role.OPERATOR)
    page = browser.get("/admin/audit?who=ann@app.example&action=delivery.&subject=dlv_").text
    assert page.count("</tr>") == 51
    assert f'<a href="/admin/deliveries/{delivery}">' in page
    [older] = re.findall(r'rel="next" href="([^"]+)"', page)
    rest = browser.get(unescape(older)).text
    assert rest.count("</tr>") == 11
    assert "<script>" not in browser.get("/admin/audit?who==cmd()").text
    ahead = (now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert "Nothing matches" in browser.get(f"/admin/audit?since={ahead}").text
    assert browser.get(f"/admin/audit?until={ahead}&who=ann@app.example").text.count("</tr>") == 51


@pytest.mark.parametrize(
    "query", ["since=yesterday", "until=2026-02-31T00:00", "cursor=x", "who=%00", f"who={'x' * 513}"]
)
def test_a_filter_that_makes_no_sense_is_refused_with_what_would_be_right(api: Api, query: str):
    answer = signed_in(api, Role.OPERATOR).get(f"/admin/audit?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_the_audit_as_a_csv_file_holds_all_that_match_and_nothing_that_a_spreadsheet_would_run(
    api: Api, monkeypatch: pytest.MonkeyPatch
):
    cells = ("=1+1", "+1", "-1", "@a", "\tx", 'plain, "quoted"')
    noted(api, *[("csv@app.example", cell, cell) for cell in cells])
    noted(api, *[("many@app.example", "many", str(number)) for number in range(1_100)])
    browser = signed_in(api, Role.OPERATOR)
    answer = browser.get("/admin/audit.csv?who=csv@app.example")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["at", "who", "action", "subject", "id"]
    assert [row[3] for row in rows[1:]] == ['plain, "quoted"', "'\tx", "'@a", "'-1", "'+1", "'=1+1"]
    many = list(csv.reader(io.StringIO(browser.get("/admin/audit.csv?who=many@app.example").text)))
    assert [row[3] for row in many[1:]] == [str(number) for number in reversed(range(1_100))]
    # However rare what is sought, each part of the file looks at so many entries and no more.
    monkeypatch.setattr(audit, "LOOKED", 700)
    sought = "who=csv@app.example&action==1%2b1"
    assert len(list(csv.reader(io.StringIO(browser.get(f"/admin/audit.csv?{sought}").text)))) == 2
    assert "Look further back" in browser.get(f"/admin/audit?{sought}").text
    assert "audit.export" in browser.get("/admin/audit").text
    assert browser.get("/admin/audit.csv?since=x").status_code == 422


def test_no_page_can_change_the_audit(api: Api):
    rules = [rule for rule in api.server.url_map.iter_rules() if rule.rule.startswith("/admin/audit")]
    assert rules
    assert {method for rule in rules for method in rule.methods or ()} == {"GET", "HEAD", "OPTIONS"}
