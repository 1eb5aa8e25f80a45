"""Apps and admins: who may come in, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from notifier.store.admins import LINK_LIVES, Admins, Link, Role
from notifier.store.apps import Apps
from notifier.store.database import Database
from notifier.store.models import AppSecret, LoginLink

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.write() as opened:
        yield opened


def test_a_rotated_secret_lives_on_for_the_overlap_and_a_second_rotation_does_not_prolong_it(connection: Connection):
    apps = Apps(connection)
    made = apps.create("web", NOW)
    second = apps.rotate(made.app, overlap=DAY, now=NOW)
    assert apps.signer(made.app, NOW).secrets == (second, made.secret)
    third = apps.rotate(made.app, overlap=DAY, now=NOW + DAY / 2)
    assert apps.signer(made.app, NOW + DAY * 0.75).secrets == (third, second, made.secret)
    assert apps.signer(made.app, NOW + DAY).secrets == (third, second)
    assert apps.signer(made.app, NOW + 2 * DAY).secrets == (third,)


def test_a_revoked_app_has_neither_secret_nor_key(connection: Connection):
    apps = Apps(connection)
    made = apps.create("web", NOW, scopes=("events", "log"))
    access = apps.by_key(made.key, NOW)
    assert access
    assert (access.app, access.scopes) == (made.app, {"events", "log"})
    assert apps.by_key("nk_wrong", NOW) is None
    assert apps.revoke(made.app, NOW)
    assert not apps.revoke(made.app, NOW)
    assert apps.signer(made.app, NOW).secrets == ()
    assert apps.by_key(made.key, NOW) is None
    assert apps.rotate(made.app, overlap=DAY, now=NOW) is None


def test_neither_the_api_key_nor_a_sign_in_token_is_stored(connection: Connection):
    made = Apps(connection).create("web", NOW)
    admins = Admins(connection)
    token = admins.link(admins.save("ann@app.example", Role.OWNER, NOW).id, NOW)
    stored = [
        *connection.scalars(select(AppSecret.value)),
        *map(repr, connection.scalars(select(LoginLink.token_hash))),
    ]
    assert not any(secret in text for secret in (made.key, token) for text in stored)


def test_a_sign_in_link_works_once_and_for_a_quarter_of_an_hour(connection: Connection):
    admins = Admins(connection)
    account = admins.save("ann@app.example", Role.VIEWER, NOW)
    token = admins.link(account.id, NOW)
    assert admins.enter(token, NOW + LINK_LIVES - timedelta(seconds=1)) == Link(account, asks=False)
    assert admins.enter(token, NOW) is None
    late = admins.link(account.id, NOW)
    assert admins.enter(late, NOW + LINK_LIVES) is None


def test_an_owner_may_do_what_a_viewer_may_and_not_the_other_way_round():
    assert Role.OWNER.includes(Role.VIEWER)
    assert not Role.VIEWER.includes(Role.OPERATOR)
