"""A test message through the whole service: it is encrypted, sent and recorded as any other, to one device alone."""

from sqlalchemy import select

from notifier.app.parts import now
from notifier.pipeline.trial import Trial
from notifier.store.database import Database
from notifier.store.models import Address
from tests.push_server import Says
from tests.stack import Stack, eventually


def test_a_device_that_is_tried_shows_a_push_and_one_that_is_gone_is_suppressed(stack: Stack):
    answering, expired = stack.person("bob", devices=2)
    stack.push.answer(expired, Says(410))
    stack.call("PUT", "/v1/users/bob/preferences", {"quiet_hours": {"start": "00:00", "end": "23:59"}})
    database = Database(stack.database_url)
    with database.read() as connection:
        query = select(Address.id, Address.value).where(Address.channel == "push")
        ids = {value: id_ for id_, value in connection.execute(query)}
    trial = Trial(database, now)
    for device, state in ((answering, "sent"), (expired, "failed")):
        [id_] = [id_ for value, id_ in ids.items() if str(device["endpoint"]) in value]
        delivery = trial.send("bob", id_, who="olga@app.example")
        assert delivery
        told = eventually(lambda id_=delivery: ended(stack, id_))
        assert (told["state"], told["type"], len(told["attempts"])) == (state, "notifier.test", 1)
        assert (trial.send("bob", id_, who="olga@app.example") is None) is (state == "failed")
    first, *_ = stack.push.pushes
    assert first.json["notification"]["title"] == "This is a test message"  # type: ignore[index]  # what we sent
    assert stack.push.faults == []
    assert stack.mail.mails == []
    assert stack.at_rest()["balanced"]
    database.close()


def ended(stack: Stack, delivery: str) -> dict[str, object] | None:
    told: dict[str, object] = stack.call("GET", f"/v1/deliveries/{delivery}").json
    return told if told["state"] in ("sent", "failed") else None
