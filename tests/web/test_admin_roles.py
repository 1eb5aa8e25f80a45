"""Every route of the admin pages, asked for by everybody: who gets in agrees with what the route says of itself."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from notifier.store.admins import Role
from notifier.store.types import new_id
from tests.web.api import Api
from tests.web.test_admin import signed_in


def routes(api: Api) -> Iterator[tuple[Rule, str, str]]:
    """Each route, a method that it answers, and a path that fits it and leads to nothing that there is."""
    for rule in api.server.url_map.iter_rules():
        if f"{rule.rule}/".startswith("/admin/"):
            path = re.sub(r"<(?:(\w+)(?:\([^)]*\))?:)?\w+>", lambda kind: value_of(kind[1] or "string"), rule.rule)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method, path


def value_of(converter: str) -> str:
    return {"string": "nobody", "user": "nobody", "path": "nobody", "int": "7"}.get(converter) or new_id(converter)


def guard_of(api: Api, rule: Rule) -> str:
    return str(getattr(api.server.view_functions[rule.endpoint], "guard", ""))


def ask(browser: FlaskClient, method: str, path: str, token: str = "") -> TestResponse:
    return browser.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)


def token_of(browser: FlaskClient, page: str) -> str:
    return re.findall(r'name="csrf_token" value="([^"]+)"', browser.get(page).text)[0]


def test_without_a_session_every_admin_route_but_the_door_leads_to_the_door(api: Api):
    asked = 0
    for rule, method, path in routes(api):
        browser = api.server.test_client()
        answer = ask(browser, method, path, token_of(browser, "/admin/login"))
        if guard_of(api, rule) in ("public", "link"):
            assert rule.rule.startswith("/admin/login")
            assert answer.status_code in (200, 302, 401), f"{method} {path}"
        else:
            assert (answer.status_code, answer.location) == (302, "/admin/login"), f"{method} {path}"
            asked += 1
    assert asked >= 30


@pytest.mark.parametrize("role", Role)
def test_every_admin_route_lets_in_whom_its_guard_names_and_nobody_else(api: Api, role: Role):
    met = set()
    for rule, method, path in routes(api):
        guard = guard_of(api, rule)
        if not guard.startswith("admin:"):
            continue
        browser = signed_in(api, role)  # a fresh one: some routes end the session
        answer = ask(browser, method, path, token_of(browser, "/admin/account"))
        allowed = role.includes(Role(guard.removeprefix("admin:")))
        assert (answer.status_code == 403) is not allowed, f"{method} {path} answers {answer.status_code} to a {role}"
        assert answer.status_code < 500, f"{method} {path}"
        met.add(allowed)
    assert met == ({True} if role == Role.OWNER else {True, False})


@pytest.mark.parametrize("signed", [True, False])
def test_every_route_that_is_posted_to_demands_its_token(api: Api, signed: bool):
    browser = signed_in(api) if signed else api.server.test_client()
    paths = [path for _, method, path in routes(api) if method != "GET"]
    assert len(paths) >= 20
    for path in paths:
        answer = browser.post(path)
        assert answer.status_code == 400, path
        assert "The form is too old" in answer.text
        assert browser.post(path, data={"csrf_token": "wrong"}).status_code == 400, path
    assert not signed or browser.get("/admin/deliveries").status_code == 200  # still signed in
