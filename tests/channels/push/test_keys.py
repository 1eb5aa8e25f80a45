"""Our own key, the token signed with it, and the encryption for the browser's."""

from dataclasses import replace
from datetime import timedelta

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from pywebpush import WebPusher

from notifier.channels.push import check_vapid, key_id, new_private_key, public_key
from notifier.channels.push.encoder import LARGEST, encrypted
from notifier.channels.push.keys import Signer
from notifier.channels.push.subscriptions import base64url, from_base64url
from notifier.policy.outcomes import Delivered
from tests.channels.push.conftest import KEY, NOW, push, send
from tests.push_server import Subscriber

OPS = "mailto:ops@app.example"


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, lock: bytes = b"") -> str:
    encryption = BestAvailableEncryption(lock) if lock else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def test_a_new_key_is_accepted_and_has_names():
    key = new_private_key()
    check_vapid(key, OPS, production=True)
    assert from_base64url(public_key(key))[0] == 4
    assert len(from_base64url(public_key(key))) == 65
    assert key_id(key) == key_id(key)
    assert key_id(key) != key_id(KEY)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "not a key",
        KEY[:100],
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ec.generate_private_key(ec.SECP256K1())),
        pem(rsa.generate_private_key(65537, 2048)),
        pem(ec.generate_private_key(ec.SECP256R1()), b"secret"),
    ],
    ids=["empty", "text", "half", "P-384", "secp256k1", "RSA", "locked"],
)
def test_any_other_key_is_refused_with_what_would_be_right(key):
    with pytest.raises(ValueError, match=r"VAPID_PRIVATE_KEY .* P-256"):
        check_vapid(key, OPS)


@pytest.mark.parametrize("subject", [OPS, "https://app.example/contact", "https://app.example", "mailto:a+b@c.example"])
def test_a_public_subject_is_accepted(subject):
    check_vapid(KEY, subject, production=True)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "ops@app.example",
        "mailto:",
        "mailto:Ops <ops@app.example>",
        "mailto:a@b.example,c@d.example",
        "http://a.example",
    ],
)
def test_a_subject_that_push_services_cannot_use_is_refused(subject):
    with pytest.raises(ValueError, match=r"VAPID_SUBJECT .* mailto:"):
        check_vapid(KEY, subject)


@pytest.mark.parametrize(
    "subject", ["mailto:admin@localhost", "mailto:a@host.local", "https://x.invalid", "https://x.test/y", "mailto:a@b"]
)
def test_a_subject_at_home_is_accepted_in_development_only(subject):
    check_vapid(KEY, subject)
    with pytest.raises(ValueError, match="public"):
        check_vapid(KEY, subject, production=True)


def test_a_token_is_used_again_for_half_its_life():
    signer = Signer(KEY, OPS)
    first = signer.authorization("https://a.example", NOW)
    assert signer.authorization("https://a.example", NOW + timedelta(hours=5.9)) == first
    assert signer.authorization("https://a.example", NOW + timedelta(hours=6)) != first
    assert signer.authorization("https://b.example", NOW) != first


def test_a_token_is_not_used_when_the_clock_was_set_back():
    signer = Signer(KEY, OPS)
    first = signer.authorization("https://a.example", NOW)
    assert signer.authorization("https://a.example", NOW - timedelta(days=1)) != first


# RFC 8291, appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
SENDER = from_base64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
RECEIVER = from_base64url("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
RECEIVER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = from_base64url("BTBZMqHH6r4Tts7J_aSIgg")
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_standards_example_is_read_by_what_our_tests_decrypt_with():
    receiver = ec.derive_private_key(int.from_bytes(RECEIVER, "big"), ec.SECP256R1())
    plain = http_ece.decrypt(from_base64url(BODY), private_key=receiver, auth_secret=AUTH, version="aes128gcm")
    assert plain == TEXT


def test_the_standards_example_comes_out_of_the_encoder_byte_by_byte():
    """Of the function underneath pywebpush's, because only there key and salt can be given."""
    body = http_ece.encrypt(
        TEXT,
        salt=from_base64url(BODY)[:16],
        private_key=ec.derive_private_key(int.from_bytes(SENDER, "big"), ec.SECP256R1()),
        dh=from_base64url(RECEIVER_PUBLIC),
        auth_secret=AUTH,
        version="aes128gcm",
    )
    assert base64url(body) == BODY


def test_each_push_has_a_key_and_salt_of_its_own():
    browser = Subscriber()
    one, two = (encrypted(b"hello", p256dh=browser.public, auth=browser.auth) for _ in range(2))
    assert one[:16] != two[:16]
    assert one[21:86] != two[21:86]


def test_our_way_to_the_encoder_is_read_as_its_own_is():
    browser = Subscriber()
    keys = {"p256dh": base64url(browser.public), "auth": base64url(browser.auth)}
    ours = encrypted(b"hello", p256dh=browser.public, auth=browser.auth)
    theirs = WebPusher({"endpoint": "https://push.example/x", "keys": keys}).encode(b"hello")["body"]
    read = [
        http_ece.decrypt(body, private_key=browser.key, auth_secret=browser.auth, version="aes128gcm")
        for body in (ours, theirs)
    ]
    assert read == [b"hello", b"hello"]


def test_the_largest_payload_makes_the_largest_body_and_arrives(server, channel):
    pushed = replace(push(channel, server.subscribe()), payload=b"x" * LARGEST)
    assert send(channel, pushed) == [Delivered("201")]
    assert len(server.pushes[0].body) == 4096
    assert server.pushes[0].plaintext == b"x" * 3993


def test_one_octet_more_is_refused():
    browser = Subscriber()
    with pytest.raises(ValueError, match="3994"):
        encrypted(b"x" * 3994, p256dh=browser.public, auth=browser.auth)
