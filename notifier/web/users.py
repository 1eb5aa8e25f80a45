"""People: their profile, what they chose to hear, and their devices."""

from typing import Any

from flask import Blueprint, Response

from notifier.channels import BadAddress
from notifier.policy.catalogue import CADENCES
from notifier.policy.words import Cadence
from notifier.store.people import Device, People, Profile, TakenError
from notifier.web.access import guarded_by, needs, takes
from notifier.web.bodies import PreferencesBody, SubscriptionBody, UserBody
from notifier.web.parts import parts
from notifier.web.problems import Fault, Problem, invalid, not_found, pointer
from notifier.web.reading import read
from notifier.web.shapes import moment, moment_or_null

bp = Blueprint("users", __name__, url_prefix="/v1")


@bp.put("/users/<user:user_id>")
@needs("people")
@takes(UserBody)
def save(user_id: str) -> dict[str, Any]:
    """Make a person, or change what is given."""
    body, now = read(UserBody), parts().clock()
    if body.id not in (None, user_id):
        raise invalid([Fault("/id", "invalid", "This must be the id of the address, or be left out.")])
    mailbox = _mailbox(body.email) if body.email else None
    changes = body.model_dump(include={"name", "locale", "timezone"}, exclude_none=True)
    with parts().database.write() as connection:
        people = People(connection)
        people.save(user_id, changes, now)
        if mailbox:
            people.set_mailbox(user_id, mailbox, now)
        elif "email" in body.model_fields_set:
            people.drop_mailbox(user_id, now)
        profile = people.profile(user_id)
    return _user(_known(profile, user_id))


@bp.get("/users/<user:user_id>")
@needs("people")
def show(user_id: str) -> dict[str, Any]:
    """A person's profile."""
    with parts().database.read() as connection:
        return _user(_known(People(connection).profile(user_id), user_id))


@bp.get("/users/<user:user_id>/preferences")
@needs("people")
def preferences(user_id: str) -> dict[str, Any]:
    """What the person hears, for every type and channel: their own choice, else the catalogue's default."""
    with parts().database.read() as connection:
        return _matrix(People(connection).choices(user_id))


@bp.put("/users/<user:user_id>/preferences")
@needs("people")
@takes(PreferencesBody)
def choose(user_id: str) -> dict[str, Any]:
    """Change some choices; `null` returns to the default."""
    chosen = _choices(read(PreferencesBody))
    with parts().database.write() as connection:
        people = People(connection)
        people.choose(user_id, chosen, by="api", now=parts().clock())
        return _matrix(people.choices(user_id))


@bp.post("/users/<user:user_id>/push-subscriptions")
@needs("people")
@takes(SubscriptionBody)
def add_device(user_id: str) -> tuple[dict[str, Any], int]:
    """Store a browser's `PushSubscription`. The same one again answers the same."""
    body = read(SubscriptionBody)
    try:
        device = parts().parse_device(body.model_dump(include={"endpoint", "keys"}))
    except BadAddress as error:
        raise invalid([Fault(error.pointer, "invalid", str(error))]) from None
    with parts().database.write() as connection:
        stored = _stored(People(connection), user_id, device)
    return _device(stored), 201


@bp.get("/users/<user:user_id>/push-subscriptions")
@needs("people")
def devices(user_id: str) -> dict[str, Any]:
    """The person's devices, newest first."""
    with parts().database.read() as connection:
        found = People(connection).devices(user_id)
    return {"data": [_device(device) for device in found], "next_cursor": None}


@bp.delete("/users/<user:user_id>/push-subscriptions/<sub:device_id>")
@needs("people")
def drop_device(user_id: str, device_id: str) -> Response:
    """Retire a device."""
    with parts().database.write() as connection:
        dropped = People(connection).drop_device(user_id, device_id, parts().clock())
    if not dropped:
        raise not_found("subscription", device_id)
    return Response(status=204)


@bp.get("/push/vapid-key")
@guarded_by("public")
def vapid_key() -> dict[str, str]:
    """The public key that a page subscribes with (applicationServerKey, base64url)."""
    return {"key": parts().vapid_key}


def _mailbox(text: str) -> str:
    try:
        return parts().parse_mailbox(text)
    except BadAddress as error:
        raise invalid([Fault("/email", "invalid", str(error))]) from None


def _stored(people: People, user_id: str, device: Any) -> Device:
    try:
        return people.add_device(
            user_id, device.value, fingerprint=device.fingerprint, key_id=device.key_id, now=parts().clock()
        )
    except TakenError:
        raise Problem(
            409, "conflict", "This endpoint belongs to another person; only the same browser can move it."
        ) from None


def _choices(body: PreferencesBody) -> dict[tuple[str, str], Cadence | None]:
    """The choices by (type's long name, channel). Refuses what the catalogue does not know, all of it at once."""
    faults: list[Fault] = []
    chosen: dict[tuple[str, str], Cadence | None] = {}
    for type_, channels in body.types.items():
        kind = parts().catalogue.find(type_)
        if kind is None:
            known = ", ".join(parts().catalogue.short_names)
            faults.append(Fault(pointer(("types", type_)), "unknown_type", f"We know {known}."))
            continue
        for channel, cadence in channels.items():
            allowed = CADENCES.get(channel, ())
            if cadence is not None and cadence not in allowed:
                words = ", ".join(allowed) or f"we know the channels {', '.join(CADENCES)}"
                faults.append(Fault(pointer(("types", type_, channel)), "invalid", f"This must be one of: {words}."))
            else:
                chosen[kind.name, channel] = Cadence(cadence) if cadence else None
    if faults:
        raise invalid(faults)
    return chosen


def _matrix(choices: dict[tuple[str, str], Cadence]) -> dict[str, Any]:
    return {
        "types": {
            kind.short: {
                channel: choices.get((kind.name, channel), default) for channel, default in kind.cadences.items()
            }
            for kind in parts().catalogue.heard
        }
    }


def _known(profile: Profile | None, user_id: str) -> Profile:
    if profile is None:
        raise not_found("user", user_id)
    return profile


def _user(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "email": profile.email or None,
        "name": profile.name,
        "locale": profile.locale,
        "timezone": profile.timezone,
        "created_at": moment(profile.created_at),
    }


def _device(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "endpoint_host": parts().device_host(device.value),
        "state": device.state,
        "created_at": moment(device.created_at),
        "last_sent_at": moment_or_null(device.last_sent_at),
    }
