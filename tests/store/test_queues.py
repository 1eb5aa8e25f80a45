"""How queues and workers stand: counted where it is cheap, and counted no further."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from notifier.pipeline.heartbeat import Heartbeat
from notifier.pipeline.pausing import Pausing
from notifier.policy.words import Reason, State
from notifier.store import queues
from notifier.store.database import Database
from notifier.store.models import Attempt, Delivery
from notifier.store.outbox import Outbox
from notifier.store.queues import ProviderWaits, Queues, QueueStands, Standing
from notifier.store.types import id_at
from notifier.store.workers import FORGOTTEN, SILENT, Crew, WorkerEntry, Workers
from tests.pipeline.line import START, Line
from tests.pipeline.test_sweep import fill


@pytest.fixture
def line(database: Database) -> Line:
    return Line(database)


def standing(line: Line) -> Standing:
    with line.database.read() as connection:
        return Queues(connection).whole(line.clock())


def stands(line: Line, name: str) -> QueueStands:
    return next(one for one in standing(line).queues if one.name == name)


def test_an_empty_service_has_empty_queues_and_no_workers(line: Line):
    found = standing(line)
    assert [one.name for one in found.queues] == ["urgent", "default", "bulk", "digest", "media"]
    assert {one.depth for one in found.queues} == {0}
    assert found.unserved == ["urgent", "default", "bulk", "digest", "media"]


def test_what_waits_for_a_worker_is_told_apart_from_what_waits_for_its_time(line: Line):
    line.planned(3)
    fill(line, 2, queue="default", reason=Reason.RETRY, due_at=line.clock() + timedelta(hours=1))
    fill(line, 1, queue="default", reason=Reason.RETRY, due_at=line.clock() + timedelta(minutes=1))
    fill(line, 1, queue="default", state=State.SENDING, due_at=line.clock() + timedelta(minutes=1))
    found = stands(line, "default")
    assert (found.queued, found.sending, found.later, found.held) == (3, 1, 3, 0)
    assert found.oldest_at == START


def test_a_paused_queue_shows_what_it_holds_and_since_when(line: Line):
    Pausing(line.database, line.clock).pause("default", "the relay moves", who="ada")
    line.sender.send(line.planned(2))
    line.clock.move(minutes=5)
    found = stands(line, "default")
    assert (found.queued, found.held, found.oldest_at) == (0, 2, START)
    assert found.pause is not None
    assert (found.pause.by, found.pause.why, found.pause.at) == ("ada", "the relay moves", START)


def test_a_provider_that_lets_us_wait_is_named_for_as_long(line: Line):
    until = line.clock() + timedelta(minutes=3)
    with line.database.write() as connection:
        Outbox(connection).pause("smtp://relay:25", until, "421 too much")
    assert standing(line).providers == [ProviderWaits("smtp://relay:25", until, "421 too much")]
    line.clock.move(minutes=3)
    assert standing(line).providers == []


def test_counts_stop_at_a_number_however_much_there_is(line: Line, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queues, "MOST", 10)
    fill(line, 30, state=State.QUEUED)
    fill(line, 30, reason=Reason.RETRY, due_at=line.clock() + timedelta(hours=1))
    fill(line, 30, reason=Reason.PAUSED, due_at=None)
    found = stands(line, "bulk")
    assert (found.queued, found.later, found.held) == (10, 10, 10)


def rows_at(line: Line, seconds: range) -> None:
    """One sent delivery with its try in each of these seconds ago."""
    with line.database.write() as connection:
        for ago in seconds:
            at = line.clock() - timedelta(seconds=ago)
            row = {
                "id": id_at("dlv", at), "notification_id": id_at("ntf", at), "app_id": line.app, "user_id": "u",
                "type": "like.created", "channel": "email", "queue": "default", "state": State.SENT,
                "address_id": id_at("sub", at), "wanted_at": at, "created_at": at,
            }  # fmt: skip
            connection.execute(insert(Delivery).values(row))
            made = {"id": id_at("att", at), "delivery_id": row["id"], "started_at": at, "ms": 1, "outcome": "delivered"}
            connection.execute(insert(Attempt).values(**made, code="250", text="", worker=""))


def test_rates_are_of_the_last_minutes(line: Line):
    rows_at(line, range(1, 61))
    rows_at(line, range(400, 460))
    found = stands(line, "default")
    assert (found.into, found.out) == (12.0, 12.0)
    assert stands(line, "bulk").out == 0


def test_rates_of_heavy_traffic_are_measured_over_the_newest_rows_alone(line: Line, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queues, "NEWEST", 30)
    rows_at(line, range(1, 121))
    assert round(stands(line, "default").out) == 60


def test_what_is_skipped_never_went_into_a_queue(line: Line):
    fill(line, 5, queue="default", state=State.SKIPPED, reason=Reason.NO_ADDRESS, due_at=None)
    assert stands(line, "default").into == 0


BORN = WorkerEntry("host:1", "urgent,default", 8, "0.1.0", START, START)


def beat(database: Database, entry: WorkerEntry) -> None:
    with database.write() as connection:
        Workers(connection).beat(entry)


def crew(line: Line) -> Crew:
    with line.database.read() as connection:
        return Workers(connection).crew(line.clock())


def test_a_worker_that_is_not_heard_of_is_silent_and_forgotten_after_a_day(line: Line):
    beat(line.database, BORN)
    assert [one.name for one in crew(line).alive] == ["host:1"]
    assert standing(line).unserved == ["bulk", "digest", "media"]
    line.clock.move(seconds=SILENT.total_seconds() + 1)
    assert [one.name for one in crew(line).silent] == ["host:1"]
    assert standing(line).unserved == ["urgent", "default", "bulk", "digest", "media"]
    later = START + FORGOTTEN + timedelta(seconds=1)
    beat(line.database, WorkerEntry("host:2", "bulk", 8, "0.1.0", later, later))
    line.clock.now = later
    assert [one.name for one in (*crew(line).alive, *crew(line).silent)] == ["host:2"]


def test_a_worker_tells_what_it_does_since_when_and_how_often_it_failed(line: Line):
    heart = Heartbeat(line.database, "0.1.0", line.clock)
    with pytest.raises(ValueError, match="broken"), heart.doing("plan 1"):
        raise ValueError("broken")
    with heart.doing("send 50"):
        line.clock.move(seconds=5)
        now = heart.stands(BORN)
    assert (now.doing, now.doing_since, now.busy) == ("send 50", START, 1)
    then = heart.stands(BORN)
    assert (then.doing, then.busy, then.done, then.failed) == ("", 0, 2, 1)
    assert then.memory > 1_000_000


def test_a_worker_is_heard_of_as_soon_as_it_starts_and_forgotten_as_soon_as_it_ends(line: Line):
    heart = Heartbeat(line.database, "0.1.0", line.clock)
    heart.start(["urgent"], 8)
    for _ in range(200):
        if crew(line).alive:
            break
        heart._ending.wait(0.05)
    [found] = crew(line).alive
    assert (found.queues, found.threads, found.version) == ("urgent", 8, "0.1.0")
    heart.stop()
    assert not crew(line).alive
