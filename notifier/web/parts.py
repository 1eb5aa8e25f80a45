"""What the web edge is given: the parts that its views work with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flask import current_app

from notifier.channels import Address, Notice
from notifier.channels.preview import Previewer
from notifier.channels.wording import Wording
from notifier.languages import Languages
from notifier.pipeline.account import OwnAccount
from notifier.pipeline.admins import Staff
from notifier.pipeline.again import Again
from notifier.pipeline.backtest import Backtest
from notifier.pipeline.explain import Explainer
from notifier.pipeline.jobs import Working
from notifier.pipeline.links import Links
from notifier.pipeline.new_links import NewLinks
from notifier.pipeline.pausing import Pausing
from notifier.pipeline.preview import Preview
from notifier.pipeline.pulse import Pulse
from notifier.pipeline.scheduling import Scheduling
from notifier.pipeline.signin import SignIn
from notifier.pipeline.steering import Steering
from notifier.pipeline.uploading import Uploading
from notifier.policy.catalogue import Catalogue
from notifier.policy.retention import Retention
from notifier.store.database import Database
from notifier.store.intake import Intake
from notifier.tasks import Asked


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A browser subscription that was checked: what is stored of it."""

    value: str
    fingerprint: str
    key_id: str
    host: str


class Remembers(Protocol):
    """Keeps an app's new secret or key beside its other credentials, where this machine has some."""

    def __call__(self, app: str, *, secret: str = "", key: str = "") -> None:
        """What is empty stays as it was."""


@dataclass(frozen=True, slots=True)
class WebParts:
    """Everything that the views need, handed in by `notifier.app`."""

    database: Database
    intake: Intake
    catalogue: Catalogue
    retention: Retention
    languages: Languages
    again: Again
    explainer: Explainer
    backtest: Backtest
    steering: Steering
    scheduling: Scheduling
    new_links: NewLinks
    pausing: Pausing
    previewer: Previewer
    signin: SignIn
    own_account: OwnAccount
    staff: Staff
    links: Links
    mail_link: Callable[[str], None]  # the id of what was asked for: mail it soon
    working: Working
    uploading: Uploading
    check_url: Callable[[str], object]  # of media that is to be fetched; raises policy.media.Refused
    media_url: Callable[[str], str]  # of a rendition's file
    pulse: Pulse
    preview: Preview
    catches_mail: bool  # no mail server is set: mails go to the local catcher
    word: Callable[[Notice], Wording]  # raises whatever a template does with its data
    clock: Callable[[], datetime]
    nudge: Callable[[Iterable[str], str], None]  # event ids, queue: ask for their plans soon
    parse_mailbox: Callable[[str], str]  # raises BadAddress
    parse_device: Callable[[Mapping[str, Any]], NewDevice]  # raises BadAddress
    device_host: Callable[[str], str]  # of a stored subscription
    masked: Callable[[str, Address], str]  # channel, address → as logs may show it
    named: Callable[[str, Address], str]  # the same, as operators may see it
    vapid_key: str
    link_secret: bytes
    secret_key: str
    public_url: str
    secure_cookies: bool
    environment: str  # "development" or "production"
    standing: tuple[str, ...]  # channels whose deliveries stand in a feed
    allowed_origins: tuple[str, ...]  # of pages that may call us from a browser
    max_unplanned: int
    max_requests: int  # at once, in this process
    max_streams: int  # beside them
    broker_answers: Callable[[], bool]
    remember: Remembers
    broker_depths: Callable[[], Mapping[str, int] | None]  # tickets by queue; None while the broker does not answer
    metrics_token: str  # whoever bears it reads the figures; empty: this machine alone
    ask_workers: Callable[[], Mapping[str, Asked]]  # by worker, within a second


def parts() -> WebParts:
    """The parts of the running app."""
    found: WebParts = current_app.extensions["notifier"]
    return found
