"""Erasure: nothing of the person is left anywhere in the database, and the books still balance."""

import json
import threading
import uuid
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select, text

from notifier.policy.outcomes import Refused
from notifier.store import erasing
from notifier.store.database import Database, DatabaseAway
from notifier.store.models import Base, Event, NotificationEvent
from tests.pipeline.line import Letter, Line, at_once
from tests.stack import eventually
from tests.web.api import Api
from tests.web.test_people import path_of, subscription


def found_in(database: Database, sought: str) -> list[str]:
    """Every row of every table that holds the text, as `table: row`."""
    found = []
    with database.read() as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                shown = " ".join(_text(value) for value in row)
                if sought in shown:
                    found.append(f"{table.name}: {shown}")
    return found


def quoted(id: str) -> str:
    return quote(id, safe="")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def found_by_postgres(database: Database, sought: str) -> list[str]:
    """Every row that holds the text as PostgreSQL itself writes rows; bytes as text too."""
    with database.read() as connection:
        return [
            name
            for name in Base.metadata.tables
            for (row,) in connection.execute(text(f"SELECT CAST(t.* AS text) FROM {name} AS t"))  # noqa: S608 (our names)
            if sought in row or sought.encode().hex() in row
        ]


class Town:
    """People around one who is to be erased, with all that can name them."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.line = Line(api.parts.database)
        self.bob = f"bob-{uuid.uuid4().hex}"
        self.mailbox = ""
        self.ana = f"ana-{uuid.uuid4().hex}"

    @property
    def path(self) -> str:
        return path_of(self.bob)

    def settle(self) -> None:
        """Give everybody a profile, choices and ties."""
        for who in (self.bob, self.ana):
            self.call("PUT", path_of(who), {"name": f"Name of {who}", "email": self.mailbox or f"{who}@app.example"})
            self.call("PUT", f"{path_of(who)}/preferences", {"types": {"like": {"email": "off"}}})
        self.call("POST", f"{self.path}/push-subscriptions", subscription())
        for one, other in ((self.bob, self.ana), (self.ana, self.bob)):
            for path in (f"mutes/actor:{quoted(other)}", f"blocks/{quoted(other)}"):
                self.call("PUT", f"{path_of(one)}/{path}")
            self.call("DELETE", f"{path_of(one)}/mutes/actor:{quoted(other)}")

    def unblock(self) -> None:
        for one, other in ((self.bob, self.ana), (self.ana, self.bob)):
            self.call("DELETE", f"{path_of(one)}/blocks/{quoted(other)}")

    def call(self, method: str, path: str, body: Any = None) -> None:
        assert self.api.call(method, path, body).status_code in (200, 201, 204)

    def erase(self) -> None:
        self.call("DELETE", self.path)

    def accept(self, type_: str, actor: str, **data: Any) -> str:
        who = {"id": actor, "name": f"Name of {actor}", "url": f"https://app.example/{actor}"}
        object_ = {"id": f"o-{uuid.uuid4().hex}", "type": "comment", "content": f"Words of {actor}"}
        return self.line.accept(type_, **{"actor": who, "object": object_} | data)

    def post_of(self, owner: str) -> dict[str, Any]:
        return {"id": f"post-{uuid.uuid4().hex}", "type": "post", "name": f"Title of {owner}", "owner": owner}


@pytest.fixture
def town(api: Api) -> Town:
    return Town(api)


def data_of(api: Api, event: str) -> Any:
    with api.parts.database.read() as connection:
        return json.loads(connection.scalar(select(Event.body).where(Event.id == event)) or b"{}")


def told_to(api: Api, event: str) -> list[str]:
    with api.parts.database.read() as connection:
        found = select(NotificationEvent.user_id).where(NotificationEvent.event_id == event)
        return sorted(connection.scalars(found))


def test_after_an_erasure_nothing_of_the_person_is_found_and_the_books_balance(town: Town, api: Api):
    town.settle()
    events = [
        town.accept("comment.created", town.bob, target=town.post_of(town.ana)),  # blocked by ana
    ]
    town.line.plan(events)
    town.unblock()
    like = {"object": town.post_of(town.bob)}
    person = {"id": town.bob, "type": "person", "name": f"Name of {town.bob}"}
    events = [
        town.accept("comment.created", town.ana, target=town.post_of(town.bob), mentions=[town.bob, "cara"]),
        town.accept("comment.created", town.bob, target=town.post_of(town.ana), mine=f"x {town.bob}"),
        town.accept("comment.created", town.ana, target=person | {"owner": "cara"}, extra={town.bob: [town.bob]}),
        town.accept("like.created", town.ana, **like),
        town.accept("follow.created", town.ana, object=person),
        town.accept("follow.created", town.bob, object={"id": town.ana, "type": "person"}),
        town.accept("mention.created", town.ana, to=[town.bob, "dan"],
                    object={"id": "c", "content": f"Hi @{town.bob}!", "url": f"https://app.example/{town.bob}#x"}),
        town.accept("post.created", town.ana),
    ]  # fmt: skip
    ready = town.line.plan(events)
    town.line.post.answer = lambda letter: Refused(code="550", text=f"{letter.notice.address.value} is unknown")
    town.line.sender.send([one.id for one in ready if one.channel == "email"])
    unplanned = town.accept("mention.created", town.ana, to=[town.bob, "dan"])
    api.call("POST", "/v1/deliveries/retry", {"user": town.bob})
    assert {one.partition(":")[0] for one in found_in(api.parts.database, town.bob)} >= {
        *("users", "addresses", "preferences", "preference_changes", "relations", "events", "notifications"),
        *("notification_events", "deliveries", "attempts", "digests"),
    }
    town.erase()
    assert found_in(api.parts.database, town.bob) == []
    if not api.parts.database.on_sqlite:
        assert found_by_postgres(api.parts.database, town.bob) == []
    town.line.plan([unplanned])
    assert town.line.books().balanced
    assert found_in(api.parts.database, town.bob) == []
    assert found_in(api.parts.database, town.ana)


def test_what_waits_for_them_is_cancelled_and_what_was_told_keeps_its_place(town: Town, api: Api):
    town.line.people(town.bob)
    town.line.plan([town.accept("like.created", town.ana, object=town.post_of(town.bob))])  # waits for the digest
    event = town.accept("comment.created", town.ana, target=town.post_of(town.bob))
    [ready] = town.line.plan([event])
    before = town.line.books()
    town.erase()
    rows = [row for row in town.line.deliveries() if row.user_id.startswith("erased_")]
    assert {(row.state, row.reason) for row in rows if row.address_id} >= {("cancelled", "erased")}
    assert town.line.delivery(ready.id).state == "cancelled"
    after = town.line.books()
    assert (after.accepted, after.missing, after.balanced) == (before.accepted, 0, True)
    assert town.line.sender.send([ready.id]) == 0


def test_a_digest_that_they_got_is_forgotten_with_them(town: Town, api: Api):
    town.line.people(town.bob)
    town.line.plan([town.accept("like.created", town.ana, object=town.post_of(town.bob))])
    town.line.clock.move(days=1)
    assert [letter.notice.person.id for letter in town.line.deliver()].count(town.bob) == 1
    town.erase()
    assert found_in(api.parts.database, town.bob) == []
    assert town.line.books().balanced


def test_their_acts_stay_for_the_others_without_what_they_wrote(town: Town, api: Api):
    event = town.accept("comment.created", town.bob, target=town.post_of(town.ana))
    town.line.plan([event])
    before = data_of(api, event)
    town.erase()
    left = data_of(api, event)
    assert left["actor"] == {"id": left["actor"]["id"]}
    assert left["actor"]["id"].startswith("erased_")
    assert left["object"] == {"id": before["object"]["id"], "type": "comment"}
    assert left["target"] == before["target"]
    assert told_to(api, event) == [town.ana]


def test_others_who_were_told_with_them_are_still_told(town: Town, api: Api):
    event = town.accept("mention.created", town.ana, to=[town.bob, "dan"])
    town.line.plan([event])
    town.erase()
    [dan, nobody] = told_to(api, event)
    assert (dan, nobody.startswith("erased_")) == ("dan", True)
    assert data_of(api, event)["to"] == [nobody, "dan"]


def test_a_duplicate_stays_a_duplicate(town: Town, api: Api):
    body = {"type": "like", "data": {"actor": {"id": town.bob}, "object": {"id": "p", "owner": town.ana}}}
    first = api.post(body, idempotency_key=f"k-{uuid.uuid4().hex}"[:30])
    key = f"k-{uuid.uuid4().hex}"
    first = api.post(body, idempotency_key=key).get_json()
    town.erase()
    again = api.post(body, idempotency_key=key).get_json()
    assert (again["id"], again["duplicate"]) == (first["id"], True)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", [name for name in vars(erasing.Erasing) if not name.startswith("_")])
def test_an_erasure_that_was_broken_off_goes_on(
    town: Town, api: Api, monkeypatch: pytest.MonkeyPatch, name: str, times: int
):
    town.settle()
    town.unblock()
    monkeypatch.setattr(erasing, "SOME", 2)
    town.line.plan([town.accept("comment.created", town.ana, target=town.post_of(town.bob)) for _ in range(5)])
    step = getattr(erasing.Erasing, name)
    calls: list[int] = []

    def dies(*given: Any) -> Any:
        calls.append(1)
        found = step(*given)
        if len(calls) == times:
            raise DatabaseAway("the process died")
        return found

    monkeypatch.setattr(erasing.Erasing, name, dies)
    status = api.call("DELETE", town.path).status_code
    assert status == (503 if len(calls) == times else 204)
    monkeypatch.setattr(erasing.Erasing, name, step)
    assert calls
    assert town.line.books().balanced
    town.erase()
    assert found_in(api.parts.database, town.bob) == []
    assert town.line.books().balanced


def test_a_plan_to_followers_that_stands_at_them_goes_on_behind_them(
    town: Town, api: Api, monkeypatch: pytest.MonkeyPatch
):
    followers = sorted([town.bob, "aaa", "zzz", *(f"bob-{uuid.uuid4().hex}" for _ in range(4))])
    for follower in followers:
        town.line.plan([town.accept("follow.created", follower, object={"id": town.ana, "type": "person"})])
    event = town.accept("post.created", town.ana)
    monkeypatch.setattr("notifier.pipeline.plan.CHUNK", 1)
    steps = town.line.planner.plan([event])
    while next_follower(api, event) != town.bob:
        next(steps)
    town.erase()
    list(steps)
    town.line.plan([event])
    told = told_to(api, event)
    assert len(told) == len(followers)
    assert set(told) >= set(followers) - {town.bob}
    assert town.line.books().balanced


def next_follower(api: Api, event: str) -> str:
    with api.parts.database.read() as connection:
        return connection.scalar(select(Event.plan_after).where(Event.id == event)) or ""


def test_what_a_provider_says_while_they_are_erased_is_forgotten_too(town: Town, api: Api):
    town.settle()
    town.unblock()
    planned = town.line.plan([town.accept("comment.created", town.ana, target=town.post_of(town.bob))])
    [ready] = [one for one in planned if one.channel == "email"]

    def refuse(letter: Letter) -> Refused:
        begun.set()
        eventually(lambda: api.call("GET", f"{town.path}/export").get_json()["addresses"] == [])
        return Refused(code="550", text=f"{letter.notice.address.value} is unknown")

    begun = threading.Event()
    town.line.post.answer = refuse
    at_once(lambda: town.line.sender.send([ready.id]), lambda: begun.wait() and town.erase())
    assert town.line.outcomes(ready.id) == ["refused"]
    assert found_in(api.parts.database, town.bob) == []
    assert town.line.books().balanced


def test_who_is_erased_while_workers_plan_and_send_is_erased_everywhere(town: Town, api: Api):
    town.settle()
    town.unblock()
    events = [town.accept("mention.created", town.ana, to=[f"z-{number}", town.bob, "dan"]) for number in range(60)] + [
        town.accept("like.created", town.bob, object=town.post_of(town.ana)) for _ in range(20)
    ]

    def work(mine: list[str]) -> None:
        for event in mine:
            town.line.new_sender().send([one.id for one in town.line.plan([event]) if one.channel == "email"])

    at_once(lambda: work(events[::2]), lambda: work(events[1::2]), town.erase)
    town.line.plan(events)
    assert found_in(api.parts.database, town.bob) == []
    assert {len(told_to(api, event)) for event in events[:60]} == {3}
    assert town.line.books().balanced


def test_to_erase_nobody_or_twice_does_no_harm(town: Town, api: Api):
    town.settle()
    town.erase()
    town.erase()
    assert api.call("GET", town.path).status_code == 404
    assert api.call("DELETE", f"/v1/users/nobody-{uuid.uuid4().hex}").status_code == 204


@pytest.mark.parametrize("odd", ["100%", "a_b", "'; DROP TABLE users;--", "ünï", "😀", 'a"b\\c', "a b", "\\", "%"])
def test_people_of_every_id_are_erased_and_nobody_else(town: Town, api: Api, odd: str):
    town.mailbox = "somebody@app.example"
    town.bob, other = odd, f"{odd}-{uuid.uuid4().hex}"
    town.settle()
    kept = town.accept("comment.created", town.ana, target=town.post_of(other))
    gone = town.accept("comment.created", town.ana, target=town.post_of(odd), mentions=[odd])
    town.line.plan([kept, gone])
    town.erase()
    assert data_of(api, kept)["target"]["owner"] == other
    assert told_to(api, kept) == [other]
    left = data_of(api, gone)
    assert left["target"]["owner"] == left["mentions"][0]
    assert left["mentions"][0].startswith("erased_")
    assert api.call("GET", town.path).status_code == 404


def test_the_export_holds_everything_and_the_audit_notes_the_erasure_without_the_name(town: Town, api: Api):
    town.settle()
    town.unblock()
    told = town.accept("comment.created", town.ana, target=town.post_of(town.bob))
    acted = town.accept("comment.created", town.bob, target=town.post_of(town.ana))
    town.call("PUT", f"{town.path}/mutes/object:post-1")
    town.line.plan([told, acted])
    held = api.call("GET", f"{town.path}/export").get_json()
    assert (held["user"]["name"], held["choices"]) == (f"Name of {town.bob}", {"like/email": "off"})
    assert {one["channel"] for one in held["addresses"]} == {"email", "push"}
    assert [(one["kind"], one["other"]) for one in held["relations"]] == [("mute_object", "post-1")]
    assert [one["events"] for one in held["notifications"]] == [[told]]
    assert {one["channel"] for one in held["deliveries"]} == {"email", "push", "feed"}
    assert [one["id"] for one in held["events"]] == [acted]
    assert held["changes"]
    town.erase()
    empty = api.call("GET", f"{town.path}/export").get_json()
    assert empty.pop("user") is None
    assert not any(empty.values())
    with api.parts.database.read() as connection:
        noted = connection.execute(text("SELECT who, subject FROM audit WHERE action = 'user.erase'")).all()
    assert (api.app.app, True) in {(who, subject.startswith("erased_")) for who, subject in noted}
