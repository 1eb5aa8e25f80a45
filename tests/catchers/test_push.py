"""The push catcher reads what a browser could read, and names what a push service would refuse."""

import base64
import json
import os
import time
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid
from pywebpush import WebPusher, webpush

from notifier.catchers.faults import PushFault, Switch
from tests.catchers.conftest import Site

KEY = ec.generate_private_key(ec.SECP256R1())
PAYLOAD = {"web_push": 8030, "notification": {"title": "Ana “liked” it 🎉", "navigate": "https://app.example/p/7"}}


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def token(
    claims: Any, key: ec.EllipticCurvePrivateKey = KEY, *, shown: ec.EllipticCurvePrivateKey | None = None
) -> str:
    """A VAPID header made by hand, so that it may also be wrong."""
    signed = base64url(b'{"typ":"JWT","alg":"ES256"}') + "." + base64url(json.dumps(claims).encode())
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    public = (shown or key).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    signature = base64url(r.to_bytes(32) + s.to_bytes(32))
    return f"vapid t={signed}.{signature}, k={base64url(public)}"


def claims(origin: str, **other: Any) -> dict[str, Any]:
    return {"aud": origin, "exp": int(time.time()) + 3600, "sub": "mailto:ops@app.example.org"} | other


def post(
    subscription: dict[str, Any], *, authorization: str = "", body: bytes | None = None, **headers: str
) -> requests.Response:
    endpoint = subscription["endpoint"]
    origin = endpoint.partition("/dev")[0]
    sent = {
        "TTL": "60",
        "Content-Encoding": "aes128gcm",
        "Authorization": authorization or token(claims(origin)),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        body = WebPusher(subscription).encode(json.dumps(PAYLOAD).encode())["body"]
    return requests.post(endpoint, data=body, headers={k: v for k, v in sent.items() if v}, timeout=10)


def test_pywebpush_reaches_a_synthetic_subscription(live_site: Site) -> None:
    subscription = live_site.push.subscribe("bob")
    vapid = Vapid()
    vapid.generate_keys()
    answer = webpush(
        subscription,
        json.dumps(PAYLOAD, ensure_ascii=False),
        vapid_private_key=vapid,
        vapid_claims={"sub": "mailto:ops@app.example.org"},
        ttl=60,
        headers={"Urgency": "high", "Topic": "abcd"},
    )
    assert answer.status_code == 201
    (caught,) = live_site.push.recent(10)
    assert caught.payload == PAYLOAD
    assert (caught.user, caught.status, caught.problems, caught.advice) == ("bob", 201, (), ())
    assert (caught.headers["TTL"], caught.headers["Urgency"], caught.headers["Topic"]) == ("60", "high", "abcd")
    assert caught.claims["sub"] == "mailto:ops@app.example.org"
    assert answer.headers["Location"].endswith(f"/dev/push/{caught.id}")
    assert requests.get(answer.headers["Location"], timeout=10).status_code == 200


def test_a_subscription_has_the_shape_that_browsers_give(site: Site) -> None:
    subscription = site.push.subscribe("bob")
    assert set(subscription) == {"endpoint", "expirationTime", "keys"}
    assert subscription["endpoint"].startswith("http://127.0.0.1:8000/dev/push/e/")
    octets = {name: base64.urlsafe_b64decode(value + "==") for name, value in subscription["keys"].items()}
    assert (len(octets["p256dh"]), len(octets["auth"])) == (65, 16)


BAD_IDENTITIES = {
    "aud is 'https://elsewhere.example'": {"aud": "https://elsewhere.example"},
    "exp passed": {"exp": 1_000_000_000},
    "at most 24": {"exp": 4_000_000_000},
    "exp is 'soon'": {"exp": "soon"},
    "exp is True": {"exp": True},
    "sub is None": {"sub": None},
    "sub is 'bob@app.example'": {"sub": "bob@app.example"},
}


@pytest.mark.parametrize(("problem", "wrong"), BAD_IDENTITIES.items(), ids=BAD_IDENTITIES.keys())
def test_wrong_claims_are_named_and_refused(live_site: Site, problem: str, wrong: dict[str, Any]) -> None:
    subscription = live_site.push.subscribe("bob")
    origin = subscription["endpoint"].partition("/dev")[0]
    answer = post(subscription, authorization=token(claims(origin, **wrong)))
    assert (answer.status_code, problem in answer.text) == (403, True), answer.text
    assert problem in live_site.push.recent(1)[0].problems[0]


def test_a_signature_by_another_key_is_named_and_refused(live_site: Site) -> None:
    subscription = live_site.push.subscribe("bob")
    origin = subscription["endpoint"].partition("/dev")[0]
    other = ec.generate_private_key(ec.SECP256R1())
    answer = post(subscription, authorization=token(claims(origin), shown=other))
    assert (answer.status_code, answer.text) == (403, "The VAPID signature does not fit the token and the key k.")


@pytest.mark.parametrize(
    "authorization",
    ["Bearer x", "vapid", "vapid t=, k=", "vapid t=a.b.c, k=d", "vapid t=é.ü.ß, k=ö", "vapid " + "=," * 500,
     f"vapid t={base64url(b'[]')}.{base64url(b'[' * 900)}.x, k=x", token([]), token("x"), token({"exp": float("nan")})],
)  # fmt: skip
def test_an_unreadable_identity_is_refused(live_site: Site, authorization: str) -> None:
    answer = post(live_site.push.subscribe("bob"), authorization=authorization.encode().decode("latin-1"))
    assert answer.status_code == 403


BAD_REQUESTS = {
    "TTL header is missing": {"TTL": ""},
    "TTL is 'soon'": {"TTL": "soon"},
    "Topic is 'a b'": {"Topic": "a b"},
    "Topic is 'abcde'": {"Topic": "abcde"},
    "Topic is 'aaa": {"Topic": "a" * 36},
    "Urgency is 'now'": {"Urgency": "now"},
    "Content-Encoding is 'aesgcm'": {"Content_Encoding": "aesgcm"},
    "Content-Encoding is ''": {"Content_Encoding": ""},
}


@pytest.mark.parametrize(("problem", "headers"), BAD_REQUESTS.items(), ids=BAD_REQUESTS.keys())
def test_wrong_headers_are_named_and_refused(live_site: Site, problem: str, headers: dict[str, str]) -> None:
    answer = post(live_site.push.subscribe("bob"), **headers)
    assert (answer.status_code, problem in answer.text) == (400, True), answer.text


BAD_BODIES = {
    "too few": b"short",
    "key id has 0 octets": bytes(200),
    "more than one record": bytes(16) + (20).to_bytes(4) + b"\x41" + bytes(200),
    "does not decrypt": bytes(16) + (4096).to_bytes(4) + b"\x41" + os.urandom(200),
}


@pytest.mark.parametrize(("problem", "body"), BAD_BODIES.items(), ids=BAD_BODIES.keys())
def test_wrong_bodies_are_named_and_refused(live_site: Site, problem: str, body: bytes) -> None:
    answer = post(live_site.push.subscribe("bob"), body=body)
    assert (answer.status_code, problem in answer.text) == (400, True), answer.text


def test_a_push_encrypted_for_another_subscription_does_not_decrypt(live_site: Site) -> None:
    for_ana = WebPusher(live_site.push.subscribe("ana")).encode(b"secret")["body"]
    answer = post(live_site.push.subscribe("bob"), body=for_ana)
    assert (answer.status_code, "does not decrypt" in answer.text) == (400, True)


def test_a_body_over_4096_octets_is_too_large(live_site: Site) -> None:
    subscription = live_site.push.subscribe("bob")
    fits, over = (WebPusher(subscription).encode(b"x" * length)["body"] for length in (3993, 3994))
    assert (post(subscription, body=fits).status_code, post(subscription, body=over).status_code) == (201, 413)
    assert post(subscription, body=bytes(100_000)).status_code == 413


def test_a_push_without_a_payload_is_taken_with_a_remark(live_site: Site) -> None:
    assert post(live_site.push.subscribe("bob"), body=b"", Content_Encoding="").status_code == 201
    assert "nothing to show" in live_site.push.recent(1)[0].advice[0]


def test_what_apple_would_refuse_is_a_remark(live_site: Site) -> None:
    subscription = live_site.push.subscribe("bob")
    origin = subscription["endpoint"].partition("/dev")[0]
    for subject in ("mailto:notifier@localhost", "https://[", "https://app.local/contact"):
        assert post(subscription, authorization=token(claims(origin, sub=subject))).status_code == 201
    remarked = [any("Apple" in remark for remark in push.advice) for push in live_site.push.recent(3)]
    assert remarked == [True, False, True]


@pytest.mark.parametrize("id", ["0" * 32, "..", "x", "%2e%2e%2ffaults.json"])
def test_an_unknown_endpoint_is_gone(live_site: Site, id: str) -> None:
    subscription = live_site.push.subscribe("bob")
    stranger = subscription | {"endpoint": subscription["endpoint"][:-32] + id}
    assert post(stranger).status_code in (404, 410)


def test_an_ended_subscription_is_gone(live_site: Site) -> None:
    subscription = live_site.push.subscribe("bob")
    live_site.push.end(live_site.push.subscriptions(1)[0].id)
    assert post(subscription).status_code == 410
    assert live_site.push.subscriptions(1) == []


def test_a_throttled_push_is_told_when_to_come_back_and_then_taken(live_site: Site) -> None:
    subscription = live_site.push.subscribe("bob")
    live_site.faults.set_push(Switch(PushFault.THROTTLED, left=2, retry_after=7))
    answers = [post(subscription) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 201]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None]
    assert [push.status for push in live_site.push.recent(10)] == [201, 429, 429]


@pytest.mark.parametrize("fault", [PushFault.GONE, PushFault.NOT_FOUND])
def test_a_subscription_that_was_called_gone_stays_gone(live_site: Site, fault: PushFault) -> None:
    subscription = live_site.push.subscribe("bob")
    live_site.faults.set_push(Switch(fault, left=1))
    assert post(subscription).status_code == int(fault)
    assert post(subscription).status_code == 410


def test_a_delay_holds_the_answer_back(live_site: Site) -> None:
    subscription = live_site.push.subscribe("bob")
    live_site.faults.set_push(Switch(delay=0.3))
    assert post(subscription).elapsed.total_seconds() >= 0.3


def test_payloads_that_are_no_notification_can_be_looked_at(live_site: Site) -> None:
    subscription = live_site.push.subscribe("bob")
    odd = ['"\\ud800"', "[" * 190 + "]" * 190, "[" * 1500, "NaN", '{"title": {"a": 1}}', '{"title": "\\ud800<b>"}', "7"]
    for payload in odd:
        assert post(subscription, body=WebPusher(subscription).encode(payload.encode())["body"]).status_code == 201
    assert live_site.client.get("/dev/push").status_code == 200
    assert live_site.client.get("/dev/push.json").status_code == 200
    for push in live_site.push.recent(10):
        assert live_site.client.get(f"/dev/push/{push.id}").status_code == 200
