"""The links in mails: GET changes nothing, POST acts at once, and undo puts back exactly what stood before."""

import html
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.test import TestResponse

from notifier.policy.links import Link, digest_mark, end_mark, make_token, type_mark
from notifier.policy.words import Cadence
from notifier.store.choices import Choices
from notifier.store.types import stored_hex
from tests.web.api import Api

MANDATORY = {"security": "instant"}
FORM = "application/x-www-form-urlencoded"


class Reader:
    """A person with a mailbox and choices of their own, who holds the link of a mail about comments, or another."""

    def __init__(self, api: Api, mark: bytes = type_mark("comment.created")) -> None:
        self.api = api
        self.user = f"u-{uuid.uuid4().hex}"
        self.api.call("PUT", f"/v1/users/{self.user}", {"email": "bob@app.example"})
        own = {"comment": {"email": "weekly", "push": "off"}, "like": {"email": "off"}}
        self.api.call("PUT", f"/v1/users/{self.user}/preferences", {"types": own})
        self.before = self.mails()
        self.token = make_token(self.secret, "unsubscribe", Link(self.address, mark))

    @property
    def secret(self) -> bytes:
        return self.api.parts.secret_key.encode()

    @property
    def address(self) -> bytes:
        with self.api.parts.database.read() as connection:
            [found] = connection.exec_driver_sql(
                f"SELECT id FROM addresses WHERE user_id = '{self.user}'"  # noqa: S608 (made here)
            ).scalars()
        return bytes.fromhex(stored_hex(found))

    def mails(self) -> dict[str, str]:
        types = self.api.call("GET", f"/v1/users/{self.user}/preferences").json["types"]
        return {name: channels["email"] for name, channels in types.items()}

    def own(self) -> dict[tuple[str, str], str]:
        with self.api.parts.database.read() as connection:
            return Choices(connection).of([self.user])[self.user]

    def post(self, body: bytes, content_type: str = FORM) -> TestResponse:
        return self.api.call("POST", f"/u/{self.token}", body, content_type=content_type, authorization="")

    def undo(self, page: TestResponse) -> TestResponse:
        [value] = re.findall(r'name="undo" value="([^"]+)"', page.text)
        form = {"undo": html.unescape(value)}
        return self.api.server.test_client().post(f"/u/{self.token}", data=form)


@pytest.fixture
def reader(api: Api) -> Reader:
    return Reader(api)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_link_changes_nothing(reader: Reader, method: str):
    assert reader.api.call(method, f"/u/{reader.token}", authorization="").status_code == 200
    assert reader.mails() == reader.before


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", FORM),
        (b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
         "multipart/form-data; boundary=b"),
        (b"", FORM),
        (b"{}", "application/json"),
        (b"stop=nonsense", FORM),
    ],
)  # fmt: skip
def test_a_post_stops_mail_of_that_type_and_nothing_else(reader: Reader, body: bytes, content_type: str):
    assert reader.post(body, content_type).status_code == 200
    assert reader.mails() == reader.before | {"comment": "off"}


def test_a_one_click_post_is_answered_without_a_page(reader: Reader):
    answer = reader.post(b"List-Unsubscribe=One-Click")
    assert (answer.status_code, answer.mimetype, answer.text) == (200, "text/plain", "Unsubscribed.\n")


def test_whoever_comes_from_the_text_of_a_mail_goes_on_to_the_settings_and_nobody_else(reader: Reader, api: Api):
    soon, past = (datetime.now(UTC) + timedelta(seconds=seconds) for seconds in (60, -1))
    right, old = (make_token(reader.secret, "preferences", Link(reader.address, end_mark(at))) for at in (soon, past))
    others = make_token(reader.secret, "preferences", Link(Reader(api).address, end_mark(soon)))
    for method, body in (("GET", None), ("POST", b"stop=this")):
        page = api.call(method, f"/u/{reader.token}?settings={right}", body, content_type=FORM, authorization="")
        assert f'href="/p/{right}"' in page.text
    for token in (old, others, reader.token, "x", ""):
        page = api.call("GET", f"/u/{reader.token}?settings={token}", authorization="").text
        assert 'href="/p/' not in page
        assert "Email me a link to all settings" in page


@pytest.mark.parametrize("stop", ["this", "daily", "all"])
def test_undo_puts_back_what_stood_before_a_persons_own_choices_included(reader: Reader, stop: str):
    own = reader.own()
    page = reader.post(f"stop={stop}".encode())
    stopped = {
        "this": {"comment": "off"},
        "daily": {"comment": "daily"},
        "all": dict.fromkeys(reader.before, "off") | MANDATORY,
    }
    assert reader.mails() == reader.before | stopped[stop]
    assert "Undone" in reader.undo(page).text
    assert (reader.mails(), reader.own()) == (reader.before, own)


@pytest.mark.parametrize("undo", ["", "x", "😀.{}", '00.{"comment.created": "instant"}'])
def test_an_undo_that_was_not_handed_out_changes_nothing(reader: Reader, undo: str):
    answer = reader.api.server.test_client().post(f"/u/{reader.token}", data={"undo": undo})
    assert answer.status_code == 404
    assert reader.mails() == reader.before


def test_an_undo_is_good_for_its_own_link_alone(reader: Reader, api: Api):
    page, other = reader.post(b"stop=this"), Reader(api)
    other.post(b"stop=all")
    [value] = re.findall(r'name="undo" value="([^"]+)"', page.text)
    answer = api.server.test_client().post(f"/u/{other.token}", data={"undo": html.unescape(value)})
    assert answer.status_code == 404
    assert other.mails() == dict.fromkeys(other.before, "off") | MANDATORY


@pytest.mark.parametrize(
    ("locale", "lang", "direction", "asks", "tells"),
    [
        ("en", "en", "ltr", "Stop mail about “comment”?", "No more mail about “comment” goes to"),
        ("de_AT", "de", "ltr", "Keine Mails mehr zu „Kommentare“?", "Es gehen keine Mails zu „Kommentare“ mehr an"),
        ("ar", "ar", "rtl", "إيقاف رسائل «التعليقات»؟", "لن تُرسل بعد الآن رسائل «التعليقات» إلى"),
        ("fr", "en", "ltr", "Stop mail about “comment”?", "No more mail about “comment” goes to"),
    ],
)
def test_the_page_speaks_the_persons_language(
    reader: Reader, locale: str, lang: str, direction: str, asks: str, tells: str
):
    reader.api.call("PUT", f"/v1/users/{reader.user}", {"locale": locale})
    page = reader.api.call("GET", f"/u/{reader.token}", authorization="").text
    assert f'<html lang="{lang}" dir="{direction}">' in page
    assert asks in html.unescape(page)
    assert tells in html.unescape(reader.post(b"stop=this").text)


def test_an_unknown_link_speaks_what_the_browser_asks_for(api: Api):
    def page(accept: str) -> str:
        return api.call("GET", "/u/nonsense", authorization="", accept_language=accept).text

    assert "Dieser Link funktioniert nicht" in page("fr;q=0.9, de-CH;q=0.8")
    assert 'dir="rtl"' in page("ar-EG")
    assert "This link does not work" in page("fr") == page("")


DIGESTS = [(Cadence.HOURLY, "daily"), (Cadence.DAILY, "weekly"), (Cadence.WEEKLY, "")]
# By the catalogue likes, shares and posts are daily; a person's own choice goes before it.
HEARD = {"like": "off", "comment": "weekly", "mention": "hourly", "share": "daily", "post": "daily"}


def of_digest(api: Api, cadence: Cadence) -> Reader:
    reader = Reader(api, digest_mark(cadence))
    own = {"types": {"mention": {"email": "hourly"}, "share": {"email": "daily"}}}
    api.call("PUT", f"/v1/users/{reader.user}/preferences", own)
    reader.before = reader.mails()
    assert HEARD.items() <= reader.before.items()
    return reader


def types_in(reader: Reader, cadence: str) -> list[str]:
    return [name for name, heard in reader.before.items() if heard == cadence]


@pytest.mark.parametrize(("cadence", "rarer"), DIGESTS)
def test_opening_the_link_of_a_digest_asks_and_changes_nothing(api: Api, cadence: Cadence, rarer: str):
    reader = of_digest(api, cadence)
    page = api.call("GET", f"/u/{reader.token}", authorization="").text
    assert f"Stop the {cadence} digest?" in page
    assert re.findall(r'name="stop" value="(\w+)"', page) == ["this", *filter(None, [rarer]), "all"]
    assert api.call("HEAD", f"/u/{reader.token}", authorization="").status_code == 200
    assert reader.mails() == reader.before


@pytest.mark.parametrize("body", [b"List-Unsubscribe=One-Click", b"", b"stop=this", b"stop=nonsense", b"stop=off"])
@pytest.mark.parametrize(("cadence", "rarer"), DIGESTS)
def test_a_post_stops_that_digest_and_leaves_every_other_mail(api: Api, cadence: Cadence, rarer: str, body: bytes):
    reader = of_digest(api, cadence)
    stopped = types_in(reader, cadence)
    assert stopped
    for _ in range(2):  # RFC 8058: it may come again
        assert reader.post(body).status_code == 200
        assert reader.mails() == reader.before | dict.fromkeys(stopped, "off")


def test_whoever_wants_no_mail_at_once_hears_in_the_daily_digest_and_stops_it_all(api: Api):
    reader = of_digest(api, Cadence.DAILY)
    api.call("PUT", f"/v1/users/{reader.user}/preferences", {"cap_per_hour": {"email": 0}, "types": {"mention": None}})
    before = reader.mails()
    reader.post(b"List-Unsubscribe=One-Click")
    stopped = [name for name, heard in before.items() if heard in ("daily", "instant")]
    assert {"share", "post", "follow", "announcement"} <= set(stopped)
    # Mentions and what concerns the account pass the cap: they never waited for the digest.
    off = dict.fromkeys(set(stopped) - {"mention", "security"}, "off")
    assert reader.mails() == before | off


@pytest.mark.parametrize(("cadence", "rarer"), DIGESTS[:2])
def test_a_rarer_digest_can_come_instead(api: Api, cadence: Cadence, rarer: str):
    reader = of_digest(api, cadence)
    page = reader.post(f"stop={rarer}".encode())
    assert f"From now on, a {rarer} digest goes to" in page.text
    assert reader.mails() == reader.before | dict.fromkeys(types_in(reader, cadence), rarer)


def test_a_digest_cannot_be_made_more_frequent_by_its_link(api: Api):
    reader = of_digest(api, Cadence.WEEKLY)
    reader.post(b"stop=daily")
    assert reader.mails() == reader.before | {"comment": "off"}


@pytest.mark.parametrize("stop", ["this", "weekly", "all"])
def test_undo_puts_a_digest_back_as_it_was(api: Api, stop: str):
    reader = of_digest(api, Cadence.DAILY)
    own = reader.own()
    page = reader.post(f"stop={stop}".encode())
    assert reader.mails() != reader.before
    assert "Undone" in reader.undo(page).text
    assert (reader.mails(), reader.own()) == (reader.before, own)


def test_what_stopped_a_digest_is_kept_in_the_history(api: Api):
    reader = of_digest(api, Cadence.DAILY)
    reader.post(b"List-Unsubscribe=One-Click")
    history = api.call("GET", f"/v1/users/{reader.user}/preferences/history").json["data"]
    stopped = {(one["what"], one["before"], one["after"]) for one in history if one["through"] == "one_click"}
    assert stopped == {("share/email", "daily", "off"), ("post/email", None, "off")}


@pytest.mark.parametrize(
    ("locale", "direction", "asks", "tells"),
    [
        ("de", "ltr", "Die tägliche Zusammenfassung abbestellen?", "keine täglichen Zusammenfassungen mehr an"),
        ("ar", "rtl", "إيقاف الملخّص اليومي؟", "لن تُرسل بعد الآن ملخّصات يومية إلى"),
        ("ja", "ltr", "毎日のまとめを停止しますか？", "毎日のまとめは"),
    ],
)
def test_the_page_of_a_digest_speaks_the_persons_language(api: Api, locale: str, direction: str, asks: str, tells: str):
    reader = of_digest(api, Cadence.DAILY)
    api.call("PUT", f"/v1/users/{reader.user}", {"locale": locale})
    page = api.call("GET", f"/u/{reader.token}", authorization="").text
    assert f'<html lang="{locale}" dir="{direction}">' in page
    assert asks in page
    assert tells in reader.post(b"stop=this").text


def test_the_link_to_stop_mail_opens_no_settings_but_mails_a_link_to_them(reader: Reader, api: Api):
    before, counted = reader.mails(), api.counts()
    answer = reader.post(b"settings=mail")
    assert answer.status_code == 200
    assert "a new link is on its way" in answer.text
    assert "/p/" not in answer.text
    assert reader.mails() == before
    assert api.counts() == counted | {"events": counted["events"] + 1}


def test_the_pages_are_kept_nowhere_and_tell_nobody_where_one_came_from(reader: Reader):
    for answer in (reader.api.call("GET", f"/u/{reader.token}", authorization=""), reader.post(b"stop=this")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers
