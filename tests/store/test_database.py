"""Connections under stress: several processes, cut connections, forks."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from notifier.store.database import Database, DatabaseAway
from notifier.store.intake import Intake, NewEvent
from notifier.store.types import new_id
from tests.pipeline.line import APP, START, Line, at_once

WRITER = """
import sys
from tests.pipeline.line import Line
from notifier.store.database import Database
line = Line(Database(sys.argv[1]))
for _ in range(10):
    line.plan(line.comments(8))
"""


def test_three_writing_processes_never_meet_a_lock(database_url: str):
    line = Line(Database(database_url))
    line.people("bob")
    command = [sys.executable, "-c", WRITER, database_url]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, cwd=Path.cwd()) for _ in range(3)]
    errors = [writer.communicate(timeout=60)[1].decode() for writer in writers]
    assert [(writer.returncode, error) for writer, error in zip(writers, errors, strict=True)] == [(0, "")] * 3
    books = line.books()
    assert (books.accepted, books.unplanned, books.balanced) == (240, 0, True)
    line.database.close()


def test_a_pooled_connection_that_was_cut_is_replaced_without_a_word(database: Database):
    if database.on_sqlite:
        pytest.skip("SQLite has no connections that could be cut")
    line = Line(database)
    line.accept()
    second = Database(database.url.render_as_string(hide_password=False))
    with second.write() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    second.close()
    line.accept()
    assert line.books().accepted == 2


def test_a_connection_cut_in_the_middle_is_said_to_be_away_and_stores_nothing(database: Database):
    if database.on_sqlite:
        pytest.skip("SQLite has no connections that could be cut")
    line = Line(database)

    def cut_myself(connection) -> None:
        connection.execute(text("UPDATE events SET plan_cursor = 5"))
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    line.accept()
    with pytest.raises(DatabaseAway):
        database.transact(cut_myself)
    with database.read() as connection:
        assert connection.scalar(text("SELECT plan_cursor FROM events")) == 0


def test_a_fork_gets_connections_of_its_own_and_leaves_its_parents_alone(database: Database):
    line = Line(database)
    line.accept()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            line.accept()
            database.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    line.accept()
    assert line.books().accepted == 3


def test_two_that_take_in_the_same_keys_in_opposite_orders_do_not_deadlock(database: Database):
    def event(key: str) -> NewEvent:
        return NewEvent(
            new_id("evt"), APP, key, b"h", "like.created", "ana", "p", "", b"{}", START, START, START + timedelta(1)
        )

    def take_in(turn: int) -> int:
        keys = [f"{turn}-{n}" for n in range(100)]
        both = [[event(key) for key in keys], [event(key) for key in reversed(keys)]]
        answers = at_once(*[lambda some=some: Intake(database).accept_all(some) for some in both])
        by_key = [
            {one.key: answer for one, answer in zip(*pair, strict=True)} for pair in zip(both, answers, strict=True)
        ]
        assert all(by_key[0][key].id == by_key[1][key].id for key in keys)
        return sum(not answer.duplicate for some in answers for answer in some)

    assert [take_in(turn) for turn in range(10)] == [100] * 10
    first = event("k")
    assert not Intake(database).accept(first).duplicate
    again = Intake(database).accept(replace(event("k"), body_hash=b"other"))
    assert (again.id, again.duplicate, again.reused) == (first.id, True, True)


def test_more_threads_than_connections_wait_for_their_turn(database_url: str):
    line = Line(Database(database_url, threads=2))
    at_once(*[line.accept] * 12)
    assert line.books().accepted == 12
    line.database.close()


def test_threads_that_come_first_at_once_share_one_engine(database_url: str):
    database = Database(database_url, threads=4)
    engines: set[int] = set()
    lock = threading.Lock()

    def note() -> None:
        with database.write() as connection, lock:
            engines.add(id(connection.engine))

    at_once(*[note] * 4)
    assert len(engines) == 1
    database.close()


def test_what_is_read_together_is_of_one_moment_and_reading_changes_nothing(database: Database):
    line = Line(database)
    line.accept()
    count = text("SELECT count(*) FROM events")
    with database.read() as connection:
        before = connection.scalar(count)
        line.accept()
        assert connection.scalar(count) == before == 1
    with database.read() as connection:
        assert connection.scalar(count) == 2
    with pytest.raises((DatabaseAway, DBAPIError)), database.read() as connection:
        connection.execute(text("DELETE FROM events"))
    assert line.books().accepted == 2


def test_two_that_lock_each_other_out_are_told_to_come_again_and_run_again_where_they_can(database: Database):
    if database.on_sqlite:
        pytest.skip("SQLite has one writer at a time: nobody can lock another out")
    Line(database).people("ana", "bob")
    met = threading.Barrier(2)

    def rename(connection, first: str, second: str) -> None:
        update = text("UPDATE users SET name = 'x' WHERE id = :id")
        connection.execute(update, {"id": first})
        with suppress(threading.BrokenBarrierError):
            met.wait(timeout=5)
        met.abort()  # who comes again does not wait for the other
        connection.execute(update, {"id": second})

    def plainly(first: str, second: str) -> str:
        try:
            with database.write() as connection:
                rename(connection, first, second)
        except DatabaseAway:
            return "away"
        return "done"

    assert sorted(at_once(lambda: plainly("ana", "bob"), lambda: plainly("bob", "ana"))) == ["away", "done"]
    met.reset()
    at_once(
        lambda: database.transact(lambda tx: rename(tx, "ana", "bob")),
        lambda: database.transact(lambda tx: rename(tx, "bob", "ana")),
    )


def test_a_failed_statement_is_told_without_what_was_given_to_it(database: Database):
    insert = text("INSERT INTO users (id) SELECT 'x' WHERE :given <> ''")
    with pytest.raises(DBAPIError) as told, database.write() as connection:
        connection.execute(insert, {"given": "bob@app.example"})
    assert "bob@app.example" not in str(told.value)
