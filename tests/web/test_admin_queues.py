"""The admin page of queues and workers: how they stand, who may pause, and that nothing is lost of what waits."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import render_template
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from notifier.app.parts import now
from notifier.pipeline.tickets import PLAN, Ticket
from notifier.store.admins import Role
from notifier.store.models import Audit, Pause, QueuePause, Worker
from notifier.store.outbox import Outbox
from notifier.store.workers import WorkerEntry, Workers
from notifier.web.admin.queues import LONGEST_WHY, bounded
from notifier.web.admin.words import age
from tests.web.api import Api, make_parts
from tests.web.test_admin import signed_in, token_of


@pytest.fixture
def admin(api: Api) -> Iterator[FlaskClient]:
    yield signed_in(api, Role.OPERATOR)
    with api.parts.database.write() as connection:
        connection.execute(delete(QueuePause))
        connection.execute(delete(Worker))
        connection.execute(delete(Pause))


def act(admin: FlaskClient, what: str, **fields: str) -> str:
    """Post a form of the page; what the page then says."""
    answer = admin.post(f"/admin/queues/{what}", data={"csrf_token": token_of(admin), **fields})
    page = admin.get(answer.location).text if answer.status_code == 302 else answer.text
    [said] = re.findall(r'class="said[^"]*" role="(?:status|alert)">(?:<p>)?(.*?)</p>', page)
    return said


def row_of(page: str, name: str) -> str:
    [row] = re.findall(rf'<tr>\s*<th scope="row">{name}</th>(.*?)</tr>', page, re.DOTALL)
    return row


def hear(api: Api, name: str, queues: str = "urgent,default,bulk,digest,media", ago: float = 1, **more: object) -> None:
    """A worker that was heard of so many seconds ago."""
    at = now() - timedelta(seconds=ago)
    version = str(more.pop("version", "0.1.0"))
    with api.parts.database.write() as connection:
        Workers(connection).beat(WorkerEntry(name, queues, 8, version, at, at, **more))  # type: ignore[arg-type]


def test_a_queue_is_paused_with_a_reason_that_all_see_and_goes_on_again(api: Api, admin: FlaskClient):
    hear(api, "host:1")
    said = act(admin, "pause", queue="bulk", why="the relay is <moved>")
    assert said == "The queue bulk is paused. What is in it waits, and nothing is lost."
    page = signed_in(api, Role.VIEWER).get("/admin/queues").text
    assert "paused" in row_of(page, "bulk")
    assert "the relay is &lt;moved&gt;" in page
    assert act(admin, "pause", queue="bulk", why="again") == "The queue bulk was paused already."
    assert act(admin, "resume", queue="bulk") == "The queue bulk goes on: what it held is sent now."
    assert act(admin, "resume", queue="bulk") == "The queue bulk was not paused."
    with api.parts.database.read() as connection:
        query = select(Audit.action, Audit.subject).where(Audit.action.startswith("queue."))
        noted = {tuple(row) for row in connection.execute(query)}
    assert {("queue.pause", "bulk: the relay is <moved>"), ("queue.resume", "bulk")} <= noted


@pytest.mark.parametrize(
    ("what", "fields", "right"),
    [
        ("pause", {"queue": "nowhere", "why": "x"}, "there are urgent, default, bulk, digest, media"),
        ("pause", {"queue": "bulk", "why": " \n "}, f"1 to {LONGEST_WHY} characters"),
        ("pause", {"queue": "bulk", "why": "x" * (LONGEST_WHY + 1)}, f"1 to {LONGEST_WHY} characters"),
        ("resume", {"queue": "nowhere"}, "there are urgent, default, bulk, digest, media"),
    ],
)
def test_a_wrong_form_changes_nothing_and_says_what_would_be_right(
    api: Api, admin: FlaskClient, what: str, fields: dict[str, str], right: str
):
    hear(api, "host:1")
    assert right in act(admin, what, **fields)
    with api.parts.database.read() as connection:
        assert connection.scalar(select(QueuePause.queue)) is None


def test_viewers_see_the_page_and_cannot_pause(api: Api, admin: FlaskClient):
    hear(api, "host:1")
    viewer = signed_in(api, Role.VIEWER)
    page = viewer.get("/admin/queues").text
    assert "Pause a queue" not in page
    answer = viewer.post("/admin/queues/pause", data={"csrf_token": token_of(admin), "queue": "bulk", "why": "x"})
    assert answer.status_code in (400, 403)
    assert act(admin, "resume", queue="bulk") == "The queue bulk was not paused."


def test_a_silent_worker_and_a_queue_that_nobody_serves_stand_out(api: Api, admin: FlaskClient):
    hear(api, "alive:1", "urgent,default", doing="send 50", doing_since=now(), busy=1, memory=63_000_000)
    hear(api, "dead:2", "bulk,digest,media", ago=200, version="0.0.9")
    page = admin.get("/admin/queues").text
    assert "Nobody works on bulk, digest, media." in page
    assert "nobody works" in row_of(page, "bulk")
    alive, dead = row_of(page, "alive:1"), row_of(page, "dead:2")
    assert "send 50" in alive
    assert "1 of 8" in alive
    assert "63 MB" in alive
    assert "silent 3 min" in dead
    assert "not 0.1.0" in dead


def test_tickets_in_the_broker_are_counted_beside_the_database(api: Api, admin: FlaskClient):
    before = api.parts.steps.bell.depths()
    assert before is not None
    api.parts.steps.bell.ring([Ticket(PLAN, "digest", (f"evt_{uuid.uuid4().hex}",))])
    after = api.parts.steps.bell.depths()
    assert after == {**before, "digest": before["digest"] + 1}
    assert f">{after['digest']}</td>" in row_of(admin.get("/admin/queues").text, "digest")


def test_the_part_that_is_renewed_has_the_tables_alone(admin: FlaskClient):
    part = admin.get("/admin/queues/now").text
    assert "<html" not in part
    assert part.count('scope="row"') >= 4


def test_asking_the_workers_works_without_a_script_too(admin: FlaskClient):
    assert "No worker answered within a second." in admin.get("/admin/queues/inspect").text
    part = admin.get("/admin/queues/inspect", headers={"HX-Request": "true"}).text
    assert "<html" not in part


def test_ages_and_counts_are_short():
    at = now()
    ages = [age(at - timedelta(seconds=seconds), at) for seconds in (0, 41, 90, 7_300, 200_000)]
    assert ages == ["0 s", "41 s", "1 min", "2 h", "2 d"]
    assert (age(at + timedelta(seconds=9), at), age(None, at)) == ("9 s", "")
    assert (bounded(12, 5_000), bounded(4_999, 5_000), bounded(5_000, 5_000)) == ("12", "4,999", "5,000+")


def test_a_broker_that_is_away_is_said_and_the_page_stays(tmp_path: Path):
    made = make_parts(tmp_path)
    api = Api(replace(made, around=replace(made.around, broker_url="redis://127.0.0.1:1/0"))).migrate()
    admin = signed_in(api, Role.OPERATOR)
    page = admin.get("/admin/queues").text
    assert "Broker does not answer" in page
    assert "<td" in row_of(page, "urgent")
    assert "No worker answered" in admin.get("/admin/queues/inspect").text
    api.parts.database.close()


def test_another_page_shows_queues_and_workers_on_a_line(api: Api, admin: FlaskClient):
    hear(api, "host:1", "urgent,default,bulk")
    hear(api, "host:2", ago=300)
    api.parts.pausing.pause("bulk", "too much", who="ada")
    with api.parts.database.write() as connection:
        Outbox(connection).pause("smtp://relay:25", api.parts.clock() + timedelta(minutes=5), "421 <slow>")
    with api.server.test_request_context():
        line = render_template("admin/queues_line.html")
    assert "smtp://relay:25 waits" in line
    whole = admin.get("/admin/queues").text
    assert re.search(r"<strong>Nothing goes to smtp://relay:25</strong> for \d.* more: 421 &lt;slow&gt;", whole)
    assert 'title="too much"' in line
    assert "none for digest" in line
    assert "1 silent" in line
