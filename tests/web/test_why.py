"""Why a mail came: said to its reader alone, in their language; and what a link says that has run out."""

import html
import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from notifier.app.parts import now
from notifier.policy.links import (
    LASTS,
    PREFERENCES,
    UNSUBSCRIBE,
    WHY,
    Link,
    end_mark,
    make_token,
    read_token,
    type_mark,
)
from notifier.store.log import Entry, Filter, Log
from notifier.store.models import Delivery, Event
from notifier.store.types import id_octets
from tests.web.api import Api

SOON = timedelta(minutes=1)


@dataclass
class Reader:
    """A person with a mailbox, whom things happen to."""

    api: Api
    user: str = field(default_factory=lambda: f"u-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        self.profile(email="bob@app.example", timezone="Europe/Lisbon")

    @property
    def secret(self) -> bytes:
        return self.api.parts.secret_key.encode()

    def profile(self, **changed: str) -> None:
        assert self.api.call("PUT", f"/v1/users/{self.user}", changed).status_code == 200

    def prefer(self, **body: Any) -> None:
        assert self.api.call("PUT", f"/v1/users/{self.user}/preferences", body).status_code == 200

    def happens(self, body: dict[str, Any]) -> None:
        """An event is accepted, planned, and what may go out at once is tried."""
        self.plan(self.api.post(body).json["id"])
        self.try_now()

    def plan(self, *events: str) -> None:
        for _ in self.api.parts.steps.planner.plan(list(events)):
            pass

    def try_now(self) -> None:
        """Nobody takes the mail; a message that was tried tells what it told."""
        self.api.parts.steps.sender.send([entry.id for entry in self.mails()])

    def mails(self) -> list[Entry]:
        with self.api.parts.database.read() as connection:
            return Log(connection).page(Filter(user=self.user, channels=("email",)), 50)

    def token(self, ends: timedelta = LASTS, purpose: str = WHY) -> str:
        """Of the newest mail, which is addressed as all of them."""
        mail = self.mails()[0]
        about = mail.id if purpose == WHY else mail.address_id
        return make_token(self.secret, purpose, Link(id_octets(about), end_mark(now() + ends)))

    def page(self, status: int = 200, **headers: str) -> str:
        answer = self.api.call("GET", f"/why/{self.token()}", authorization="", **headers)
        assert answer.status_code == status, answer.text
        return html.unescape(answer.text)


@pytest.fixture
def reader(api: Api) -> Reader:
    return Reader(api)


def comment(reader: Reader, **more: Any) -> dict[str, Any]:
    data = {
        "actor": {"id": "ana", "name": "Ana"},
        "object": {"id": f"c-{uuid.uuid4().hex}", "type": "comment", "content": "What a sky!"},
        "target": {"id": "post-7", "type": "post", "name": "Sunset", "owner": reader.user},
    }
    return {"type": "comment", "data": data | more}


def facts(page: str) -> list[str]:
    return [re.sub(r"<[^>]+>", " ", fact).strip() for fact in re.findall(r"<dd>(.*?)</dd>", page)]


def test_the_page_says_what_happened_when_and_why_it_was_told(reader: Reader):
    reader.prefer(types={"comment": {"email": "instant"}})
    reader.happens(comment(reader))
    page = reader.page()
    assert "Ana commented on your post: Sunset" in page
    assert "It was sent to b•••@app.example" in page
    part, often, happened = facts(page)
    assert part == "This is about your post."
    assert often == "You chose for “comment”: At once."
    assert re.fullmatch(r"today at \d+:\d\d\s[AP]M", happened)
    assert "bob@app.example" not in page
    assert "What a sky!" not in page, "nothing is repeated but the mail's own sentence"


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({}, "This is about your post."),
        ({"target": {"id": "p", "owner": "cara"}, "in_reply_to": {"id": "c", "owner": "ME"}},
         "This answers something of yours."),
        ({"target": {"id": "p", "owner": "cara"}, "mentions": ["ME"]}, "You are mentioned in it."),
        ({"target": {"id": "p", "owner": "cara"}, "to": ["ME"]}, "You were named as the one to tell."),
    ],
)  # fmt: skip
def test_the_page_says_what_part_its_reader_has_in_it(reader: Reader, more: dict[str, Any], part: str):
    def mine(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: mine(one) for name, one in value.items()}
        return [mine(one) for one in value] if isinstance(value, list) else reader.user if value == "ME" else value

    reader.happens(comment(reader, **mine(more)))
    found, often, _ = facts(reader.page())
    assert found == part
    assert often == "By default for “comment”: At once."


def test_a_follow_is_about_the_followed_and_a_post_is_for_followers(reader: Reader):
    reader.prefer(types={"post": {"email": "instant"}})
    follow = {"actor": {"id": reader.user}, "object": {"id": "ana"}}
    reader.happens({"type": "follow", "data": follow})
    reader.happens({"type": "post", "data": {"actor": {"id": "ana"}, "object": {"id": "p1", "type": "post"}}})
    assert facts(reader.page())[0] == "You follow the one who did this."


def test_mail_that_was_held_says_since_when_and_for_what(reader: Reader):
    reader.prefer(quiet_hours={"start": "00:00", "end": "23:59"})
    reader.happens(comment(reader))
    [mail] = reader.mails()
    assert mail.reason == "quiet_hours"
    assert released(reader, mail) == [mail.id]
    waited = facts(reader.page())[-1]
    assert "It was held until your quiet hours ended. (00:00–23:59 Europe/Lisbon)" in waited


def released(reader: Reader, mail: Entry) -> list[str]:
    """Let go of what was held, as the sweep does when the hours have ended."""
    reader.prefer(quiet_hours=None)
    with reader.api.parts.database.write() as connection:
        connection.execute(update(Delivery).where(Delivery.id == mail.id).values(state="queued", reason=None))
    reader.try_now()
    return [one.id for one in reader.mails()]


def test_what_was_purged_says_so(reader: Reader):
    reader.happens(comment(reader))
    token = reader.token()
    with reader.api.parts.database.write() as connection:
        connection.execute(update(Event).where(Event.id.in_(reader.mails()[0].events)).values(blanked_at=now()))
    page = reader.page()
    assert "What it said is not kept any more." in page
    assert "Ana" not in page
    with reader.api.parts.database.write() as connection:
        connection.execute(delete(Delivery).where(Delivery.user_id == reader.user))
    answer = reader.api.call("GET", f"/why/{token}", authorization="")
    assert answer.status_code == 410
    assert "This is not kept any more" in answer.text


def test_of_somebody_who_was_erased_nothing_is_told(reader: Reader):
    reader.happens(comment(reader))
    token = reader.token()
    assert reader.api.call("DELETE", f"/v1/users/{reader.user}").status_code == 204
    answer = reader.api.call("GET", f"/why/{token}", authorization="")
    assert answer.status_code == 410
    assert "Sunset" not in answer.text


def test_what_was_taken_back_since_is_not_repeated(reader: Reader):
    body = comment(reader)
    reader.happens(body)
    reader.plan(reader.api.post(body | {"type": "comment.deleted"}).json["id"])
    page = reader.page()
    assert "It was taken back since." in page
    assert "Sunset" not in page


@pytest.mark.parametrize(
    ("locale", "lang", "direction", "heading", "part"),
    [
        ("de_AT", "de", "ltr", "Warum habe ich diese Mail bekommen?", "Es geht um deinen Beitrag."),
        ("es", "es", "ltr", "¿Por qué recibí este correo?", "Se trata de tu publicación."),
        ("pt", "pt", "ltr", "Por que recebi este e-mail?", "Trata-se de sua publicação."),
        ("ja", "ja", "ltr", "このメールはなぜ届いたのですか？", "あなたの投稿に関するお知らせです。"),
        ("ar", "ar", "rtl", "لماذا وصلتني هذه الرسالة؟", "هذا يخص منشورك."),
    ],
)
def test_the_page_speaks_its_readers_language(
    reader: Reader, locale: str, lang: str, direction: str, heading: str, part: str
):
    reader.profile(locale=locale)
    reader.happens(comment(reader))
    page = reader.page()
    assert f'<html lang="{lang}" dir="{direction}">' in page
    assert heading in page
    assert facts(page)[0] == part


def test_its_links_lead_to_the_settings_for_no_longer_than_itself_and_to_where_such_mail_stops(reader: Reader):
    reader.happens(comment(reader))
    token, address = reader.token(), id_octets(reader.mails()[0].address_id)
    page = html.unescape(reader.api.call("GET", f"/why/{token}", authorization="").text)
    [settings], [(stop, back)] = (
        re.findall(r'href="/p/([^"]+)"', page),
        re.findall(r'href="/u/(.+)\?settings=(.+?)"', page),
    )
    assert back == settings
    end = read_token(reader.secret, WHY, token)
    assert end
    assert read_token(reader.secret, PREFERENCES, settings) == Link(address, end.mark)
    assert read_token(reader.secret, UNSUBSCRIBE, stop) == Link(address, type_mark("comment.created"))
    for path in (f"/p/{settings}", f"/u/{stop}"):
        assert reader.api.call("GET", path, authorization="").status_code == 200


def test_a_link_opens_what_it_was_made_for_and_nothing_else(reader: Reader):
    reader.happens(comment(reader))
    why, settings = reader.token(), reader.token(purpose=PREFERENCES)
    stop = make_token(reader.secret, UNSUBSCRIBE, Link(id_octets(reader.mails()[0].address_id), type_mark("comment")))
    right = {"/why/": why, "/p/": settings}
    for path in ("/why/", "/p/", "/u/"):
        for token in (why, settings, stop, why[:-2], "B" + why[1:], "nonsense"):
            if right.get(path) == token or (path == "/u/" and token == stop):
                continue
            for method in ("GET", "POST"):
                answer = reader.api.call(method, path + token, authorization="")
                assert answer.status_code == 404, (path, token)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_opening_or_posting_to_the_page_changes_nothing_and_it_is_kept_nowhere(reader: Reader, method: str):
    reader.happens(comment(reader))
    before = reader.api.counts()
    answer = reader.api.call(method, f"/why/{reader.token()}", authorization="")
    assert answer.status_code == 200
    assert reader.api.counts() == before
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers


def links_for(reader: Reader) -> list[Entry]:
    return [mail for mail in reader.mails() if mail.type == "link.created"]


def planned(reader: Reader) -> None:
    """Whatever was accepted is planned."""
    with reader.api.parts.database.read() as connection:
        waiting = connection.scalars(select(Event.id).where(Event.planned_at.is_(None))).all()
    reader.plan(*waiting)


@pytest.mark.parametrize(("path", "purpose"), [("/p/", PREFERENCES), ("/why/", WHY)])
def test_an_old_link_mails_a_new_one_once_in_an_hour_and_does_nothing_else(reader: Reader, path: str, purpose: str):
    reader.happens(comment(reader))
    address, browser = path + reader.token(-SOON, purpose), reader.api.server.test_client()
    before = reader.api.counts()
    page = browser.get(address)
    assert page.status_code == 410
    assert "This link has run out" in page.text
    assert browser.post(address, data={"act": "off"}).status_code == 410
    assert reader.api.counts() == before
    for _ in range(2):
        answer = browser.post(address, data={"act": "renew"})
        assert answer.status_code == 200
        assert "a new link is on its way" in answer.text
    planned(reader)
    [mail] = links_for(reader)
    assert (mail.user, mail.state, mail.app) == (reader.user, "queued", "app_00000000000070008000000000000000")


def test_the_answer_to_whoever_asks_is_the_same_where_nobody_has_the_address_any_more(reader: Reader):
    reader.happens(comment(reader))
    address, browser = "/p/" + reader.token(-SOON, PREFERENCES), reader.api.server.test_client()
    known = browser.get(address).text, browser.post(address, data={"act": "renew"}).text
    assert reader.api.call("DELETE", f"/v1/users/{reader.user}").status_code == 204
    before = reader.api.counts()
    assert (browser.get(address).text, browser.post(address, data={"act": "renew"}).text) == known
    assert reader.api.counts() == before


def test_the_link_to_stop_mail_never_runs_out(reader: Reader):
    reader.happens(comment(reader))
    late = Link(id_octets(reader.mails()[0].address_id), type_mark("comment.created"))
    token = make_token(reader.secret, UNSUBSCRIBE, late)
    extensions = reader.api.server.extensions
    today = extensions["notifier"]
    extensions["notifier"] = replace(today, clock=lambda: now() + timedelta(days=4000))
    try:
        assert reader.api.call("GET", f"/why/{reader.token()}", authorization="").status_code == 410
        answer = reader.api.call("POST", f"/u/{token}", b"List-Unsubscribe=One-Click", authorization="",
                                 content_type="application/x-www-form-urlencoded")  # fmt: skip
        assert (answer.status_code, answer.text) == (200, "Unsubscribed.\n")
    finally:
        extensions["notifier"] = today
