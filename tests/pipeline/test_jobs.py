"""Jobs: each delivery of the filter is acted on once, however often the work is broken off, and by whom it is done."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from notifier.pipeline import jobs
from notifier.pipeline.jobs import Working
from notifier.policy.outcomes import Refused
from notifier.policy.words import Reason, State
from notifier.store.jobs import LEASE, Act, JobState
from notifier.store.log import Filter
from notifier.store.models import Audit, Delivery
from tests.pipeline.line import Line, at_once

COUNT = 12


class Killed(Exception):
    """The worker died at this moment."""


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "CHUNKS", {Act.RETRY: 5, Act.CANCEL: 5})


@pytest.fixture
def rung() -> list[str]:
    return []


@pytest.fixture
def working(line: Line, rung: list[str]) -> Working:
    return Working(line.database, line.sweeper, line.clock, rung.extend)


def failed(line: Line, count: int = COUNT) -> list[str]:
    """Mails that the provider refused."""
    line.post.answer = lambda _: Refused("550", "no")
    ids = line.planned(count)
    line.new_sender().send(ids)
    return ids


def states(line: Line, channel: str = "email") -> dict[str, int]:
    with line.database.read() as connection:
        rows = connection.execute(
            select(Delivery.state, func.count()).where(Delivery.channel == channel).group_by(Delivery.state)
        )
        return {str(state): count for state, count in rows}


def retries_of(line: Line, ids: Sequence[str]) -> list[str]:
    with line.database.read() as connection:
        return sorted(connection.scalars(select(Delivery.retry_of).where(Delivery.retry_of.in_(ids))))


def test_a_job_sends_every_failed_delivery_of_its_filter_again(line: Line, working: Working, rung: list[str]):
    ids = failed(line)
    assert working.count(Act.RETRY, Filter(channels=("email",))) == COUNT
    job = working.start(Act.RETRY, Filter(channels=("email",)), who="ann")
    assert job
    assert (rung, job.expected, job.done) == ([job.id], COUNT, 0)
    done = working.work(job.id)
    assert done
    assert (done.state, done.done) == (JobState.DONE, COUNT)
    assert done.ended_at
    assert retries_of(line, ids) == sorted(ids)
    assert line.books().balanced


def test_what_fails_after_it_was_asked_for_is_not_its_affair(line: Line, working: Working):
    ids = failed(line)
    job = working.add(Act.RETRY, Filter(), who="ann")
    later = failed(line, 2)
    assert job
    working.work(job.id)
    assert (retries_of(line, ids), retries_of(line, later)) == (sorted(ids), [])


def test_a_filter_of_another_state_retries_nothing(line: Line, working: Working):
    ids = failed(line)
    assert working.count(Act.RETRY, Filter(states=("sent",))) == 0
    job = working.add(Act.RETRY, Filter(states=("sent", "skipped")), who="ann")
    assert job
    working.work(job.id)
    assert retries_of(line, ids) == []


def test_a_killed_worker_leaves_whole_chunks_and_another_goes_on(line: Line, working: Working, rung: list[str]):
    ids = failed(line)
    job = working.start(Act.RETRY, Filter(), who="ann")
    assert job
    hastened = line.sweeper.hasten

    def die(*_: object) -> None:
        raise Killed

    line.sweeper.hasten = die  # type: ignore[method-assign]  # after the first chunk's commit
    with pytest.raises(Killed):
        working.work(job.id)
    line.sweeper.hasten = hastened  # type: ignore[method-assign]
    half = working.find(job.id)
    assert half
    assert (half.state, half.done, len(retries_of(line, ids))) == (JobState.RUNNING, 5, 5)
    assert working.take_due() == []  # somebody may still be at it
    line.clock.move(seconds=LEASE.total_seconds() + 1)
    assert working.take_due() == [job.id]
    assert working.take_due() == []
    done = working.work(job.id)
    assert done
    assert (done.state, done.done, retries_of(line, ids)) == (JobState.DONE, COUNT, sorted(ids))


def test_a_chunk_that_fails_halfway_is_as_if_it_never_began(
    line: Line, working: Working, monkeypatch: pytest.MonkeyPatch
):
    ids = failed(line)
    job = working.add(Act.RETRY, Filter(), who="ann")
    assert job
    with monkeypatch.context() as broken:
        broken.setattr("notifier.store.jobs.Jobs.move", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            working.work(job.id)
    assert retries_of(line, ids) == []
    working.work(job.id)
    assert retries_of(line, ids) == sorted(ids)


def test_several_workers_at_one_job_do_nothing_twice(line: Line, working: Working):
    ids = failed(line)
    job = working.add(Act.RETRY, Filter(), who="ann")
    assert job
    at_once(*[lambda: working.work(job.id)] * 4)
    done = working.find(job.id)
    assert done
    assert (done.state, done.done, retries_of(line, ids)) == (JobState.DONE, COUNT, sorted(ids))


def test_a_job_that_takes_long_lets_others_have_the_worker_and_is_rung_for(
    line: Line, working: Working, rung: list[str]
):
    failed(line)
    job = working.add(Act.RETRY, Filter(), who="ann")
    assert job
    turns = 0
    while (now := working.work_and_ring(job.id, seconds=0)) and now.runs:
        turns += 1
    assert turns == 3
    assert rung == [job.id] * 3


def test_a_stopped_job_does_no_more_and_what_it_did_stays(line: Line, working: Working):
    ids = failed(line)
    job = working.add(Act.RETRY, Filter(), who="ann")
    assert job
    working.work(job.id, seconds=0)
    assert working.stop(job.id, who="bob")
    assert not working.stop(job.id, who="bob")
    over = working.work(job.id)
    assert over
    assert (over.state, over.done, len(retries_of(line, ids))) == (JobState.STOPPED, 5, 5)


def test_cancelling_ends_what_waits_or_is_queued_and_nothing_else(line: Line, working: Working):
    sent = line.planned(2)
    line.new_sender().send(sent)
    line.planned(COUNT)
    job = working.add(Act.CANCEL, Filter(channels=("email",)), who="ann")
    assert job
    assert job.expected == COUNT
    done = working.work(job.id)
    assert done
    assert done.done == COUNT
    assert states(line) == {"sent": 2, "cancelled": COUNT}
    with line.database.read() as connection:
        reasons = connection.scalars(select(Delivery.reason).where(Delivery.state == State.CANCELLED)).all()
    assert set(reasons) == {Reason.BY_ADMIN}
    assert line.books().balanced


def test_ticked_ones_alone_are_cancelled(line: Line, working: Working):
    ids = line.planned(4)
    job = working.add(Act.CANCEL, Filter(ids=tuple(ids[:2])), who="ann")
    assert job
    working.work(job.id)
    assert states(line) == {"cancelled": 2, "queued": 2}


def test_who_asked_and_who_stopped_is_on_record(line: Line, working: Working):
    failed(line, 1)
    job = working.add(Act.RETRY, Filter(user="bob", since=line.clock() - timedelta(days=1)), who="ann")
    assert job
    assert working.find(job.id) == job  # the filter comes back as it was given
    working.stop(job.id, who="bob")
    with line.database.read() as connection:
        noted = {(row.who, row.action) for row in connection.execute(select(Audit))}
    assert {("ann", "deliveries.retry"), ("bob", "job.stop")} <= noted


def test_without_deliveries_there_is_no_job(line: Line, working: Working):
    assert working.add(Act.RETRY, Filter(), who="ann") is None
    assert working.latest(5) == []


def test_the_newest_jobs_come_first(line: Line, working: Working):
    failed(line, 1)
    made = [working.add(Act.RETRY, Filter(), who=name) for name in ("ann", "bob")]
    assert [one.id for one in working.latest(5)] == [one.id for one in reversed(made) if one]
