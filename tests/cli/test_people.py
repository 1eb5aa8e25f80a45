"""`notifier apps` and `notifier admins`: who may post events, and who may look."""

import re
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from notifier.catchers.mailbox import Mailbox
from notifier.store.audit import AuditFilter, AuditLog
from notifier.store.database import Database
from tests.cli.conftest import Terminal
from tests.stack import Stack, comment, eventually

UNKNOWN = "app_0193a7b2c3d47e5f8a9b0c1d2e3f4a5b"


def made(terminal: Terminal, name: str, *options: str) -> dict[str, str]:
    said = terminal.done("apps", "create", name, *options)
    return dict(re.findall(r"^(id|secret|key) +(\S+)$", said, re.MULTILINE))


def test_a_new_app_may_post_until_it_is_revoked(service: Stack, terminal: Terminal):
    app = made(terminal, "Shop")
    key = {"Authorization": f"Bearer {app['key']}"}
    assert service.call("POST", "/v1/events", comment(), **key).status == 202
    assert f"{app['id']}" in terminal.done("apps", "list")
    assert "no access any more" in terminal.done("apps", "revoke", app["id"])
    assert re.search(rf"{app['id']}.*revoked", terminal.done("apps", "list"))
    assert terminal.type("apps", "revoke", app["id"]).exit_code == 1


def test_an_app_is_told_its_credentials_once(terminal: Terminal):
    app = made(terminal, "Once")
    assert app["secret"].startswith("whsec_")
    listed = terminal.done("apps", "list")
    assert app["secret"] not in listed
    assert app["key"] not in listed


def test_a_lenient_app_may_post_what_no_catalogue_knows_and_is_listed_so(service: Stack, terminal: Terminal):
    app = made(terminal, "Loose", "--lenient")
    key = {"Authorization": f"Bearer {app['key']}"}
    assert service.call("POST", "/v1/events", comment() | {"type": "poke"}, **key).status == 202
    assert re.search(rf"{app['id']}.*Loose  lenient", terminal.done("apps", "list"))


def test_rotating_prints_a_fresh_secret_on_a_line_of_its_own(terminal: Terminal):
    app = made(terminal, "Turning")
    [fresh] = terminal.done("apps", "rotate", app["id"], "--overlap", "0").splitlines()
    assert fresh.startswith("whsec_")
    assert fresh != app["secret"]


@pytest.mark.parametrize("act", ["rotate", "revoke"])
def test_an_app_that_is_unknown_fails_and_a_word_that_is_no_id_is_wrong_usage(terminal: Terminal, act: str):
    assert terminal.type("apps", act, UNKNOWN).exit_code == 1
    assert terminal.type("apps", act, "shop").exit_code == 2


def test_a_scope_that_does_not_exist_is_wrong_usage(terminal: Terminal):
    assert terminal.type("apps", "create", "Shop", "--scope", "everything").exit_code == 2


@pytest.mark.parametrize("name", ["", "a\nb", " a", "x" * 65])
def test_a_name_that_the_admin_pages_would_refuse_is_wrong_usage(terminal: Terminal, name: str):
    assert terminal.type("apps create", name).exit_code == 2


@pytest.mark.parametrize("hours", ["-1", "inf", "1e300"])
def test_an_overlap_that_never_ends_is_wrong_usage(terminal: Terminal, hours: str):
    assert terminal.type("apps rotate", UNKNOWN, "--overlap", hours).exit_code == 2


def test_a_sign_in_link_opens_the_admin_pages_once(terminal: Terminal):
    link = terminal.done("admins", "create", "ops@app.example", "--role", "operator").strip()
    with build_opener(HTTPCookieProcessor()).open(link) as page:
        assert page.status == 200
        assert page.url.endswith("/admin")
        assert "<h1>Overview" in page.read().decode()
    with pytest.raises(HTTPError) as refused:
        build_opener(HTTPCookieProcessor()).open(link)
    assert refused.value.code == 401
    refused.value.close()


def test_a_role_that_does_not_exist_is_wrong_usage(terminal: Terminal):
    assert terminal.type("admins", "create", "ops@app.example", "--role", "king").exit_code == 2


def test_admins_are_listed_and_removed_but_never_the_last_owner(terminal: Terminal):
    terminal.done("admins", "create", "Leaving@app.example", "--role", "operator")
    assert "leaving@app.example  operator  link  not signed in\n" in terminal.done("admins", "list")
    terminal.done("admins", "create", "leaving@app.example")
    assert "leaving@app.example  operator" in terminal.done("admins", "list")  # no role said: the role stays
    assert "is no admin any more" in terminal.done("admins", "remove", "LEAVING@app.example")
    assert "leaving@app.example" not in terminal.done("admins", "list")
    assert terminal.type("admins", "remove", "leaving@app.example").exit_code == 1
    last = terminal.type("admins", "remove", "owner@localhost")
    assert (last.exit_code, "last owner" in last.output) == (1, True)
    assert terminal.type("admins", "create", "owner@localhost", "--role", "viewer").exit_code == 1


def test_a_second_step_is_turned_off_for_who_lost_the_phone(terminal: Terminal):
    terminal.done("admins", "create", "lost@app.example")
    assert "without a code" in terminal.done("admins", "reset-totp", "lost@app.example")
    assert terminal.type("admins", "reset-totp", "nobody@app.example").exit_code == 1


def test_what_is_no_address_is_wrong_usage(terminal: Terminal):
    assert terminal.type("admins", "create", "nobody").exit_code == 2


def test_what_is_done_about_apps_and_admins_is_on_record(service: Stack, terminal: Terminal):
    app = made(terminal, "Recorded")
    terminal.done("apps", "rotate", app["id"])
    terminal.done("apps", "revoke", app["id"])
    terminal.done("admins", "create", "noted@app.example")
    terminal.done("admins", "remove", "noted@app.example")
    database = Database(service.database_url)
    with database.read() as connection:
        log = AuditLog(connection)
        sought = (AuditFilter(subject=app["id"]), AuditFilter(subject="noted@app.example"))
        found = [entry for each in sought for entry in log.page(each, 9).entries]
    database.close()
    actions = [one.action for one in found]
    assert actions == ["app.revoke", "app.rotate", "app.create", "admin.remove", "admin.link", "admin.invite"]
    assert all(one.who.endswith("(command line)") for one in found)
    assert not any(app["secret"] in one.subject or app["key"] in one.subject for one in found)


def test_a_link_that_is_asked_for_at_the_door_comes_by_mail_and_opens_at_its_button(service: Stack, terminal: Terminal):
    terminal.done("admins", "create", "mailed@app.example", "--role", "viewer")
    browser = build_opener(HTTPCookieProcessor())

    def load(path: str, **form: str) -> str:
        data = urlencode(form).encode() if form else None
        with browser.open(urljoin(service.ready["url"], path), data) as page:
            return page.read().decode()

    def token(page: str) -> str:
        return re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]

    load("/admin/login/link", csrf_token=token(load("/admin/login")), email="mailed@app.example")
    mailbox = Mailbox(service.data_dir / "dev")
    [mail] = eventually(lambda: [one for one in mailbox.recent(50) if one.recipients == ("mailed@app.example",)])
    [path] = set(re.findall(r"(/admin/login/once/[\w-]+)", mail.text))
    assert "mailed@app.example · viewer" in load(path, csrf_token=token(load(path)))
