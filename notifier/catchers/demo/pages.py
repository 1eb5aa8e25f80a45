"""The routes of `/demo`. The page posts events as an app's server would; the secret that signs them stays here."""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import IO, Any

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from notifier.catchers.demo.arrived import mails, pushes
from notifier.catchers.demo.story import ACTS, PEOPLE, Act, NoSuchAct, Person, Sender, event_of, person, signed
from notifier.catchers.given import given
from notifier.policy.fields import is_asset_id
from notifier.policy.media import MB, Refused
from notifier.policy.words import Reason, State

EXTENSION = "notifier.demo"
MOST_PHOTO = 101 * MB  # with what stands around it; what it may be is looked at later
_EVENT = re.compile(r"evt_[0-9a-f]{32}")
_STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What the page is made with.

    `welcome` makes the people with mailbox and wishes, and says which of them have no device yet. `explain` gives the
    API's explanation of an event, None where there is none; `token` opens a person's feed; `hurry` lets a delivery go
    out now.
    """

    sender: Callable[[], Sender]
    welcome: Callable[[Sequence[Person]], Sequence[str]]
    explain: Callable[[str], dict[str, Any] | None]
    token: Callable[[str], str]
    hurry: Callable[[str], object]
    upload: Callable[[IO[bytes], str], str]  # a photo, called that type → the asset's id; raises `Refused`
    photo: Callable[[str], dict[str, Any] | None]  # how far its versions are; None where there is no such asset
    clock: Callable[[], datetime]


def demo_pages(demo: Demo) -> Blueprint:
    """The blueprint of `/demo`, to be registered beside that of `/dev`, whose catchers it looks into."""
    pages = Blueprint("demo", __name__, url_prefix="/demo", template_folder="templates", static_folder="static")
    pages.record_once(lambda state: state.app.extensions.update({EXTENSION: demo}))
    pages.register_error_handler(NoSuchAct, _refused)
    pages.register_error_handler(Refused, lambda why: (jsonify({"detail": why.sentence}), 422))
    pages.url_value_preprocessor(_make_room)
    pages.after_request(_guarded)
    pages.add_url_rule("", "page", page, strict_slashes=False)
    pages.add_url_rule("/people", "welcome", welcome, methods=["POST"])
    pages.add_url_rule("/people/<id>/token", "token", token)
    pages.add_url_rule("/photos", "upload", upload, methods=["POST"])
    pages.add_url_rule("/photos/<id>", "photo", photo)
    pages.add_url_rule("/acts", "act", act, methods=["POST"])
    pages.add_url_rule("/events/<id>", "became", became)
    pages.add_url_rule("/events/<id>/hurry", "hurry", hurry, methods=["POST"])
    return pages


def page() -> str:
    """The two people, side by side."""
    return render_template("demo/page.html", people=PEOPLE, pairs=zip(PEOPLE, reversed(PEOPLE), strict=True), acts=ACTS)


def welcome() -> Response:
    """Make the two, each with a mailbox and a device of the push catcher. Asked again, it changes nothing."""
    for user in _demo().welcome(PEOPLE):
        given().subscribe_user(user, given().push.subscribe(user))
    return jsonify({"people": [asdict(one) for one in PEOPLE]})


def token(id: str) -> Response:
    """A token for that person's bell, as an app's own route would give it to whoever is signed in."""
    return jsonify({"token": _demo().token(person(id).id)})


def act() -> Response:
    """The signed request that tells of the posted act: the page sends it, as it stands."""
    asked = request.get_json(silent=True)
    fields = asked if isinstance(asked, dict) else {}
    wanted = Act(*(str(fields.get(name, "")) for name in ("who", "act", "key", "text")))
    made = signed(event_of(wanted), _demo().sender(), id=uuid.uuid4().hex, now=_demo().clock())
    return jsonify(asdict(made))


def upload() -> Response:
    """Take in a photo, as an app's server would for whoever posts it."""
    sent = request.files.get("file")
    if sent is None:
        raise NoSuchAct("Choose a photo first.")
    return jsonify({"asset": _demo().upload(sent.stream, sent.mimetype)})


def photo(id: str) -> Response:
    """How far the versions of a photo are."""
    found = _demo().photo(id) if is_asset_id(id) else None
    if found is None:
        raise NoSuchAct("There is no such photo.")
    return jsonify(found)


def became(id: str) -> Response:
    """What became of an event so far: for whom, why, and the messages as they came."""
    explained = _explained(id)
    told = {line["delivery"] for line in explained["lines"] if line["delivery"]}
    found = given()
    return jsonify(
        explained
        | {
            "mails": [one for who in PEOPLE for one in mails(found.mailbox, who.email, told)],
            "pushes": [one for who in PEOPLE for one in pushes(found.push, who.id, told)],
        }
    )


def hurry(id: str) -> Response:
    """Let what gathers of this event go out now, instead of in a minute or two."""
    waiting = [line for line in _explained(id)["lines"] if line["state"] == State.WAITING]
    gathering = [line["delivery"] for line in waiting if line["reason"] == Reason.GATHERING]
    for delivery in gathering:
        _demo().hurry(delivery)
    return jsonify({"hurried": len(gathering)})


def _demo() -> Demo:
    demo: Demo = current_app.extensions[EXTENSION]
    return demo


def _explained(event: str) -> dict[str, Any]:
    found = _demo().explain(event) if _EVENT.fullmatch(event) else None
    if found is None:
        raise NoSuchAct("There is no event of this id; it may have been purged.")
    return found


def _refused(refusal: NoSuchAct) -> ResponseReturnValue:
    return jsonify({"detail": str(refusal)}), 422


def _make_room(endpoint: str | None, _values: object) -> None:
    # Before anybody looks at the body: whoever seeks a CSRF token in that of a large photo would be refused.
    if endpoint == "demo.upload":
        request.max_content_length = MOST_PHOTO


def _guarded(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", _STRICT)
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer
