"""The page of a person's choices: no login, no script, and what is posted is checked, and can be undone."""

import base64
import html
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from werkzeug.test import TestResponse

from notifier.policy.links import PREFERENCES, Link, end_mark, make_token, type_mark
from notifier.policy.words import State
from notifier.store.choices import Choices
from notifier.store.log import Filter, Log
from notifier.store.types import stored_hex
from notifier.store.waiting import DigestEntry, Waiting
from notifier.web.assets import _version
from tests.web.api import Api
from tests.web.test_unsubscribe import MANDATORY

NIGHT = {"quiet_hours/start": "22:00", "quiet_hours/end": "07:00"}


@dataclass
class Holder:
    """A person in Lisbon with a mailbox, who holds the link of a mail."""

    api: Api
    user: str

    @property
    def secret(self) -> bytes:
        return self.api.parts.secret_key.encode()

    @property
    def address(self) -> bytes:
        with self.api.parts.database.read() as connection:
            [found] = connection.exec_driver_sql(
                f"SELECT id FROM addresses WHERE channel = 'email' AND user_id = '{self.user}'"  # noqa: S608 (made here)
            ).scalars()
        return bytes.fromhex(stored_hex(found))

    @property
    def path(self) -> str:
        return f"/p/{make_token(self.secret, PREFERENCES, Link(self.address))}"

    def page(self) -> str:
        answer = self.api.call("GET", self.path, authorization="")
        assert answer.status_code == 200, answer.text
        return html.unescape(answer.text)

    def post(self, act: str, **fields: str) -> TestResponse:
        return self.api.server.test_client().post(self.path, data={"act": act, **fields})

    def save(self, **changed: str) -> TestResponse:
        """Save the form as the page shows it, with these fields changed."""
        [shown] = re.findall(r'name="shown" value="([^"]*)"', self.page_source())
        standing = json.loads(html.unescape(shown))
        return self.post("save", shown=html.unescape(shown), **(standing | changed))

    def page_source(self) -> str:
        return self.api.call("GET", self.path, authorization="").text

    def undo(self, answer: TestResponse) -> TestResponse:
        [value] = re.findall(r'name="undo" value="([^"]+)"', answer.text)
        return self.post("undo", undo=html.unescape(value))

    def chosen(self) -> dict[str, Any]:
        return self.api.call("GET", f"/v1/users/{self.user}/preferences").json

    def own(self) -> dict[tuple[str, str], str]:
        with self.api.parts.database.read() as connection:
            return Choices(connection).of([self.user])[self.user]

    def profile(self, **changed: str) -> dict[str, Any]:
        return self.api.call("PUT", f"/v1/users/{self.user}", changed).json

    def liked(self, actor: str = "ana", post: str = "post-7", *, name: str = "") -> None:
        """Somebody likes a post of theirs."""
        thing = {"id": post, "type": "post", "owner": self.user}
        body = {"type": "like", "data": {"actor": {"id": actor, "name": name}, "object": thing}}
        for _ in self.api.parts.steps.planner.plan([self.api.post(body).json["id"]]):
            pass

    def digests(self) -> list[DigestEntry]:
        with self.api.parts.database.read() as connection:
            return Waiting(connection).of(self.user)

    def states(self) -> set[tuple[str, str | None]]:
        """Of the likes as mail."""
        with self.api.parts.database.read() as connection:
            found = Log(connection).page(Filter(user=self.user, channels=("email",)), 100)
        return {(entry.state, entry.reason) for entry in found}


@pytest.fixture
def holder(api: Api) -> Holder:
    made = Holder(api, f"u-{uuid.uuid4().hex}")
    made.profile(email="bob@app.example", timezone="Europe/Lisbon")
    return made


def said(answer: TestResponse) -> str:
    [text] = re.findall(r'role="(?:status|alert)"><p>(.*?)</p>', answer.text)
    return html.unescape(text)


def test_the_page_shows_what_waits_and_when_it_comes_on_the_persons_clock(holder: Holder):
    for actor in ("ana", "ben"):
        holder.liked(actor, f"post-of-{actor}", name=actor.title())
    page = holder.page()
    assert "Notifications for b•••@app.example" in page
    assert re.search(r"Your daily digest <span class=\"quiet\">· Email", page)
    assert re.search(r"2 items, (today|tomorrow) at 8:00\u202fAM \(Lisbon\)", page)
    assert "Ana liked your post" in page
    assert page.index("Ben liked your post") < page.index("Ana liked your post"), "the newest first"


def test_what_concerns_the_person_most_comes_first_as_in_the_digest_itself(holder: Holder):
    holder.api.call("PUT", f"/v1/users/{holder.user}/preferences", {"types": {"follow": {"email": "daily"}}})
    follow = {"type": "follow", "data": {"actor": {"id": f"eve-{holder.user}"}, "object": {"id": holder.user}}}
    for _ in holder.api.parts.steps.planner.plan([holder.api.post(follow).json["id"]]):
        pass
    holder.liked()
    page = holder.page()
    assert page.index("follows you now") < page.index("liked your post")
    [digest] = holder.digests()
    lines = holder.api.call("GET", f"/v1/digests/{digest.id}").json["lines"]
    assert [line["type"] for line in lines] == ["follow.created", "like.created"]


def test_a_long_digest_says_how_many_more_wait(holder: Holder):
    for number in range(12):
        holder.liked(post=f"post-{number}")
    page = holder.page()
    assert (page.count("liked your post"), "and 2 more" in page, "12 items," in page) == (10, True, True)


def test_what_was_blocked_since_is_not_shown(holder: Holder):
    holder.liked("ana")
    holder.api.call("PUT", f"/v1/users/{holder.user}/blocks/ana")
    assert "Nothing waits for a digest." in holder.page()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_page_changes_nothing(holder: Holder, method: str):
    holder.liked()
    before = (holder.own(), holder.digests(), holder.api.counts())
    assert holder.api.call(method, holder.path, authorization="").status_code == 200
    assert (holder.own(), holder.digests(), holder.api.counts()) == before


def test_saving_what_was_not_touched_makes_no_choice_and_offers_no_undo(holder: Holder):
    answer = holder.save()
    assert (said(answer), holder.own(), 'value="undo"' in answer.text) == ("Saved.", {}, False)


def test_every_field_is_saved_and_told_of_in_the_history(holder: Holder):
    changed = {
        "types/like/email": "weekly",
        "types/comment/push": "off",
        "digest/time": "18:30",
        "digest/weekday": "friday",
        "cap_per_hour/push": "5",
        "timezone": "Asia/Tokyo",
    }
    assert said(holder.save(**changed, **NIGHT)) == "Saved."
    assert holder.chosen()["own"] == {
        "types": {"like": {"email": "weekly"}, "comment": {"push": "off"}},
        "digest": {"time": "18:30", "weekday": "friday"},
        "quiet_hours": {"start": "22:00", "end": "07:00"},
        "cap_per_hour": {"push": 5},
    }
    assert holder.profile()["timezone"] == "Asia/Tokyo"
    history = holder.api.call("GET", f"/v1/users/{holder.user}/preferences/history").json["data"]
    assert {(one["by"], one["through"]) for one in history} == {("person", "page")}
    assert len(history) == 6
    page = holder.page()
    assert '<option value="friday" selected>Friday</option>' in page
    assert '<option value="Asia/Tokyo" selected>Asia/Tokyo</option>' in page


def test_an_emptied_field_returns_to_the_default(holder: Holder):
    holder.save(**NIGHT, **{"cap_per_hour/email": "0"})
    assert holder.chosen()["own"]["cap_per_hour"] == {"email": 0}
    holder.save(**dict.fromkeys([*NIGHT, "cap_per_hour/email"], ""))
    assert holder.own() == {}


def test_undo_puts_back_what_stood_before_and_nothing_that_others_changed_since(holder: Holder):
    holder.save(**{"types/share/email": "weekly"})
    before, zone = holder.own(), holder.profile()["timezone"]
    answer = holder.save(**NIGHT, **{"types/share/email": "off", "timezone": "Asia/Tokyo"})
    holder.api.call("PUT", f"/v1/users/{holder.user}/preferences", {"cap_per_hour": {"email": 3}})
    assert said(holder.undo(answer)) == "It is as it was before."
    assert holder.own() == before | {("cap_per_hour", "email"): "3"}
    assert holder.profile()["timezone"] == zone == "Europe/Lisbon"


def test_everything_is_turned_off_but_what_concerns_the_account_and_comes_back_by_undo(holder: Holder):
    holder.save(**{"types/like/email": "weekly"})
    before = holder.chosen()
    answer = holder.post("off")
    assert said(answer) == "Everything is turned off."
    types = holder.chosen()["types"]
    for way in ("email", "push"):
        assert {name: channels[way] for name, channels in types.items()} == dict.fromkeys(types, "off") | MANDATORY
    assert {channels["feed"] for channels in types.values()} == {"on"}
    holder.undo(answer)
    assert holder.chosen() == before


def test_an_old_page_does_not_put_back_what_was_stopped_since_by_another_link(holder: Holder):
    [shown] = re.findall(r'name="shown" value="([^"]*)"', holder.page_source())
    standing = json.loads(html.unescape(shown))
    token = make_token(holder.secret, "unsubscribe", Link(holder.address, type_mark("comment.created")))
    holder.api.call("POST", f"/u/{token}", b"List-Unsubscribe=One-Click", authorization="",
                    content_type="application/x-www-form-urlencoded")  # fmt: skip
    holder.post("save", shown=html.unescape(shown), **(standing | NIGHT))
    assert holder.chosen()["types"]["comment"]["email"] == "off"
    assert holder.chosen()["quiet_hours"] == {"start": "22:00", "end": "07:00"}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"types/like/email": "sometimes"}, "Choose how often"),
        ({"digest/time": "24:00"}, "The digest hour"),
        ({"digest/weekday": "someday"}, "The digest hour"),
        ({"quiet_hours/start": "22:00"}, "Quiet hours"),
        ({"quiet_hours/start": "22:00", "quiet_hours/end": "22:00"}, "Quiet hours"),
        ({"cap_per_hour/email": "-1"}, "The most messages in an hour"),
        ({"cap_per_hour/push": "10001"}, "from 0 to 10000"),
        ({"cap_per_hour/push": "9" * 5_000}, "from 0 to 10000"),
        ({"timezone": "Mars/Olympus"}, "Choose your time zone"),
        ({"timezone": "\x00"}, "Choose your time zone"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_of_the_form_is_saved(holder: Holder, fields: dict[str, str], why: str):
    answer = holder.save(**{"types/share/push": "off"} | fields)
    assert answer.status_code == 422
    assert said(answer).startswith("Nothing was changed. ")
    assert why in said(answer)
    assert holder.own() == {}
    assert holder.profile()["timezone"] == "Europe/Lisbon"


def test_a_wrong_field_stays_as_it_was_written_to_be_mended(holder: Holder):
    answer = holder.save(**{"quiet_hours/start": "22:00", "quiet_hours/end": "22:00", "types/like/email": "off"})
    assert answer.text.count('value="22:00"') == 2
    assert '<option value="off" selected>' in answer.text


@pytest.mark.parametrize("shown", ["", "[]", "{", "null", "3", '{"types/like/email": {}}'])
def test_a_form_without_what_it_showed_counts_as_a_whole(holder: Holder, shown: str):
    assert holder.post("save", shown=shown, **{"types/like/email": "off"}).status_code == 200
    assert holder.own() == {("like.created", "email"): "off"}


@pytest.mark.parametrize(
    "fields",
    [
        {"act": "nonsense"},
        {"act": "undo", "undo": ""},
        {"act": "undo", "undo": "00.[[], null]"},
        {"act": "undo", "undo": "😀"},
        {},
    ],
)
def test_a_post_that_asks_for_nothing_we_know_changes_nothing(holder: Holder, fields: dict[str, str]):
    before = holder.api.counts()
    answer = holder.api.server.test_client().post(holder.path, data=fields)
    assert (answer.status_code, said(answer)) == (422, "Nothing was changed.")
    assert holder.api.counts() == before


def test_an_undo_is_good_for_its_own_link_alone(holder: Holder, api: Api):
    other = Holder(api, f"u-{uuid.uuid4().hex}")
    other.profile(email="eve@app.example")
    [value] = re.findall(r'name="undo" value="([^"]+)"', other.post("off").text)
    assert holder.post("undo", undo=html.unescape(value)).status_code == 422


def test_send_now_builds_the_digest_at_once(holder: Holder):
    holder.liked()
    [digest] = holder.digests()
    assert said(holder.post("send", digest=digest.id)) == "It is on its way."
    assert holder.states() == {(State.QUEUED, None)}
    assert holder.digests() == []
    assert said(holder.post("send", digest=digest.id)) == "This digest does not wait any more."


def test_a_skipped_digest_is_not_sent_and_the_page_says_before_what_goes_and_that_it_is_final(holder: Holder):
    for post in ("post-1", "post-2"):
        holder.liked(post=post)
    [digest] = holder.digests()
    [asked] = re.findall(r"<details.*?</details>", holder.page(), re.DOTALL)
    assert "cannot be undone" in asked
    assert '<button name="act" value="skip" class="plain">Skip 2 items</button>' in asked
    assert said(holder.post("skip", digest=digest.id)) == "Skipped. What waited is not sent."
    assert holder.states() == {(State.CANCELLED, "digest_skipped")}


def test_a_page_that_is_older_than_its_digest_does_not_skip_the_next_one(holder: Holder):
    holder.liked(post="post-1")
    [old] = holder.digests()
    holder.post("send", digest=old.id)
    holder.liked(post="post-2")
    assert said(holder.post("skip", digest=old.id)) == "This digest does not wait any more."
    assert len(holder.digests()) == 1


def test_a_digest_is_moved_to_a_time_on_the_persons_own_clock(holder: Holder):
    holder.profile(timezone="Asia/Tokyo")
    holder.liked()
    [digest] = holder.digests()
    local = (datetime.now(ZoneInfo("Asia/Tokyo")) + timedelta(days=3)).replace(hour=18, minute=30, second=0)
    answer = holder.post("move", digest=digest.id, at=f"{local:%Y-%m-%dT%H:%M}")
    assert said(answer).startswith("Moved: it comes ")
    assert "6:30\u202fPM" in said(answer)
    [moved] = holder.digests()
    assert (moved.id, moved.at) == (digest.id, local.replace(microsecond=0).astimezone(UTC))
    assert f'value="{local:%Y-%m-%dT%H:%M}"' in holder.page()


@pytest.mark.parametrize(
    "at", ["", "soon", "2020-01-01T08:00", "2999-01-01T08:00", "0001-01-01T00:00", "2026-02-31T08:00"]
)
def test_a_digest_is_not_moved_to_a_time_that_is_none_or_too_far(holder: Holder, at: str):
    holder.profile(timezone="Asia/Tokyo")
    holder.liked()
    before = holder.digests()
    answer = holder.post("move", digest=before[0].id, at=at)
    assert (answer.status_code, said(answer)) == (422, "Choose a moment that lies ahead, within a month.")
    assert holder.digests() == before


@pytest.mark.parametrize("act", ["send", "skip", "move"])
@pytest.mark.parametrize("digest", ["", "dig_x", "x" * 36, "dig_" + "0" * 32])
def test_only_a_digest_of_the_persons_own_can_be_steered(holder: Holder, api: Api, act: str, digest: str):
    other = Holder(api, f"u-{uuid.uuid4().hex}")
    other.profile(email="eve@app.example")
    other.liked()
    before = other.digests()
    at = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"
    for one in (digest, before[0].id):
        answer = holder.post(act, digest=one, at=at)
        assert (answer.status_code, said(answer)) == (200, "This digest does not wait any more.")
    assert other.digests() == before


def test_a_link_is_good_for_its_purpose_and_untouched_alone(holder: Holder):
    for_mail = make_token(holder.secret, "unsubscribe", Link(holder.address, type_mark("comment.created")))
    right = holder.path.removeprefix("/p/")
    unknown_address = make_token(holder.secret, PREFERENCES, Link(b"\0" * 16))
    for token in (for_mail, right[:-1], right[::-1], "B" + right[1:], "nonsense", "%00", "é", unknown_address):
        for method in ("GET", "POST"):
            answer = holder.api.call(method, f"/p/{token}", authorization="")
            assert answer.status_code == 404, token
            assert "This link does not work" in answer.text
    assert holder.api.call("GET", f"/u/{right}", authorization="").status_code == 404


def test_the_link_names_nobody(holder: Holder):
    token = holder.path.removeprefix("/p/")
    assert re.fullmatch(r"[\w-]{43}", token, re.ASCII)
    assert holder.user not in token


def test_the_link_of_somebody_who_was_erased_leads_nowhere(holder: Holder):
    path = holder.path
    holder.api.call("DELETE", f"/v1/users/{holder.user}")
    assert holder.api.call("GET", path, authorization="").status_code == 404


def test_the_page_is_kept_nowhere_holds_no_script_and_is_framed_by_nobody(holder: Holder):
    answer = holder.api.call("GET", holder.path, authorization="")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert not re.search(r"<style| style=| on\w+=", answer.text)
    assert re.findall(r"<script[^>]*>[^<]*", answer.text) == [
        f'<script type="module" src="/static/preferences.js?v={_version("preferences.js")}">'
    ], "the one that subscribes to push"


def test_names_cannot_bring_tags_into_the_page(holder: Holder):
    evil = "<img src=x onerror=alert(1)>\"'{{ 7 * 7 }}"
    holder.liked("evil", name=evil)
    assert "<img" not in holder.page_source()
    assert evil in holder.page()


@pytest.mark.parametrize(
    ("locale", "lang", "direction", "words"),
    [
        ("de_AT", "de", "ltr", ("Benachrichtigungen für", "1 Eintrag, ", " um 08:00 (Lissabon)", "Freitag", "Likes")),
        ("es", "es", "ltr", ("Notificaciones para", "1 elemento, ", " a las 8:00", "viernes")),
        ("pt-BR", "pt", "ltr", ("Notificações para", "1 item, ", " às 08:00", "sexta-feira")),
        ("ar", "ar", "rtl", ("الإشعارات إلى", "عنصر واحد، ", "(لشبونة)", "الجمعة")),
        ("ja", "ja", "ltr", ("への通知", "1 件、", "（リスボン）", "金曜日")),
        ("fr", "en", "ltr", ("Notifications for", "1 item, ", "Friday")),
    ],
)
def test_the_page_speaks_the_persons_language(
    holder: Holder, locale: str, lang: str, direction: str, words: tuple[str, ...]
):
    holder.profile(locale=locale)
    holder.liked()
    page = holder.page()
    assert f'<html lang="{lang}" dir="{direction}">' in page
    for word in words:
        assert word in page
    [digest] = holder.digests()
    for act in ("move", "skip", "send", "save", "off", "pause-week", "pause", "resume", "undo"):
        answer = holder.post(act, digest=digest.id)
        assert said(answer)
        if lang != "en":
            assert not re.search("Nothing|Choose|Skipped|Saved|turned|wait|pause", said(answer))


def test_a_language_is_chosen_at_once_and_undone(holder: Holder):
    assert re.findall(r'<option value="(\w+)" lang', holder.page()) == ["ar", "de", "en", "es", "ja", "pt"]
    assert '<option value="de" lang="de">Deutsch</option>' in holder.page()
    answer = holder.save(locale="de")
    assert said(answer) == "Gespeichert."
    assert holder.profile()["locale"] == "de"
    assert '<html lang="de" dir="ltr">' in holder.page()
    holder.undo(answer)
    assert holder.profile()["locale"] == "en"


@pytest.mark.parametrize("tag", ["fr", "xx", "de_AT", ""])
def test_a_language_that_is_not_offered_is_refused(holder: Holder, tag: str):
    answer = holder.save(locale=tag)
    assert (answer.status_code, said(answer)) == (422, "Nothing was changed. Choose your language from the list.")
    assert holder.profile()["locale"] == "en"


def test_everything_is_paused_for_a_week_by_the_clock_on_the_wall_and_goes_on_at_once(holder: Holder):
    holder.profile(timezone="America/New_York")
    assert "Pause everything for a week" in holder.page()
    answer = holder.post("pause-week")
    until = datetime.fromisoformat(holder.chosen()["paused_until"])
    zone = ZoneInfo("America/New_York")
    week = until.astimezone(zone).replace(tzinfo=None) - datetime.now(zone).replace(tzinfo=None)
    assert timedelta(days=7) - week < timedelta(minutes=1)
    assert re.fullmatch(r"Everything is paused until \w+, \w+ \d+, \d+ at \S+\u202f[AP]M\.", said(answer)), said(answer)
    page = holder.page()
    assert re.search(r"Everything is paused until .* \(New York\)\.", page)
    assert f'value="{until.astimezone(zone):%Y-%m-%dT%H:%M}"' in page
    holder.undo(answer)
    assert holder.chosen()["paused_until"] is None
    holder.post("pause-week")
    assert said(holder.post("resume")) == "The pause is over. What waited is on its way."
    assert (holder.chosen()["paused_until"], "Everything is paused" in holder.page()) == (None, False)


def test_everything_is_paused_until_a_time_on_the_persons_own_clock(holder: Holder):
    holder.profile(timezone="Asia/Tokyo")
    local = (datetime.now(ZoneInfo("Asia/Tokyo")) + timedelta(days=30)).replace(hour=9, minute=30, second=0)
    holder.post("pause", until=f"{local:%Y-%m-%dT%H:%M}")
    until = local.replace(microsecond=0).astimezone(UTC)
    assert holder.chosen()["paused_until"] == f"{until:%Y-%m-%dT%H:%M:%S}.000Z"
    for wrong in ("", "soon", "2020-01-01T08:00", "2999-01-01T08:00"):
        answer = holder.post("pause", until=wrong)
        assert (answer.status_code, said(answer)) == (
            422, "Choose a moment that lies ahead, within three months.",
        )  # fmt: skip
    assert holder.chosen()["paused_until"] == f"{until:%Y-%m-%dT%H:%M:%S}.000Z"


def test_while_everything_is_paused_mail_waits_and_explain_says_until_when(holder: Holder):
    holder.post("pause-week")
    mention = {"type": "mention", "data": {"actor": {"id": "ana"}, "object": {"id": "c-1"}, "to": [holder.user]}}
    event = holder.api.post(mention).json["id"]
    for _ in holder.api.parts.steps.planner.plan([event]):
        pass
    until = holder.chosen()["paused_until"]
    lines = holder.api.call("GET", f"/v1/events/{event}/explain").json["lines"]
    [mail] = [line for line in lines if line["channel"] == "email"]
    assert (mail["state"], mail["reason"], mail["due_at"]) == ("waiting", "snoozed", until)
    assert (mail["rule"], mail["sentence"]) == ("paused_until", "The person has paused everything for a while.")
    assert mail["value"].endswith(" Europe/Lisbon")
    assert [line["state"] for line in lines if line["channel"] == "feed"] == ["sent"]
    dry = holder.api.call("POST", "/v1/events/explain", mention).json["lines"]
    assert [line["reason"] for line in dry if line["channel"] == "email"] == ["snoozed"]


def test_the_link_lets_its_browser_subscribe_say_what_was_read_and_leave(holder: Holder, api: Api):
    api.call("PUT", f"/v1/users/{holder.user}/preferences", {"types": {"like": {"email": "instant"}}})
    holder.liked()
    made = by_link(holder, "POST", "/push-subscriptions", a_browser())
    assert made.status_code == 201, made.text
    device = made.json["id"]
    assert f'id="{device}"' in holder.page_source()
    assert by_link(holder, "POST", "/push-subscriptions", {"endpoint": "http://127.0.0.1/"}).status_code == 422
    [item] = api.call("GET", f"/v1/users/{holder.user}/feed").json["data"]
    assert by_link(holder, "POST", "/feed/read", {"ids": [item["id"]]}).json == {"read": 1}
    assert by_link(holder, "DELETE", f"/push-subscriptions/{device}").status_code == 204
    assert f'id="{device}"' not in holder.page_source()


def test_no_other_link_subscribes_a_browser(holder: Holder, api: Api):
    at = datetime.now(UTC) - timedelta(seconds=1)
    old = make_token(holder.secret, PREFERENCES, Link(holder.address, end_mark(at)))
    stop = make_token(holder.secret, "unsubscribe", Link(holder.address, type_mark("comment.created")))
    before = api.counts()
    for token, status in ((old, 410), (stop, 404), ("x", 404)):
        answer = api.call("POST", f"/p/{token}/push-subscriptions", a_browser(), authorization="")
        assert answer.status_code == status
    assert api.counts() == before
    other = Holder(api, f"u-{uuid.uuid4().hex}")
    other.profile(email="eve@app.example")
    assert by_link(holder, "DELETE", f"/push-subscriptions/{subscribed(other)}").status_code == 404


def by_link(holder: Holder, method: str, path: str, body: Any = None) -> TestResponse:
    """A call of the page's script."""
    return holder.api.call(method, holder.path + path, body, authorization="")


def test_a_browser_is_listed_and_removed_and_nobody_elses(holder: Holder, api: Api):
    other = Holder(api, f"u-{uuid.uuid4().hex}")
    other.profile(email="eve@app.example")
    mine, theirs = (subscribed(one) for one in (holder, other))
    page = holder.page()
    assert "Browsers that get push messages" in page
    assert "fcm.googleapis.com" in page
    assert mine in page
    assert theirs not in page
    for device in (theirs, "nonsense", ""):
        answer = holder.post("forget", device=device)
        assert (answer.status_code, said(answer)) == (422, "Nothing was changed.")
    assert theirs in other.page()
    assert said(holder.post("forget", device=mine)) == "Removed. This browser gets nothing more."
    assert "Browsers that get push messages" not in holder.page()


def subscribed(holder: Holder) -> str:
    """The id of a new browser of theirs."""
    answer = holder.api.call("POST", f"/v1/users/{holder.user}/push-subscriptions", a_browser())
    assert answer.status_code == 201, answer.text
    return answer.json["id"]


def a_browser() -> dict[str, Any]:
    """What a browser says when it subscribes."""
    keys = {"p256dh": base64url(ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint)), "auth": base64url(bytes(16))}  # fmt: skip
    return {"endpoint": f"https://fcm.googleapis.com/fcm/send/{uuid.uuid4().hex}", "keys": keys}


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
