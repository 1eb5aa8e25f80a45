"""The page `/demo` without a browser: what it signs is taken, and what became of it is told, messages and all."""

import json
import re
from collections.abc import Iterator
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from notifier.catchers.demo.story import PEOPLE, TYPES
from tests.conftest import KINDS
from tests.media.pictures import photo
from tests.stack import Reply, Stack, eventually

ANA, BOB = PEOPLE
KEY = "0123abcd"
GATHERS = ("waiting", "gathering")


class Visitor:
    """Somebody with a browser on `/demo`: cookies, and the page's CSRF token. Nobody is signed in."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.ready["url"]
        self._browser = build_opener(HTTPCookieProcessor(CookieJar()))
        self.page = self.get("/demo").text
        self._csrf = re.findall(r'name="csrf-token" content="([^"]+)"', self.page)[0]

    def get(self, path: str) -> Reply:
        return self._open(Request(self._url + path))  # noqa: S310 (our own address)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        given = {"Content-Type": "application/json", "X-CSRFToken": self._csrf} | headers
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return self._open(Request(self._url + path, raw, given))  # noqa: S310 (our own address)

    def acts(self, **act: str) -> str:
        """One act, signed and sent; gives the event's id."""
        signed = self.post("/demo/acts", act).json
        answer = self.post(signed["path"], signed["body"], **signed["headers"])
        assert answer.status == 202, answer.text
        return answer.json["id"]

    def uploads(self, octets: bytes) -> Reply:
        """A photo, as a form posts it."""
        head = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        )
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        return self.post("/demo/photos", head + octets + b"\r\n--x--\r\n", **form)

    def became(self, event: str) -> dict[str, Any]:
        return self.get(f"/demo/events/{event}").json

    def stands(self, event: str, channel: str) -> tuple[str, str | None]:
        """State and reason of the event's one line of that channel."""
        [line] = [line for line in self.became(event)["lines"] if line["channel"] == channel] or [{}]
        return line.get("state", ""), line.get("reason")

    def _open(self, request: Request) -> Reply:
        try:
            with self._browser.open(request, timeout=30) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read().decode())
        except HTTPError as refused:
            return Reply(refused.code, dict(refused.headers), refused.read().decode())


@pytest.fixture(scope="module", params=KINDS)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service with its own catchers; what is to be gathered is gathered."""
    url = request.getfixturevalue("postgres").empty() if request.param == "postgresql" else ""
    with Stack(tmp_path_factory.mktemp("demo"), DATABASE_URL=url, MAIL_SERVER="", GATHER_SCALE="1") as running:
        yield running


@pytest.fixture
def visitor(stack: Stack) -> Visitor:
    came = Visitor(stack)
    assert came.post("/demo/people", {}).status == 200
    return came


def test_the_page_gives_away_no_secret_and_runs_under_a_strict_policy(stack: Stack, visitor: Visitor):
    answer = visitor.get("/demo")
    signed = visitor.post("/demo/acts", {"who": ANA.id, "act": "like"})
    for text in (answer.text, signed.text):
        assert stack.ready["app"]["secret"] not in text
        assert stack.ready["app"]["key"] not in text
    policy = answer.headers["Content-Security-Policy"]
    assert re.search(r"<noscript>.*needs JavaScript.*</noscript>", answer.text)
    assert "script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy


def test_a_comment_is_told_at_once_and_its_mail_and_push_are_shown(visitor: Visitor):
    event = visitor.acts(who=ANA.id, act="comment", key=KEY, text="Looks delicious!")

    def arrived() -> dict[str, Any] | None:
        found = visitor.became(event)
        return found if found["mails"] and {line["state"] for line in found["lines"]} == {"sent"} else None

    found = eventually(arrived)
    assert [line["channel"] for line in found["lines"]] == ["email", "feed", "push"]
    [mail], [push] = found["mails"], found["pushes"]
    assert mail["to"] == BOB.email
    assert "Looks delicious!" in visitor.get(mail["html"]).text
    assert visitor.get(mail["page"]).status == 200
    assert push["title"] == f"Ana commented on your post: {BOB.title}"
    assert push["body"] == "Looks delicious!"
    assert visitor.get(push["page"]).status == 200


def test_a_photo_is_uploaded_and_the_other_ones_mail_and_push_show_it(visitor: Visitor):
    asset = visitor.uploads(photo(width=1200, height=900) + b"\0" * (5 << 20)).json["asset"]  # as large as a phone's
    event = visitor.acts(who=ANA.id, act="post", key=asset, text="The harbour")
    found = eventually(lambda: (seen := visitor.became(event))["mails"] and seen["pushes"] and seen)
    made = visitor.get(f"/demo/photos/{asset}").json
    files = {one["spec"]: one["url"].rpartition("/")[2] for one in made["versions"] if one["url"]}
    assert made["state"] == "ready"
    assert f"/media/{files['w640.jpeg']}" in visitor.get(found["mails"][0]["html"]).text
    assert found["pushes"][0]["image"] == f"/media/{files['w1080.jpeg']}"
    refused = visitor.uploads(b"no photo")
    assert (refused.status, refused.json["detail"][:12]) == (422, "It is neithe")
    assert visitor.get("/demo/photos/ast_0").status == 422


def test_what_gathers_goes_out_when_nobody_wants_to_wait(visitor: Visitor):
    event = visitor.acts(who=ANA.id, act="follow")
    eventually(lambda: visitor.stands(event, "push") == GATHERS)
    assert visitor.post(f"/demo/events/{event}/hurry", {}).json["hurried"] >= 1
    eventually(lambda: visitor.became(event)["pushes"])
    assert visitor.post(f"/demo/events/{event}/hurry", {}).json == {"hurried": 0}


def test_what_is_taken_back_before_it_was_told_is_not_told(visitor: Visitor):
    event = visitor.acts(who=ANA.id, act="like")
    eventually(lambda: visitor.stands(event, "push") == GATHERS)
    visitor.acts(who=ANA.id, act="unlike")
    eventually(lambda: visitor.stands(event, "push") == ("cancelled", "taken_back"))
    assert not visitor.became(event)["pushes"]


def test_the_bell_is_given_a_token_that_opens_the_feed_of_one_alone(visitor: Visitor, stack: Stack):
    token = visitor.get(f"/demo/people/{BOB.id}/token").json["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert stack.call("GET", f"/v1/users/{BOB.id}/feed", **headers).status == 200
    assert stack.call("GET", f"/v1/users/{ANA.id}/feed", **headers).status == 403
    assert visitor.get("/demo/people/eve/token").status == 422


def test_people_are_made_once_and_have_a_device_each(visitor: Visitor, stack: Stack):
    visitor.post("/demo/people", {})
    for person in PEOPLE:
        assert len(stack.call("GET", f"/v1/users/{person.id}/push-subscriptions").json["data"]) == 1
        assert stack.call("GET", f"/v1/users/{person.id}").json["email"] == person.email


@pytest.mark.parametrize(
    "act",
    [
        {"who": "eve", "act": "like"},
        {"who": ANA.id, "act": "block"},
        {"who": ANA.id, "act": "comment", "text": "no key"},
        {"who": ANA.id, "act": "comment", "text": "a", "key": "../x"},
        {"who": ANA.id, "act": "comment", "text": " \n ", "key": KEY},
        {"who": ANA.id, "act": "post", "text": "no photo", "key": KEY},
        [],
        "not JSON",
        {},
    ],
)
def test_nothing_else_is_signed(visitor: Visitor, act: Any):
    answer = visitor.post("/demo/acts", act)
    assert answer.status == 422, answer.text
    assert "signature" not in answer.text
    assert answer.json["detail"]


def test_another_site_can_sign_nothing(visitor: Visitor):
    for path in ("/demo/acts", "/demo/people", "/demo/events/evt_0/hurry"):
        assert visitor.post(path, {"who": ANA.id, "act": "like"}, **{"X-CSRFToken": ""}).status == 400


def test_an_event_that_never_was_is_refused_with_a_sentence(visitor: Visitor):
    for id_ in ("evt_0", f"evt_{'0' * 32}", "x" * 2_000):
        answer = visitor.get(f"/demo/events/{id_}")
        assert answer.status == 422
        assert "no event" in answer.json["detail"]


@pytest.mark.parametrize("act", TYPES)
def test_every_act_makes_an_event_that_is_taken(visitor: Visitor, act: str):
    key = f"ast_{KEY * 4}" if "post" in act else KEY
    event = visitor.acts(who=BOB.id, act=act, key=key, text="What a sky!")
    eventually(lambda: visitor.became(event)["event"]["state"] == "planned")
    assert visitor.became(event)["event"]["type"] == TYPES[act]
