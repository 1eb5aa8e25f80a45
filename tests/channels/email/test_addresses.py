"""Which addresses are stored, how, and how much of them is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import Address, BadAddress
from notifier.channels.email import EmailSettings, masked, parse_email
from notifier.channels.email.addresses import OCTETS, sendable
from tests.channels.email.conftest import NewSender
from tests.smtp_server import SmtpServer


@pytest.mark.parametrize(
    ("given_text", "stored"),
    [
        ("bob@app.example", "bob@app.example"),
        (" Bob.Smith+tag@APP.Example ", "Bob.Smith+tag@app.example"),
        ("bob@straße.de", "bob@xn--strae-oqa.de"),
        ("bob@münchen.example", "bob@xn--mnchen-3ya.example"),
        ("jürgen@app.example", "jürgen@app.example"),
        ("ju\u0308rgen@app.example", "jürgen@app.example"),
        ("用户@例え.jp", "用户@xn--r8jz45g.jp"),
        ("root@localhost", "root@localhost"),
        ("o'neil!#$%&*+/=?^_`{|}~-@app.example", "o'neil!#$%&*+/=?^_`{|}~-@app.example"),
    ],
)
def test_an_address_is_stored_as(given_text: str, stored: str) -> None:
    assert parse_email(given_text) == stored
    assert sendable(stored) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bob",
        "@app.example",
        "bob@",
        "bob@intranet",
        "bob@127.0.0.1",
        "bob@[127.0.0.1]",
        "bob@app_1.example",
        "bob@-app.example",
        "bob@app..example",
        "bob@app.example.",
        "bob@app.example\r\nBcc: eve@evil.example",
        "bob\x00@app.example",
        "bob\u202e@app.example",
        "bob\ud800@app.example",
        "bob smith@app.example",
        '"bob"@app.example',
        "bob@eve@app.example",
        "<bob@app.example>",
        "Bob <bob@app.example>",
        "bob,eve@app.example",
        ".bob@app.example",
        "bob.@app.example",
        "b..ob@app.example",
        "b" * 65 + "@app.example",
        "b@" + ("a" * 60 + ".") * 4 + "b" * 9,
        "b@" + "a" * 64 + ".example",
        "x" * 100_000 + "@app.example",
        "bob@" + "ö" * 100_000,
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadAddress, match=r"^\w.*\.$"):
        parse_email(text)


@given(st.text() | st.builds("{}@{}".format, st.text(min_size=1), st.from_regex(r"[\w-]{1,9}(\.[\w-]{1,9}){1,3}")))
def test_whatever_is_accepted_is_safe_in_an_envelope_and_stays_as_it_is(text: str) -> None:
    try:
        stored = parse_email(text)
    except BadAddress:
        return
    assert parse_email(stored) == stored
    assert stored.isprintable()
    assert not set(stored) & set(' <>",;:\\()')
    assert stored.rpartition("@")[2].isascii()
    assert len(stored.encode()) <= OCTETS


def test_an_address_is_masked_to_its_first_letter(server: SmtpServer, new_sender: NewSender) -> None:
    channel = new_sender(server).channel
    address = Address("adr_1", "bob@app.example")
    assert channel.masked(address) == masked("bob@app.example") == "b•••@app.example"
    assert channel.origin(address) == f"smtp://127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("sender", "brand", "address", "host"),
    [
        ("news@acme.example", "Notifier", "news@acme.example", "acme.example"),
        ("Acme <news@Acme.example>", "Acme", "news@acme.example", "acme.example"),
        ('"Doe, John" <john@doe.example>', "Doe, John", "john@doe.example", "doe.example"),
        ("Åcme <n@straße.de>", "Åcme", "n@xn--strae-oqa.de", "xn--strae-oqa.de"),
        ("<n@acme.example>", "Notifier", "n@acme.example", "acme.example"),
    ],
)
def test_the_sender_is_a_name_and_an_address(sender: str, brand: str, address: str, host: str) -> None:
    settings = EmailSettings("localhost", 25, sender)
    assert (settings.brand, settings.sender_address, settings.host) == (brand, address, host)
