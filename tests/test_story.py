"""What the product does, told in a few stories through the whole service."""

import email
from email.policy import default

from config import Settings
from notifier.app.tools import parts_of
from notifier.policy.announcements import Announcement
from tests.push_server import Says
from tests.stack import Stack, comment, eventually


def test_a_comment_arrives_as_a_mail_and_as_a_push_and_every_try_is_on_record(stack: Stack):
    stack.person("bob", devices=1)
    reply = stack.post_signed(comment(actor="ana", to="bob"))
    assert reply.status == 202
    event = reply.json["id"]

    [mail] = stack.mail.wait_for(1)
    message = email.message_from_bytes(mail.content, policy=default)
    assert message["Subject"] == "Comments on Sunset"
    assert "What a sky!" in message.get_body(("plain",)).get_content()
    [push] = eventually(lambda: stack.push.pushes)
    assert push.json["notification"]["title"] == "Ana commented on your post: Sunset"

    stack.at_rest()
    deliveries = {entry["channel"]: entry for entry in stack.deliveries(event=event)}
    assert {channel: entry["state"] for channel, entry in deliveries.items()} == dict.fromkeys(
        ("email", "push", "feed"), "sent"
    )
    for channel, code in (("email", "250"), ("push", "201")):
        detail = stack.call("GET", f"/v1/deliveries/{deliveries[channel]['id']}").json
        assert [(attempt["outcome"], attempt["code"][:3]) for attempt in detail["attempts"]] == [("delivered", code)]


def test_a_relay_that_is_busy_is_tried_again_with_the_same_message_id(stack: Stack):
    stack.mail.fail("dot", "451 4.3.0 Busy", times=2, keep=True)
    stack.person("bob")
    stack.post(comment())
    mails = stack.mail.wait_for(3)
    assert len({email.message_from_bytes(mail.content)["Message-ID"] for mail in mails}) == 1
    stack.at_rest()
    [entry] = stack.deliveries(channel="email")
    assert (entry["state"], entry["tries"]) == ("sent", 3)


def test_a_browser_that_is_gone_is_retired_and_not_asked_again(stack: Stack):
    [subscription] = stack.person("bob", email=False, devices=1)
    stack.push.answer(subscription, Says(410))
    stack.post(comment())
    stack.at_rest()
    [entry] = stack.deliveries(channel="push")
    assert (entry["state"], entry["reason"]) == ("failed", "address_gone")
    stack.post(comment())
    stack.at_rest()
    assert [entry["reason"] for entry in stack.deliveries(channel="push")] == ["suppressed", "address_gone"]
    assert len(stack.push.pushes) == 1


def test_a_person_named_three_times_is_told_once_and_the_actor_never(stack: Stack):
    stack.person("bob")
    stack.post(comment(actor="ana", to="bob", mentions=["bob", "ana"], in_reply_to={"id": "c-1", "owner": "bob"}))
    stack.at_rest()
    assert {entry["user"] for entry in stack.deliveries()} == {"bob"}
    assert len(stack.mail.mails) == 1


def test_the_same_key_is_one_event_and_another_body_is_refused(stack: Stack):
    stack.person("bob")
    first = stack.post_signed(comment(id="c-1"), key="key-1")
    again = stack.post_signed(comment(id="c-1"), key="key-1")
    assert (again.json["id"], again.json["duplicate"]) == (first.json["id"], True)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = stack.post_signed(comment(id="c-2"), key="key-1")
    assert (other.status, other.json["type"]) == (422, "/problems/idempotency-key-reused")
    stack.at_rest()
    assert len(stack.mail.mails) == 1


def test_an_announcement_reaches_everyone_who_is_known(stack: Stack):
    for person in ("bob", "cara"):
        stack.person(person)
    settings = Settings(_env_file=None, DATA_DIR=stack.data_dir, DATABASE_URL=stack.database_url)
    news = Announcement("We move on Sunday", content="From 2 to 3 at night.", everyone=True)
    event = parts_of(settings).announcer.announce(news, "move")
    mails = [email.message_from_bytes(mail.content, policy=default) for mail in stack.mail.wait_for(2)]
    assert {mail["Subject"] for mail in mails} == {"We move on Sunday"}
    assert all("From 2 to 3 at night." in mail.get_body(("plain",)).get_content() for mail in mails)
    assert all("/u/" in mail["List-Unsubscribe"] for mail in mails)
    stack.at_rest()
    assert stack.call("GET", f"/v1/events/{event}").json["state"] == "planned"
    assert stack.call("GET", "/v1/books").json["balanced"]
