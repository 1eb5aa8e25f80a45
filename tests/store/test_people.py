"""People, their addresses and their choices, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from notifier.store.database import Database
from notifier.store.models import Address
from notifier.store.outbox import Outbox
from notifier.store.people import MOST_DEVICES, People, TakenError

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def people(database: Database) -> Iterator[People]:
    with database.write() as connection:
        yield People(connection)


def add(people: People, user: str, name: str, value: str = "") -> str:
    return people.add_device(user, value or f"keys of {name}", fingerprint=name, key_id="k", now=NOW).id


def test_a_profile_keeps_what_is_not_changed(people: People):
    people.save("bob", {"name": "Bob", "timezone": "Europe/Berlin"}, NOW)
    people.save("bob", {"locale": "de"}, NOW + timedelta(hours=1))
    profile = people.profile("bob")
    assert profile
    assert (profile.name, profile.locale, profile.timezone, profile.created_at) == ("Bob", "de", "Europe/Berlin", NOW)
    assert people.profile("nobody") is None


def test_a_mailbox_that_is_gone_stays_gone_until_another_address_comes(database: Database):
    with database.write() as connection:
        people = People(connection)
        people.save("bob", {}, NOW)
        people.set_mailbox("bob", "bob@app.example", NOW)
        address = people.add_device("bob", "v", fingerprint="f", key_id="k", now=NOW).id
        Outbox(connection).retire(address, "v", why="410", now=NOW)
        assert [device.state for device in people.devices("bob")] == ["gone"]
        people.set_mailbox("bob", "bob@new.example", NOW)
        profile = people.profile("bob")
        assert profile
        assert profile.email == "bob@new.example"
        people.drop_mailbox("bob", NOW)
        profile = people.profile("bob")
        assert profile
        assert profile.email == ""


def test_the_same_browser_is_one_device_and_moves_only_with_its_keys(people: People):
    first = add(people, "bob", "browser")
    assert add(people, "bob", "browser") == first
    with pytest.raises(TakenError):
        add(people, "eve", "browser", "other keys")
    assert add(people, "eve", "browser") == first
    assert not people.devices("bob")
    assert [device.id for device in people.devices("eve")] == [first]


def test_the_oldest_of_too_many_devices_is_retired(people: People):
    ids = [add(people, "bob", f"browser {number}") for number in range(MOST_DEVICES + 1)]
    states = {device.id: device.state for device in people.devices("bob")}
    assert states[ids[0]] == "gone"
    assert list(states.values()).count("active") == MOST_DEVICES


def test_a_person_drops_only_their_own_device(people: People):
    device = add(people, "bob", "browser")
    assert not people.drop_device("eve", device, NOW)
    assert people.drop_device("bob", device, NOW)


def test_a_device_that_comes_back_is_in_use_and_not_the_oldest_of_too_many(people: People):
    first, *_, last = [add(people, "bob", f"browser {number}") for number in range(MOST_DEVICES + 1)]
    assert add(people, "bob", "browser 0") == first
    states = {device.id: device.state for device in people.devices("bob")}
    assert (states[first], states[last], list(states.values()).count("active")) == ("active", "active", MOST_DEVICES)


def test_an_answer_about_an_address_that_was_changed_meanwhile_does_not_retire_the_new_one(database: Database):
    with database.write() as connection:
        people = People(connection)
        people.save("bob", {}, NOW)
        people.set_mailbox("bob", "bob@old.example", NOW)
        address = connection.scalar(select(Address.id))
        people.set_mailbox("bob", "bob@new.example", NOW)
        Outbox(connection).retire(address, "bob@old.example", why="550 5.1.1", now=NOW)
        assert connection.scalar(select(Address.gone_at)) is None
        Outbox(connection).retire(address, "bob@new.example", why="550 5.1.1", now=NOW)
        assert connection.scalar(select(Address.gone_at)) == NOW
