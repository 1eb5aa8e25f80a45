"""A test message to one address: it goes there alone, whatever the person chose, and stands in log and books."""

import pytest
from sqlalchemy import select

from notifier.pipeline.deciding import Deciding, PlanSettings
from notifier.pipeline.explain import Explainer
from notifier.pipeline.trial import TYPE, Trial
from notifier.policy.catalogue import DELETED
from notifier.policy.outcomes import Gone
from notifier.policy.retention import Retention
from notifier.policy.words import State
from notifier.store.database import Database
from notifier.store.log import Filter, Log
from notifier.store.models import Address, Audit
from notifier.store.people import People
from notifier.store.types import new_id
from tests.pipeline.line import Line


@pytest.fixture
def line(database: Database) -> Line:
    return Line(database)


def addresses(line: Line, channel: str, person: str = "bob") -> list[str]:
    with line.database.read() as connection:
        which = Address.user_id == person, Address.channel == channel
        return list(connection.scalars(select(Address.id).where(*which).order_by(Address.id)))


def tried(line: Line, address: str, person: str = "bob") -> str | None:
    return Trial(line.database, line.clock).send(person, address, who="olga@app.example")


def test_it_goes_to_that_address_alone_through_claim_and_attempt_and_the_books_balance(line: Line):
    line.people("bob", "cara")
    line.device("bob")
    [mailbox] = addresses(line, "email")
    delivery = tried(line, mailbox)
    assert delivery
    [letter] = line.deliver()
    assert (letter.delivery_id, letter.notice.type, letter.notice.address.value) == (delivery, TYPE, "bob@app.example")
    assert letter.notice.unsubscribe_url == ""
    with line.database.read() as connection:
        log = Log(connection).page(Filter(), 10)
        [note] = connection.execute(select(Audit)).all()
    assert [(one.id, one.user, one.state, one.tries) for one in log] == [(delivery, "bob", State.SENT, 1)]
    assert line.outcomes(delivery) == ["delivered"]
    assert line.books().balanced
    assert (note.who, note.action, note.subject) == ("olga@app.example", "address.test", f"'bob' email {mailbox}")


def test_neither_preferences_nor_quiet_hours_nor_caps_hold_it(line: Line):
    line.people("bob")
    line.wish("bob", quiet_hours="00:00–23:59", cap_per_hour="0")
    line.choose("bob", "comment", email="off")
    [mailbox] = addresses(line, "email")
    delivery = tried(line, mailbox)
    assert [letter.delivery_id for letter in line.deliver()] == [delivery]


def test_of_two_devices_the_other_hears_nothing(line: Line):
    line.people("bob")
    line.device("bob")
    with line.database.write() as connection:
        People(connection).add_device("bob", "{}", fingerprint="another", key_id="", now=line.clock())
    first, second = addresses(line, "push")
    delivery = tried(line, second)
    letters = line.deliver("push")
    assert [(letter.delivery_id, letter.notice.address.id) for letter in letters] == [(delivery, second)]
    assert first != second
    assert line.deliveries("email") == []


def test_an_address_that_is_gone_or_unknown_or_anothers_is_not_tried(line: Line):
    line.people("bob", "cara")
    [mailbox] = addresses(line, "email")
    assert tried(line, mailbox, "cara") is None
    assert tried(line, new_id("sub")) is None
    tried(line, mailbox)
    line.post.answer = lambda _: Gone("550", "User unknown")
    line.deliver()
    assert tried(line, mailbox) is None
    with line.database.read() as connection:
        assert len(Log(connection).page(Filter(), 10)) == 1
    assert line.books().balanced


def test_why_it_was_sent_is_explained(line: Line):
    line.people("bob")
    [mailbox] = addresses(line, "email")
    tried(line, mailbox)
    deciding = Deciding(line.catalogue, PlanSettings(("feed",), ("push",), 1))
    explainer = Explainer(line.database, deciding, line.clock, Retention())
    with line.database.read() as connection:
        [entry] = Log(connection).page(Filter(), 1)
    explained = explainer.stored(entry.events[0])
    assert explained
    [told] = explained.lines
    assert (told.user, told.channel, told.rule, told.value) == ("bob", "email", "test", "sent by an admin")


def test_the_type_is_the_services_own(line: Line):
    assert TYPE not in line.catalogue.short_names
    assert TYPE not in [kind.name for kind in line.catalogue.heard]
    kind = line.catalogue.find(TYPE)
    assert kind
    assert (kind.service, kind.mandatory) == (True, True)
    assert line.catalogue.find(TYPE + DELETED)
