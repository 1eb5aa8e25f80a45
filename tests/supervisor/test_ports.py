"""A taken port is answered with the next free one."""

import socket
from contextlib import closing

import pytest

from notifier.supervisor.ports import CannotListen, listen, url

ANY = "0.0.0.0"  # noqa: S104 - for the moment of a test


def test_a_free_port_is_taken_and_can_be_reached() -> None:
    with closing(listen("127.0.0.1", 0)) as listener:
        socket.create_connection(listener.getsockname(), timeout=2).close()


def test_a_taken_port_is_answered_with_a_following_one() -> None:
    with closing(listen("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with closing(listen("127.0.0.1", port)) as second:
            assert port < second.getsockname()[1] <= port + 50


def test_a_port_that_another_holds_on_all_addresses_is_taken() -> None:
    with closing(listen(ANY, 0)) as first:
        port = first.getsockname()[1]
        with closing(listen("127.0.0.1", port)) as second:
            assert second.getsockname()[1] != port


def test_a_port_that_was_just_served_can_be_served_again() -> None:
    with closing(listen("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        client = socket.create_connection(first.getsockname(), timeout=2)
        served, _ = first.accept()
        served.close()  # the server's side closes first and stays in TIME_WAIT
        client.close()
    with closing(listen("127.0.0.1", port)) as again:
        assert again.getsockname()[1] == port


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_ipv6_is_served_and_shown_in_brackets() -> None:
    with closing(listen("::1", 0)) as listener:
        assert url(listener, "::1") == f"http://[::1]:{listener.getsockname()[1]}"


def test_the_url_of_all_addresses_is_one_that_a_browser_opens() -> None:
    with closing(listen(ANY, 0)) as listener:
        assert url(listener, ANY) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_the_url_keeps_the_name_that_was_asked_for() -> None:
    with closing(listen("localhost", 0)) as listener:
        assert url(listener, "localhost") == f"http://localhost:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("host", "port", "sentence"),
    [
        ("::1%nowhere", 8000, "'::1%nowhere' is not an address"),
        ("a..b", 8000, r"'a\.\.b' is not an address"),
        ("192.0.2.1", 8000, "Cannot serve on 192.0.2.1 port 8000"),
        ("127.0.0.1", 70000, "70000 is not a port"),
        ("127.0.0.1", -1, "-1 is not a port"),
    ],
)
def test_an_impossible_address_is_refused_with_a_sentence(host: str, port: int, sentence: str) -> None:
    with pytest.raises(CannotListen, match=sentence):
        listen(host, port)
