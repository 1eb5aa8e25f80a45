"""Pushes over real connections to a real server that checks and decrypts them."""

import asyncio
import os
import threading
import time
from dataclasses import replace

import pytest

from notifier.channels import Answer
from notifier.channels.push import PushChannel
from notifier.channels.push.addresses import resolve
from notifier.channels.push.endpoints import read_endpoint
from notifier.channels.push.transport import Transport
from notifier.policy.outcomes import Deferred, Delivered, Refused
from tests.channels.push.conftest import now, outcome_of, push, send, settings, until
from tests.push_server import Drips, Hangs, PushServer, Resets, Says, Sends


def test_a_push_arrives_signed_and_can_be_read(server, channel):
    outcome = outcome_of(channel, server.subscribe())
    received = server.pushes[0]
    assert (outcome, server.faults) == (Delivered("201"), [])
    assert received.json["notification"]["title"] == "Ben commented on your post: Sunset"
    assert (received.ttl, received.urgency, len(received.topic)) == (86_400, "normal", 32)
    assert received.claims["sub"] == "mailto:ops@app.example"
    assert 11 * 3600 < received.claims["exp"] - time.time() <= 12 * 3600


def test_an_urgent_push_says_so(server, channel):
    outcome_of(channel, server.subscribe(), urgent=True)
    assert server.pushes[0].urgency == "high"


def test_the_query_of_an_endpoint_is_kept(server, channel):
    subscription = server.subscribe()
    pushed = push(channel, subscription)
    outcome = send(channel, replace(pushed, endpoint=f"{pushed.endpoint}?token=a%2Fb"))[0]
    assert outcome.code == "404"  # the server knows the path without a query only: it was sent as it stands


def test_many_pushes_share_kept_connections_and_one_token(server, channel):
    subscriptions = [server.subscribe() for _ in range(8)]
    for subscription in subscriptions * 3:
        assert outcome_of(channel, subscription) == Delivered("201")
    assert (server.connections, len(server.tokens), len(server.pushes)) == (1, 1, 24)


def test_two_origins_get_tokens_of_their_own(channel):
    with PushServer() as one, PushServer() as other:
        batch = [push(channel, each.subscribe(), delivery_id=each.origin) for each in (one, other)]
        assert send(channel, *batch) == [Delivered("201")] * 2
        assert [each.pushes[0].claims["aud"] for each in (one, other)] == [one.origin, other.origin]


def test_fifty_pushes_to_a_slow_service_take_little_longer_than_one(channel):
    with PushServer(default=Says(201, after=0.05)) as server:
        batch = [push(channel, server.subscribe(), delivery_id=f"dlv_{index}") for index in range(50)]
        start = time.perf_counter()
        outcomes = send(channel, *batch)
        assert outcomes == [Delivered("201")] * 50
        assert time.perf_counter() - start < 50 * 0.05 / 2
        assert server.connections <= 32


def test_no_more_are_in_flight_to_one_origin_than_allowed(made):
    with PushServer(default=Says(201, after=0.02)) as server:
        channel = made(per_origin=3)
        batch = [push(channel, server.subscribe(), delivery_id=f"dlv_{index}") for index in range(12)]
        assert send(channel, *batch) == [Delivered("201")] * 12
        assert server.connections == 3


@pytest.mark.parametrize("behaviour", [Hangs(), Drips(), Drips(b"HTTP/1.1 ")])
def test_a_hanging_service_is_given_up_at_the_deadline_while_others_go_through(made, behaviour):
    channel = made(deadline=0.5)
    with PushServer() as server, PushServer() as other:
        slow = push(channel, server.subscribe(behaviour), delivery_id="slow")
        quick = push(channel, other.subscribe(), delivery_id="quick")
        answers: list[Answer] = []
        channel.send([slow, quick], answers.append)
    assert [answer.delivery_id for answer in answers] == ["quick", "slow"]
    assert answers[0].outcome == Delivered("201")
    assert isinstance(answers[1].outcome, Deferred)
    assert answers[1].outcome.code == "deadline"
    assert 450 <= answers[1].ms < 1500


def test_an_answer_whose_end_does_not_come_counts_by_its_head(made):
    with PushServer() as server:
        unfinished = Sends(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nsome", then_close=False)
        assert outcome_of(made(deadline=0.3), server.subscribe(unfinished)) == Delivered("201")


def test_a_batch_to_a_hanging_origin_ends_within_three_deadlines(made):
    channel = made(deadline=0.2, per_origin=2)
    with PushServer(default=Hangs()) as server:
        batch = [push(channel, server.subscribe(), delivery_id=f"dlv_{index}") for index in range(40)]
        start = time.perf_counter()
        outcomes = send(channel, *batch)
        assert time.perf_counter() - start < 3 * 0.2 + 0.5
    assert {outcome.code for outcome in outcomes} == {"deadline", "busy"}
    assert all(outcome.charged == (outcome.code == "deadline") for outcome in outcomes)


def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(server, channel):
    subscription = server.subscribe()
    assert outcome_of(channel, subscription) == Delivered("201")
    server.drop_connections()
    assert outcome_of(channel, subscription) == Delivered("201")


def test_a_kept_connection_that_dies_under_a_push_is_replaced_once(server, channel):
    subscription = server.subscribe(Resets(only_reused=True))
    assert outcome_of(channel, subscription) == Delivered("201")
    assert outcome_of(channel, subscription) == Delivered("201")
    assert (server.connections, len(server.pushes)) == (2, 2)


def test_a_new_connection_that_dies_is_no_reason_to_try_at_once_again(server, channel):
    outcome = outcome_of(channel, server.subscribe(Resets()))
    assert (type(outcome), outcome.code, server.connections) == (Deferred, "network", 1)


def test_a_connection_that_ends_with_its_answer_is_not_used_again(server, channel):
    subscription = server.subscribe(Says(201, {"Connection": "close"}), Says(201, then_close=True), Says(201))
    assert [outcome_of(channel, subscription) for _ in range(3)] == [Delivered("201")] * 3
    assert server.connections == 3


def test_nobody_listening_is_a_passing_fault(channel):
    with PushServer() as server:
        subscription = server.subscribe()
    outcome = outcome_of(channel, subscription)
    assert (type(outcome), outcome.code) == (Deferred, "network")


def test_over_tls_the_authority_must_be_known(made):
    with PushServer(tls=True) as server:
        assert outcome_of(made(ca_file=server.ca_file), server.subscribe()) == Delivered("201")
        stranger = outcome_of(made(), server.subscribe())
        assert (type(stranger), stranger.code) == (Deferred, "tls")
        assert len(server.pushes) == 1


def test_over_tls_the_name_must_be_the_certificates(made):
    with PushServer(tls=True, names=("push.example",)) as server:
        outcome = outcome_of(made(ca_file=server.ca_file), server.subscribe())
        assert (type(outcome), outcome.code, server.pushes) == (Deferred, "tls", [])
        assert "localhost" in outcome.text


def test_kept_tls_connections_are_used_again(made):
    with PushServer(tls=True) as server:
        channel = made(ca_file=server.ca_file)
        assert [outcome_of(channel, server.subscribe()) for _ in range(5)] == [Delivered("201")] * 5
        assert server.connections == 1


def test_a_name_that_turns_private_after_subscribing_is_not_connected_to(server, made):
    subscription = {**server.subscribe(), "endpoint": "https://fcm.googleapis.com/fcm/send/x"}
    channel = made(lambda *_: ["8.8.8.8", "127.0.0.1"])
    assert outcome_of(channel, subscription) == Refused("address", "the name leads to an address that is not public")
    assert server.connections == 0


def test_loopback_is_open_only_to_the_names_of_loopback(server, made):
    channel = made(lambda host, port: ["10.0.0.1"] if host == "localhost" else resolve(host, port))
    outcome = outcome_of(channel, server.subscribe())
    assert (type(outcome), outcome.code, server.connections) == (Refused, "address", 0)


def test_an_endpoint_that_is_no_longer_allowed_is_not_sent_to(server, channel, made):
    outcome = send(made(allow_loopback=False), push(channel, server.subscribe()))[0]
    assert (type(outcome), outcome.code, server.connections) == (Refused, "address", 0)


def test_the_development_catcher_is_reached_without_opening_loopback(server, channel, made):
    trusting = made(allow_loopback=False, trusted_prefix=f"{server.origin}/push/")
    assert send(trusting, push(channel, server.subscribe())) == [Delivered("201")]


def test_a_name_without_an_answer_waits(server, made):
    def lost(host: str, port: int) -> list[str]:
        return resolve("does-not-exist.invalid", port)

    outcome = outcome_of(made(lost), server.subscribe())
    assert (type(outcome), outcome.code) == (Deferred, "dns")


def test_the_next_address_is_tried_where_the_first_does_not_answer(server, made):
    # Nothing listens on 127.0.0.77 at this port: the server is bound to 127.0.0.1 alone.
    channel = made(lambda *_: ["127.0.0.77", "127.0.0.1"])
    assert outcome_of(channel, server.subscribe()) == Delivered("201")


def test_keys_that_cannot_be_used_are_refused(server, channel):
    pushed = push(channel, server.subscribe())
    outcome = send(channel, replace(pushed, p256dh=b"\x04" + bytes(64)))[0]
    assert (type(outcome), outcome.code) == (Refused, "keys")


def test_each_answer_is_reported_as_it_comes_in_the_senders_thread(server, channel):
    batch = [
        push(channel, server.subscribe(Says(201, after=0.3)), delivery_id="late"),
        push(channel, server.subscribe(), delivery_id="soon"),
    ]
    told: list[tuple[str, int]] = []
    channel.send(iter(batch), lambda answer: told.append((answer.delivery_id, threading.get_ident())))
    assert told == [("soon", threading.get_ident()), ("late", threading.get_ident())]


def test_a_report_that_fails_is_told_to_the_caller_and_spoils_nothing_later(server, channel):
    def full_disk(answer: Answer) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        channel.send([push(channel, server.subscribe())], full_disk)
    assert outcome_of(channel, server.subscribe()) == Delivered("201")


def test_many_threads_send_through_one_channel(server, channel):
    batches = [
        [push(channel, server.subscribe(), delivery_id=f"dlv_{index}_{n}") for n in range(10)] for index in range(6)
    ]
    outcomes: list[Answer] = []
    threads = [threading.Thread(target=channel.send, args=(batch, outcomes.append)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len({answer.delivery_id for answer in outcomes if answer.outcome == Delivered("201")}) == 60


def test_a_closed_channel_starts_anew(server, channel):
    channel.close()
    assert outcome_of(channel, server.subscribe()) == Delivered("201")
    channel.close()
    assert outcome_of(channel, server.subscribe()) == Delivered("201")


def test_closing_ends_what_hangs(server):
    channel = PushChannel(settings(deadline=60), now)
    batch = [push(channel, server.subscribe(Hangs()))]
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            channel.send(batch, print)
        except BaseException as error:  # noqa: BLE001 (whatever ends the wait is looked at below)
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: bool(server.pushes))
    channel.close()
    waiting.join(5)
    assert [type(error).__name__ for error in raised] == ["CancelledError"]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_sends_on_connections_of_its_own(server, channel):
    subscription = server.subscribe()
    assert outcome_of(channel, subscription) == Delivered("201")
    child = os.fork()
    if not child:
        delivered = False
        try:
            delivered = outcome_of(channel, subscription) == Delivered("201")
        finally:
            os._exit(not delivered)  # whatever happened, the child must not go on with the tests
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert outcome_of(channel, subscription) == Delivered("201")
    assert server.connections == 2


def test_a_connection_that_nobody_uses_is_closed(server):
    async def scenario() -> None:
        transport = Transport(settings(), resolve, idle=0.1)
        endpoint = read_endpoint(f"{server.origin}/nowhere", settings())
        request = b"POST /nowhere HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        with transport.lane(endpoint) as lane:
            assert (await transport.post(endpoint, request, lane=lane)).status == 404
        assert server.open_connections == 1
        async with asyncio.timeout(5):
            while server.open_connections:
                await asyncio.sleep(0.01)
        transport.close()

    asyncio.run(scenario())


def test_a_name_server_that_hangs_holds_up_no_other_origin(server, made):
    released = threading.Event()

    def slow(host: str, port: int) -> list[str]:
        if host == "127.0.0.1":
            released.wait(10)
        return resolve(host, port)

    channel = made(slow, deadline=0.5)
    stuck = dict(server.subscribe(), endpoint=f"http://127.0.0.1:{server.port}/x")
    batch = [push(channel, stuck, delivery_id=f"stuck_{index}") for index in range(20)]
    answers: list[Answer] = []
    channel.send([*batch, push(channel, server.subscribe(), delivery_id="quick")], answers.append)
    released.set()
    assert (answers[0].delivery_id, answers[0].outcome) == ("quick", Delivered("201"))
    assert {answer.outcome.code for answer in answers[1:]} == {"deadline"}


def test_an_answer_that_repeats_the_endpoint_does_not_carry_it_into_the_log(server, channel):
    subscription = server.subscribe()
    path = str(subscription["endpoint"]).removeprefix(server.origin)
    server.answer(subscription, Says(400, body=f"no {path} here".encode()))
    assert outcome_of(channel, subscription) == Refused("400", "no /… here")
