"""People over the API: profiles, the matrix of choices, devices, and ids of every shape in paths."""

import base64
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notifier.store.people import MOST_DEVICES
from tests.web.api import Api, pointers, problem_of

ODD_IDS = [
    "a",
    "a/b",
    "/",
    "a//b",
    "a/preferences",
    "../bob",
    "a%2Fb",
    "100%",
    "a?b#c",
    "a b",
    "ünï",
    "😀" * 255,
    "x" * 255,
    "a+b",
    "\u202eevil",
    "a\\b",
    "'; DROP TABLE users;--",
]
NO_IDS = ["%00", "a%00b", "%0a", "%7f", "%C2%85", "x" * 256]


def path_of(id: str) -> str:
    return f"/v1/users/{quote(id, safe='')}"


def subscription(endpoint: str = "") -> dict[str, Any]:
    """What a browser's `PushSubscription.toJSON()` gives."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    octets = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": base64.urlsafe_b64encode(octets).rstrip(b"=").decode(), "auth": "A" * 22}
    endpoint = endpoint or f"https://fcm.googleapis.com/fcm/send/{uuid.uuid4().hex}"
    return {"endpoint": endpoint, "expirationTime": None, "keys": keys}


def refused(api: Api, method: str, path: str, body: Any) -> Any:
    """The answer to a call that must store nothing."""
    before = api.counts()
    response = api.call(method, path, body)
    assert api.counts() == before
    return response


def test_a_person_is_made_shown_and_changed_field_by_field(api: Api):
    path = path_of("bob")
    body = {"email": "bob@App.Example", "name": "Bob", "locale": "de", "timezone": "Europe/Berlin"}
    made = api.call("PUT", path, body).get_json()
    expected = body | {"id": "bob", "email": "bob@app.example", "created_at": made["created_at"]}
    assert made == expected == api.call("GET", path).get_json()
    changed = api.call("PUT", path, {"id": "bob", "name": " Bo\nb\x00 "}).get_json()
    assert changed == expected | {"name": "Bo b"}
    assert api.call("PUT", path, {"email": None}).get_json()["email"] is None


def test_a_person_has_defaults(api: Api):
    made = api.call("PUT", path_of("plain"), {}).get_json()
    assert (made["email"], made["name"], made["locale"], made["timezone"]) == (None, "", "en", "UTC")


def test_nobody_is_a_404(api: Api):
    problem_of(api.call("GET", path_of("nobody")), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], {"": "model_type"}),
        ({"id": "other"}, {"/id": "invalid"}),
        ({"nick": "x"}, {"/nick": "unknown_field"}),
        ({"email": "bob"}, {"/email": "invalid"}),
        ({"email": "bob@app.example\nBcc: x@y.example"}, {"/email": "invalid"}),
        ({"email": "bob@app.example\x00"}, {"/email": "invalid"}),
        ({"email": "x" * 321}, {"/email": "string_too_long"}),
        ({"email": 7}, {"/email": "string_type"}),
        ({"name": "x" * 513}, {"/name": "string_too_long"}),
        ({"locale": "de_"}, {"/locale": "invalid"}),
        ({"locale": "../../etc"}, {"/locale": "invalid"}),
        ({"locale": "de\x00"}, {"/locale": "invalid"}),
        ({"timezone": "Mars/Olympus"}, {"/timezone": "invalid"}),
        ({"timezone": "localtime"}, {"/timezone": "invalid"}),
        ({"timezone": "../UTC"}, {"/timezone": "invalid"}),
        ({"timezone": "UTC\x00"}, {"/timezone": "invalid"}),
        ({"timezone": "UTC", "locale": 1, "x": 1}, {"/locale": "string_type", "/x": "unknown_field"}),
    ],
    ids=str,
)
def test_a_wrong_profile_is_refused_whole(api: Api, body: Any, expected: dict[str, str]):
    assert pointers(refused(api, "PUT", path_of(f"wrong-{uuid.uuid4().hex}"), body)) == expected


@pytest.mark.parametrize("id", ODD_IDS)
def test_every_id_of_a_person_gets_through_a_path_and_stays_itself(api: Api, id: str):
    path = path_of(id)
    assert api.call("PUT", path, {"name": "N"}).get_json()["id"] == id
    assert api.call("GET", path).get_json()["name"] == "N"
    api.call("PUT", f"{path}/preferences", {"types": {"like": {"push": "off"}}})
    assert api.call("GET", f"{path}/preferences").get_json()["types"]["like"]["push"] == "off"
    assert api.call("POST", f"{path}/push-subscriptions", subscription()).status_code == 201
    assert len(api.call("GET", f"{path}/push-subscriptions").get_json()["data"]) == 1


def test_a_slash_in_an_id_never_reaches_another_person(api: Api):
    api.call("PUT", "/v1/users/vic/preferences", {"types": {"like": {"push": "off"}}})
    problem_of(api.call("GET", "/v1/users/vic%2Fpreferences"), 404, "not-found")
    assert pointers(refused(api, "PUT", "/v1/users/vic%2Fpreferences", {"types": {}})) == {"/types": "unknown_field"}


@pytest.mark.parametrize("path", ["bob/preference", "bob/", "bob//preferences", "/preferences", "a/b/c", ""])
def test_a_path_that_is_none_of_ours_makes_nobody(api: Api, path: str):
    problem_of(refused(api, "PUT", f"/v1/users/{path}", {}), 404, "not-found")


@pytest.mark.parametrize("id", NO_IDS)
def test_what_is_no_id_is_not_found(api: Api, id: str):
    problem_of(refused(api, "PUT", f"/v1/users/{id}", {}), 404, "not-found")


def test_the_matrix_shows_every_type_and_channel_and_changes_merge(api: Api):
    path = f"{path_of('chooser')}/preferences"
    defaults = api.call("GET", path).get_json()["types"]
    assert set(defaults) == {kind.short for kind in api.parts.catalogue.heard}
    assert defaults["like"] == {"email": "daily", "push": "instant", "feed": "on"}
    chosen = api.call(
        "PUT", path, {"types": {"like": {"email": "off"}, "comment.created": {"push": "daily"}}}
    ).get_json()
    expected = defaults | {
        "like": defaults["like"] | {"email": "off"},
        "comment": defaults["comment"] | {"push": "daily"},
    }
    assert chosen["types"] == expected == api.call("GET", path).get_json()["types"]
    back = api.call("PUT", path, {"types": {"like": {"email": None}}}).get_json()
    assert back["types"] == expected | {"like": defaults["like"]}


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ({"poke": {"email": "off"}}, {"/types/poke": "unknown_type"}),
        ({"a/b~\x00": {}}, {"/types/a~1b~0\x00": "unknown_type"}),
        ({"like": {"sms": "off"}}, {"/types/like/sms": "invalid"}),
        ({"like": {"email": "never"}}, {"/types/like/email": "invalid"}),
        ({"like": {"feed": "daily"}}, {"/types/like/feed": "invalid"}),
        ({"like": {"email": "on"}}, {"/types/like/email": "invalid"}),
        ({"like": {"email": True}}, {"/types/like/email": "string_type"}),
        ({"like": "off"}, {"/types/like": "dict_type"}),
        ([], {"/types": "dict_type"}),
        ({"like": {"email": "off", "push": "x"}}, {"/types/like/push": "invalid"}),
    ],
    ids=str,
)
def test_wrong_choices_are_refused_whole(api: Api, types: Any, expected: dict[str, str]):
    assert pointers(refused(api, "PUT", f"{path_of('strict')}/preferences", {"types": types})) == expected


def test_thousands_of_wrong_choices_get_a_short_answer(api: Api):
    types = {f"t{number}": {} for number in range(10_000)}
    response = refused(api, "PUT", f"{path_of('strict')}/preferences", {"types": types})
    problem_of(response, 422, "invalid")
    assert len(response.data) < 32_000


def test_a_device_is_stored_once_listed_and_retired(api: Api):
    path = f"{path_of('dev')}/push-subscriptions"
    given = subscription()
    made = api.call("POST", path, given)
    assert made.status_code == 201
    body = made.get_json()
    assert {**body, "id": "", "created_at": ""} == {
        "id": "",
        "endpoint_host": "fcm.googleapis.com",
        "state": "active",
        "created_at": "",
        "last_sent_at": None,
    }
    assert api.call("POST", path, given | {"more": 1}).get_json() == body
    assert api.call("GET", path).get_json() == {"data": [body], "next_cursor": None}
    assert given["endpoint"] not in api.call("GET", path).text
    assert api.call("DELETE", f"{path}/{body['id']}").status_code == 204
    assert [device["state"] for device in api.call("GET", path).get_json()["data"]] == ["gone"]


def test_a_device_is_dropped_only_by_its_owner(api: Api):
    body = api.call("POST", f"{path_of('owner')}/push-subscriptions", subscription()).get_json()
    problem_of(api.call("DELETE", f"{path_of('thief')}/push-subscriptions/{body['id']}"), 404, "not-found")
    problem_of(api.call("DELETE", f"{path_of('owner')}/push-subscriptions/sub_{'0' * 32}"), 404, "not-found")
    problem_of(api.call("DELETE", f"{path_of('owner')}/push-subscriptions/sub_x"), 404, "not-found")


def test_a_device_moves_to_another_person_only_with_its_keys(api: Api):
    given = subscription()
    first = api.call("POST", f"{path_of('first')}/push-subscriptions", given).get_json()
    stolen = given | {"keys": subscription()["keys"]}
    problem_of(refused(api, "POST", f"{path_of('second')}/push-subscriptions", stolen), 409, "conflict")
    assert api.call("POST", f"{path_of('second')}/push-subscriptions", given).get_json()["id"] == first["id"]
    assert api.call("GET", f"{path_of('first')}/push-subscriptions").get_json()["data"] == []


def test_a_person_has_at_most_so_many_live_devices(api: Api):
    path = f"{path_of('many')}/push-subscriptions"
    for _ in range(MOST_DEVICES + 2):
        assert api.call("POST", path, subscription()).status_code == 201
    states = [device["state"] for device in api.call("GET", path).get_json()["data"]]
    assert states == ["active"] * MOST_DEVICES + ["gone"] * 2


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://evil.example/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://user@fcm.googleapis.com/x",
        "https://fcm.googleapis.com\\@evil.example/x",
        "https://fcm.googleapis.com/\x00",
        "https://fcm.googleapis.com/" + "x" * 3_000,
        "https://[",
        "file:///etc/passwd",
        "",
        "x",
    ],
)
def test_an_endpoint_that_is_no_push_service_is_refused(api: Api, endpoint: str):
    body = subscription() | {"endpoint": endpoint}
    assert pointers(refused(api, "POST", f"{path_of('dev')}/push-subscriptions", body)) == {"/endpoint": "invalid"}


@pytest.mark.parametrize(
    ("keys", "pointer"),
    [
        ({"p256dh": "x"}, "/keys/p256dh"),
        ({"p256dh": "A" * 87}, "/keys/p256dh"),
        ({"p256dh": "é" * 87}, "/keys/p256dh"),
        ({"p256dh": 7}, "/keys/p256dh"),
        ({"auth": "x"}, "/keys/auth"),
        ({"auth": "A" * 65}, "/keys/auth"),
        ({"auth": None}, "/keys/auth"),
    ],
    ids=str,
)
def test_wrong_keys_of_a_device_are_refused(api: Api, keys: dict[str, Any], pointer: str):
    given = subscription()
    body = given | {"keys": given["keys"] | keys}
    assert list(pointers(refused(api, "POST", f"{path_of('dev')}/push-subscriptions", body))) == [pointer]


@pytest.mark.parametrize("path", ["", "/preferences", "/push-subscriptions"])
def test_every_body_about_people_is_read_with_the_same_care(api: Api, path: str):
    method, path = ("POST" if "push" in path else "PUT"), path_of("care") + path
    before = api.counts()
    problem_of(api.call(method, path, b"{"), 400, "malformed")
    problem_of(api.call(method, path, b"\xff"), 400, "malformed")
    problem_of(api.call(method, path, b"[" * 100_000), 400, "malformed")
    problem_of(api.call(method, path, b"{}", content_type="text/plain"), 415, "unsupported-media-type")
    problem_of(api.call(method, path, b"x" * (256 * 1024 + 1)), 413, "too-large")
    problem_of(api.call(method, path, {}, authorization=""), 401, "unauthorized")
    assert api.counts() == before


def test_the_vapid_key_is_public_and_a_point(api: Api):
    response = api.call("GET", "/v1/push/vapid-key", authorization="")
    assert response.status_code == 200
    octets = base64.urlsafe_b64decode(response.get_json()["key"] + "=")
    assert ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets)


def test_people_who_choose_at_once_in_another_order_both_get_their_way(api: Api):
    path = f"{path_of('torn')}/preferences"
    forward = [kind.short for kind in api.parts.catalogue.heard if not kind.mandatory]

    def choose(order: list[str]) -> int:
        body = {"types": {name: {"email": "off", "push": "off", "feed": "off"} for name in order}}
        return api.call("PUT", path, body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(choose, [forward, forward[::-1]] * 12)) == {200}
