"""Which subscriptions are taken, and which network addresses may be connected to."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import Address, BadAddress
from notifier.channels.push import DEFAULT_ALLOWED_HOSTS, PushSettings, parse_subscription
from notifier.channels.push.endpoints import read_endpoint
from notifier.policy.addresses import NotPublic, checked, is_public
from tests.channels.push.conftest import KEY, settings
from tests.push_server import Subscriber

BROWSER = Subscriber()
FCM = "https://fcm.googleapis.com/fcm/send/abc:def"


def text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def subscription(endpoint: object = FCM, **keys: object) -> dict[str, object]:
    return {
        "endpoint": endpoint,
        "expirationTime": None,
        "keys": {"p256dh": text(BROWSER.public), "auth": text(BROWSER.auth)} | keys,
    }


def strict(**changes: object) -> PushSettings:
    return settings(**{"allow_loopback": False} | changes)


@pytest.mark.parametrize(
    "endpoint",
    [
        FCM,
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
        "https://web.push.apple.com/QAbc",
        "https://db5p.notify.windows.com/w/?token=Bg%3d%3d",
        "https://fcm.googleapis.com:443/x",
        "https://FCM.googleapis.com./x",
        "https://fcm.googleapis.com",
    ],
)
def test_the_known_push_services_are_taken(endpoint):
    taken = parse_subscription(subscription(endpoint), strict())
    assert taken.endpoint == endpoint
    assert taken.host.endswith(tuple(host.removeprefix("*") for host in DEFAULT_ALLOWED_HOSTS))


BAD_ENDPOINTS = [
    None,
    7,
    ["https://fcm.googleapis.com/x"],
    "",
    "fcm.googleapis.com/x",
    "//fcm.googleapis.com/x",
    "http://fcm.googleapis.com/x",
    "ftp://fcm.googleapis.com/x",
    "javascript:alert(1)",
    "https:fcm.googleapis.com/x",
    "https:/fcm.googleapis.com/x",
    "https:///x",
    "https://:443/x",
    "https://fcm.googleapis.com:8443/x",
    "https://fcm.googleapis.com:0/x",
    "https://fcm.googleapis.com:99999/x",
    "https://fcm.googleapis.com:port/x",
    "https://user@fcm.googleapis.com/x",
    "https://fcm.googleapis.com:x@evil.example/x",
    "https://fcm.googleapis.com@evil.example/x",
    "https://fcm.googleapis.com/x#part",
    "https://fcm.googleapis.com/x#",
    "https://fcm.googleapis.com/a b",
    "https://fcm.googleapis.com/a\tb",
    "https://fcm.goo\ngleapis.com/x",
    "https://fcm.googleapis.com/x\r\nHost: evil",
    "\u0000https://fcm.googleapis.com/x",
    "https://evil.example\\@fcm.googleapis.com/x",
    "https://fcm.googleapis.com/ü",
    "https://fcm。googleapis。com/x",
    "https://fcm.googleapis.com/" + "x" * 2048,
    "https://evil.example/x",
    "https://fcm.googleapis.com.evil.example/x",
    "https://evilfcm.googleapis.com/x",
    "https://push.apple.com/x",
    "https://evilpush.apple.com/x",
    "https://.push.apple.com/x",
    "https://a..push.apple.com/x",
    "https://-.push.apple.com/x",
    "https://a_b.push.apple.com/x",
    "https://%61.push.apple.com/x",
    "https://fcm.googleapis.com../x",
    "https://localhost/x",
    "https://127.0.0.1/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[fe80::1%25eth0]/x",
    "https://[::1/x",
    "https://169.254.169.254/latest/meta-data",
]


@pytest.mark.parametrize("endpoint", BAD_ENDPOINTS)
def test_every_other_endpoint_is_refused_with_a_pointer_to_it(endpoint):
    with pytest.raises(BadAddress) as caught:
        parse_subscription(subscription(endpoint), strict())
    assert caught.value.pointer == "/endpoint"
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "host", ["0x7f000001", "2130706433", "0177.0.0.1", "127.1", "8.8.8.8", "0x7f.1", "a.0x7f", "localhost", "intranet"]
)
def test_where_every_host_is_allowed_it_still_must_be_a_dotted_name(host):
    for spelling in (host, f"{host}."):
        with pytest.raises(BadAddress):
            parse_subscription(subscription(f"https://{spelling}/x"), strict(allowed_hosts=("*",)))


def test_where_every_host_is_allowed_a_self_hosted_service_is_taken():
    taken = parse_subscription(subscription("https://Push.example.org/up?id=1"), strict(allowed_hosts=("*",)))
    assert taken.host == "push.example.org"


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:5000/x", "https://localhost:1/x", "http://[::1]:80/x", "http://127.8.9.1/x"]
)
def test_loopback_is_taken_only_where_it_is_allowed(endpoint):
    assert parse_subscription(subscription(endpoint), settings()).endpoint == endpoint
    with pytest.raises(BadAddress):
        parse_subscription(subscription(endpoint), strict())


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://10.0.0.1/x",
        "http://169.254.169.254/x",
        "http://127.1/x",
        "http://2130706433/x",
        "http://localhost.evil.example/x",
        "http://user@localhost/x",
        "ftp://localhost/x",
        "http://[::ffff:10.0.0.1]/x",
    ],
)
def test_allowing_loopback_opens_nothing_else(endpoint):
    with pytest.raises(BadAddress):
        parse_subscription(subscription(endpoint), settings())


def test_the_trusted_prefix_opens_exactly_what_lies_under_it():
    trusting = strict(trusted_prefix="http://127.0.0.1:8000/dev/push/")
    taken = parse_subscription(subscription("http://127.0.0.1:8000/dev/push/abc"), trusting)
    assert taken.host == "127.0.0.1"
    for outside in ("dev/pushes", "admin", "dev/push/../../admin", "dev/push/%2e%2e/x", "dev/push/."):
        with pytest.raises(BadAddress):
            parse_subscription(subscription(f"http://127.0.0.1:8000/{outside}"), trusting)


@pytest.mark.parametrize("prefix", ["http://127.0.0.1:8000", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/dev"])
def test_a_trusted_prefix_must_be_closed(prefix):
    with pytest.raises(ValueError, match="slash"):
        strict(trusted_prefix=prefix)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"p256dh": None}, "/keys/p256dh"),
        ({"p256dh": ""}, "/keys/p256dh"),
        ({"p256dh": "ä" * 87}, "/keys/p256dh"),
        ({"p256dh": text(BROWSER.public[:-1])}, "/keys/p256dh"),
        ({"p256dh": text(b"\x04" + bytes(64))}, "/keys/p256dh"),
        ({"p256dh": text(b"\x02" + BROWSER.public[1:33])}, "/keys/p256dh"),
        ({"p256dh": text(b"\x06" + BROWSER.public[1:])}, "/keys/p256dh"),
        ({"p256dh": "A" * 1_000_000}, "/keys/p256dh"),
        ({"auth": None}, "/keys/auth"),
        ({"auth": 5}, "/keys/auth"),
        ({"auth": text(bytes(15))}, "/keys/auth"),
        ({"auth": text(bytes(17))}, "/keys/auth"),
        ({"auth": "not base64 at all!"}, "/keys/auth"),
        ({"auth": "A" * 21}, "/keys/auth"),
    ],
)
def test_keys_that_no_browser_makes_are_refused(change, pointer):
    with pytest.raises(BadAddress) as caught:
        parse_subscription(subscription(**change), strict())
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("keys", [None, "text", [], 1])
def test_keys_must_be_an_object(keys):
    with pytest.raises(BadAddress) as caught:
        parse_subscription({**subscription(), "keys": keys}, strict())
    assert caught.value.pointer == "/keys"


def test_keys_in_the_other_alphabet_are_the_same_keys():
    plain = parse_subscription(subscription(), strict())
    other = subscription(p256dh=base64.b64encode(BROWSER.public).decode(), auth=base64.b64encode(BROWSER.auth).decode())
    assert parse_subscription(other, strict()) == plain


def test_what_is_stored_can_be_masked_and_gives_nothing_away(channel):
    taken = parse_subscription(subscription(), strict())
    address = Address("adr_1", taken.value)
    assert json.loads(taken.value) == {
        "endpoint": FCM,
        "p256dh": text(BROWSER.public),
        "auth": text(BROWSER.auth),
    }
    assert channel.origin(address) == "https://fcm.googleapis.com"
    assert channel.masked(address) == f"fcm.googleapis.com/…{taken.fingerprint[:8]}"
    assert text(BROWSER.auth) not in repr(taken)
    assert KEY not in repr(strict())


@pytest.mark.parametrize("spelling", ["fcm.googleapis.com", "FCM.googleapis.com:443", "fcm.googleapis.com."])
def test_an_origin_has_one_spelling(channel, spelling):
    address = Address("adr_1", parse_subscription(subscription(f"https://{spelling}/x"), strict()).value)
    assert channel.origin(address) == "https://fcm.googleapis.com"


@given(st.text(max_size=80) | st.from_regex(r"https?://[\x21-\x7e]{0,40}", fullmatch=True))
def test_whatever_is_posted_is_taken_or_refused(endpoint):
    try:
        read = read_endpoint(endpoint, strict(allowed_hosts=("*",)))
    except BadAddress:
        return
    assert (read.scheme, read.port, read.loopback) == ("https", 443, False)
    assert "." in read.host
    assert endpoint.lower().startswith(f"https://{read.host}")
    assert read.target.startswith("/")
    assert endpoint.endswith(read.target.removeprefix("/"))


PRIVATE = (
    "0.0.0.0",  # noqa: S104 (no binding: it must be refused)
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
)


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_but_public_ones_may_be_connected_to(address):
    assert not is_public(address)
    with pytest.raises(NotPublic):
        checked(["8.8.8.8", address], loopback=False)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "142.250.74.106", "17.188.143.1", "::ffff:8.8.8.8", "2607:f8b0:4004:c07::5f", "2a00:1450:4001::200a"],
)
def test_public_addresses_may_be_connected_to(address):
    assert is_public(address)
    assert checked([address, address], loopback=False) == [address]


@pytest.mark.parametrize("address", ["8.8.8.8", "10.0.0.1", "::ffff:10.0.0.1", "::2"])
def test_allowing_loopback_allows_no_other_address(address):
    with pytest.raises(NotPublic):
        checked(["127.0.0.1", address], loopback=True)
