"""The pages show what was caught, let nothing of it act, and change things only with a token."""

import re
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from notifier.catchers.faults import MailFault, PushFault, Switch
from tests.catchers.conftest import Site
from tests.catchers.test_mailbox import HOSTILE

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
NASTY = (
    b"Subject: <script>alert(1)</script>\r\nFrom: <img src=x onerror=alert(1)>\r\n"
    b"List-Unsubscribe: <http://127.0.0.1:8000/u/token>\r\nContent-Type: text/html\r\n\r\n"
    b"<script>top.location='https://evil.example'</script><img src=https://evil.example/pixel>"
    b"<a href='javascript:alert(1)'>no</a><a href='https://app.example/p/7'>See  the <b>post</b></a>"
)
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def keep(site: Site, raw: bytes = NASTY, to: str = "bob@app.example") -> str:
    return site.mailbox.keep("n@app.example", [to], raw=raw, received_at=NOW)


def submit(client: FlaskClient, page: str, action: str, **form: str) -> TestResponse:
    """Post a form with the token of the page that shows it."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert token
    return client.post(action, data={"csrf_token": token[1], **form})


def test_the_html_of_a_mail_is_served_into_a_sandbox(site: Site) -> None:
    answer = site.client.get(f"/dev/mail/{keep(site)}/html")
    assert answer.headers.getlist("Content-Security-Policy") == [f"{SANDBOX} http://localhost/media/"]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "<script>" in answer.text


def test_pictures_of_others_are_let_through_only_when_asked_for(site: Site) -> None:
    answer = site.client.get(f"/dev/mail/{keep(site)}/html?images=1")
    assert answer.headers["Content-Security-Policy"] == f"{SANDBOX} https: http:"


@pytest.mark.parametrize("view", ["", "html", "text", "headers", "raw", "nonsense"])
def test_a_hostile_mail_writes_nothing_into_our_page(site: Site, view: str) -> None:
    answer = site.client.get(f"/dev/mail/{keep(site)}?view={view}")
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "<img" not in answer.text
    assert 'href="javascript' not in answer.text


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_mail_breaks_a_page(site: Site, raw: bytes) -> None:
    kept = keep(site, raw)
    pages = ["", ".json", "/html", "/raw", "?view=html", "?view=text", "?view=headers", "?view=raw"]
    assert {site.client.get(f"/dev/mail/{kept}{page}").status_code for page in pages} == {200}
    assert {site.client.get(path).status_code for path in ("/dev", "/dev/mail", "/dev/mail.json")} == {200}


def test_our_own_pages_are_strict_and_have_no_inline_script_or_style(site: Site) -> None:
    kept = keep(site, b"Subject: x\r\nContent-Type: text/html\r\n\r\n<p>hi")
    site.push.subscribe("bob")
    for path in (
        "/dev",
        "/dev/mail",
        f"/dev/mail/{kept}",
        f"/dev/mail/{kept}?view=headers",
        "/dev/push",
        "/dev/mail/x",
    ):
        answer = site.client.get(path)
        assert "default-src 'none'; style-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", answer.text), path


def test_the_links_of_a_mail_stand_below_it(site: Site) -> None:
    text = site.client.get(f"/dev/mail/{keep(site)}").text
    assert 'href="http://127.0.0.1:8000/u/token"' in text
    assert re.search(r'href="https://app.example/p/7"[^>]*>See the post</a>', text)


def test_the_raw_mail_is_a_download_of_the_very_octets(site: Site) -> None:
    kept = keep(site)
    answer = site.client.get(f"/dev/mail/{kept}/raw")
    assert answer.data == NASTY
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{kept}.eml"'


@pytest.mark.parametrize("id", ["0" * 32, "..", "%2e%2e", "..%2ffaults.json", "faults.json", "%00", "x" * 5000])
def test_what_is_not_kept_is_not_found(site: Site, id: str) -> None:
    for path in (f"/dev/mail/{id}", f"/dev/mail/{id}/html", f"/dev/mail/{id}/raw", f"/dev/push/{id}"):
        assert site.client.get(path).status_code == 404, path


def test_the_mail_list_is_there_for_scripts(site: Site) -> None:
    keep(site, b"Subject: for ana\r\nMessage-ID: <1@x>\r\nFrom: n@x\r\n\r\n", to="ana@app.example")
    keep(site, b"Subject: for bob\r\n\r\n")
    (mail,) = site.client.get("/dev/mail.json?to=ana&limit=5").get_json()["data"]
    assert (mail["subject"], mail["to"], mail["message_id"]) == ("for ana", ["ana@app.example"], "<1@x>")
    assert mail["received_at"] == "2026-11-21T10:00:00.000Z"
    whole = site.client.get(mail["links"]["json"]).get_json()
    assert whole["headers"][0] == {"name": "Subject", "value": "for ana"}


def test_the_json_list_goes_on_where_it_ended(site: Site) -> None:
    for number in range(5):
        keep(site, b"Subject: %d\r\n\r\n" % number)
    first = site.client.get("/dev/mail.json?limit=3").get_json()
    rest = site.client.get(f"/dev/mail.json?limit=3&before={first['next_cursor']}").get_json()
    assert [mail["subject"] for mail in first["data"] + rest["data"]] == ["4", "3", "2", "1", "0"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=x", "limit=99999999999999999999", "before=..", "to=%ff%00<b>", "live=1"]
)
def test_odd_queries_are_answered(site: Site, query: str) -> None:
    keep(site)
    for page in ("/dev/mail", "/dev/mail.json", "/dev/push", "/dev/push.json"):
        assert site.client.get(f"{page}?{query}").status_code == 200


def test_only_a_live_list_looks_again_by_itself(site: Site) -> None:
    refresh = '<meta http-equiv="refresh" content="5">'
    assert refresh in site.client.get("/dev/mail?live=1").text
    assert refresh not in site.client.get("/dev/mail").text


def test_the_same_message_id_twice_is_marked(site: Site) -> None:
    for message_id in (b"<1@x>", b"<2@x>", b"<1@x>"):
        keep(site, b"Message-ID: %s\r\n\r\n" % message_id)
    assert site.client.get("/dev/mail").text.count("same Message-ID</span>") == 2


def test_an_empty_list_teaches(site: Site) -> None:
    assert "make demo" in site.client.get("/dev/mail").text
    assert "make demo" in site.client.get("/dev/push").text


POSTS = [
    "mail/faults",
    "mail/clear",
    "push/faults",
    "push/clear",
    "push/subscriptions",
    f"push/subscriptions/{'0' * 32}/end",
]


@pytest.mark.parametrize("path", POSTS)
def test_nothing_changes_without_a_token(site: Site, path: str) -> None:
    keep(site)
    assert site.client.post(f"/dev/{path}", data={"fault": "421", "user": "bob"}).status_code == 400
    assert site.mailbox.count() == 1
    assert not site.faults.switches().mail.on


def test_the_switch_of_mail_is_set_by_its_form_and_off_again(site: Site) -> None:
    client = site.client
    submit(client, "/dev/mail", "/dev/mail/faults", fault="421", left="3", delay="1.5")
    assert site.faults.switches().mail == Switch(MailFault.BUSY, left=3, delay=1.5)
    assert "next 3 mails: 421" in client.get("/dev/mail").text
    submit(client, "/dev/mail", "/dev/mail/faults", off="1")
    assert not site.faults.switches().mail.on


def test_the_switch_of_push_can_last(site: Site) -> None:
    submit(site.client, "/dev/push", "/dev/push/faults", fault="429", lasting="on", retry_after="60")
    assert site.faults.switches().push == Switch(PushFault.THROTTLED, left=None, retry_after=60)


@pytest.mark.parametrize(
    "form", [{"fault": "999"}, {"left": "x"}, {"left": "-5"}, {"delay": "nan"}, {"delay": "1e999"}]
)
def test_a_senseless_switch_stays_within_bounds(site: Site, form: dict[str, str]) -> None:
    answer = submit(site.client, "/dev/mail", "/dev/mail/faults", **form)
    switch = site.faults.switches().mail
    assert answer.status_code == 303
    assert not switch.armed
    assert 0 <= switch.delay <= 300


def test_clearing_throws_the_mails_away(site: Site) -> None:
    keep(site)
    submit(site.client, "/dev/mail", "/dev/mail/clear")
    assert site.mailbox.count() == 0


def test_a_subscription_is_made_for_a_user_and_ended_again(site: Site) -> None:
    client = site.client
    assert submit(client, "/dev/push", "/dev/push/subscriptions", user=" bob ").status_code == 303
    (made,) = site.push.subscriptions(10)
    assert made.user == "bob"
    assert site.subscribed["bob"] == made.as_json()
    assert submit(client, "/dev/push", f"/dev/push/subscriptions/{made.id}/end").status_code == 303
    assert site.push.subscriptions(10) == []


@pytest.mark.parametrize(
    ("user", "problem"), [("", "1 to 255"), ("x" * 256, "1 to 255"), ("stranger", "nobody is called")]
)
def test_a_subscription_that_is_not_taken_says_why(site: Site, user: str, problem: str) -> None:
    answer = submit(site.client, "/dev/push", "/dev/push/subscriptions", user=user)
    assert (answer.status_code, problem in answer.text) == (422, True)
    assert site.push.subscriptions(10) == []


def test_the_endpoint_needs_no_token(site: Site) -> None:
    assert site.client.post(f"/dev/push/e/{'0' * 32}").status_code == 410
