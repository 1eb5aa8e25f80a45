"""`notifier apps` and `notifier admins`: who may post events, and who may look."""

import re
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tests.cli.conftest import Terminal
from tests.stack import Stack, comment

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


def test_a_sign_in_link_opens_the_admin_pages_once(terminal: Terminal):
    link = terminal.done("admins", "create", "ops@app.example", "--role", "operator").strip()
    with build_opener(HTTPCookieProcessor()).open(link) as page:
        assert page.status == 200
        assert "/admin/deliveries" in page.url
    with pytest.raises(HTTPError) as refused:
        build_opener(HTTPCookieProcessor()).open(link)
    assert refused.value.code == 401
    refused.value.close()


def test_a_role_that_does_not_exist_is_wrong_usage(terminal: Terminal):
    assert terminal.type("admins", "create", "ops@app.example", "--role", "king").exit_code == 2
