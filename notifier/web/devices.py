"""A person's devices: the browsers that asked for push messages."""

from typing import Any

from flask import Blueprint, Response

from notifier.channels import BadAddress
from notifier.store.people import Device, People, TakenError
from notifier.web.access import guarded_by, of_person, takes
from notifier.web.bodies import SubscriptionBody
from notifier.web.cors import from_browsers
from notifier.web.parts import parts
from notifier.web.problems import Fault, Problem, invalid, not_found
from notifier.web.reading import read
from notifier.web.shapes import moment, moment_or_null

bp = Blueprint("devices", __name__, url_prefix="/v1")


@bp.post("/users/<user:user_id>/push-subscriptions")
@of_person("people")
@takes(SubscriptionBody)
def add_device(user_id: str) -> tuple[dict[str, Any], int]:
    """Store a browser's `PushSubscription`. The same one again answers the same."""
    return subscribe(user_id), 201


@bp.get("/users/<user:user_id>/push-subscriptions")
@of_person("people")
def devices(user_id: str) -> dict[str, Any]:
    """The person's devices, newest first."""
    with parts().database.read() as connection:
        found = People(connection).devices(user_id)
    return {"data": [_device(device) for device in found], "next_cursor": None}


@bp.delete("/users/<user:user_id>/push-subscriptions/<sub:device_id>")
@of_person("people")
def drop_device(user_id: str, device_id: str) -> Response:
    """Retire a device."""
    return drop(user_id, device_id)


@bp.get("/push/vapid-key")
@guarded_by("public")
@from_browsers
def vapid_key() -> dict[str, str]:
    """The public key that a page subscribes with (applicationServerKey, base64url)."""
    return {"key": parts().vapid_key}


def subscribe(user: str) -> dict[str, Any]:
    """Store the subscription of the request's body for this person; gives its shape. Raises `Problem`."""
    body = read(SubscriptionBody)
    try:
        device = parts().parse_device(body.model_dump(include={"endpoint", "keys"}))
    except BadAddress as error:
        raise invalid([Fault(error.pointer, "invalid", str(error))]) from None
    with parts().database.write() as connection:
        stored = _stored(People(connection), user, device)
    return _device(stored)


def drop(user: str, device: str) -> Response:
    """Retire a device of this person. Raises `Problem` where they have none of that id."""
    with parts().database.write() as connection:
        dropped = People(connection).drop_device(user, device, parts().clock())
    if not dropped:
        raise not_found("subscription", device)
    return Response(status=204)


def _stored(people: People, user_id: str, device: Any) -> Device:
    try:
        return people.add_device(
            user_id, device.value, fingerprint=device.fingerprint, key_id=device.key_id, now=parts().clock()
        )
    except TakenError:
        raise Problem(
            409, "conflict", "This endpoint belongs to another person; only the same browser can move it."
        ) from None


def _device(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "endpoint_host": parts().device_host(device.value),
        "state": device.state,
        "created_at": moment(device.created_at),
        "last_sent_at": moment_or_null(device.last_sent_at),
    }
