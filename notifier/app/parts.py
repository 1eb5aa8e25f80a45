"""Every part of the service, made when it is first asked for, in the process that asks."""

import contextlib
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import Celery
from flask import Flask
from kombu.exceptions import OperationalError

from notifier import tasks
from notifier.app.acts import BUILT_IN, built_in, kinds_of
from notifier.app.demo import make_demo
from notifier.app.home import CATALOGUE, RENDITIONS, Home
from notifier.app.web_parts import web_parts
from notifier.catchers.demo.pages import Demo, demo_pages
from notifier.catchers.faults import Faults
from notifier.catchers.mailbox import Mailbox
from notifier.catchers.pages import dev_pages, receive_push
from notifier.catchers.push import PushCatcher
from notifier.channels import Address, Channel
from notifier.channels.email import EmailChannel, EmailSettings
from notifier.channels.email.signin import SignInMail, send_signin_mail
from notifier.channels.push import (
    DEFAULT_ALLOWED_HOSTS,
    PushChannel,
    PushSettings,
    key_id,
    parse_subscription,
)
from notifier.channels.wording import Writer
from notifier.languages import Languages
from notifier.media.fetching import Fetcher
from notifier.media.making import Maker
from notifier.media.storage import Folder, Storage
from notifier.pipeline import Clock
from notifier.pipeline.admins import Staff
from notifier.pipeline.again import Again
from notifier.pipeline.announce import Announcer
from notifier.pipeline.backtest import Backtest
from notifier.pipeline.deciding import Deciding, PlanSettings
from notifier.pipeline.digests import DigestBuilder
from notifier.pipeline.explain import Explainer
from notifier.pipeline.heartbeat import Heartbeat
from notifier.pipeline.jobs import Working
from notifier.pipeline.kinds import Kinds
from notifier.pipeline.links import Links
from notifier.pipeline.noticing import Noticing
from notifier.pipeline.passwords import Passwords
from notifier.pipeline.pausing import Pausing
from notifier.pipeline.plan import Planner
from notifier.pipeline.preview import Preview
from notifier.pipeline.pulse import Pulse
from notifier.pipeline.purge import Purger
from notifier.pipeline.rebuilding import FileDropper, Rebuilder
from notifier.pipeline.record import Recorder
from notifier.pipeline.rendering import Renderer, RenderSettings
from notifier.pipeline.rollup import Roller
from notifier.pipeline.runs import Runner
from notifier.pipeline.scheduling import Scheduling
from notifier.pipeline.send import Sender, SendSettings
from notifier.pipeline.settling import Settling
from notifier.pipeline.steering import Steering
from notifier.pipeline.sweep import Sweeper
from notifier.pipeline.tickets import job_tickets, link_ticket, render_ticket, send_tickets
from notifier.pipeline.uploading import Uploading
from notifier.policy.catalogue import Catalogue, read_catalogue
from notifier.policy.endpoints import Rules
from notifier.policy.media import Limits
from notifier.policy.outcomes import Outcome
from notifier.policy.pictures import Patience
from notifier.policy.renditions import Specs, read_specs
from notifier.policy.retention import Retention
from notifier.scheduler.lead import Lead
from notifier.scheduler.ticks import Ticks
from notifier.store.database import Database
from notifier.store.people import People
from notifier.store.planning import Planned
from notifier.store.types import make_ids_ahead
from notifier.tasks import Bell, Steps, make_celery, register
from notifier.web.parts import NewDevice
from notifier.web.server import make_server

if TYPE_CHECKING:
    from config import Settings

log = logging.getLogger(__name__)

CHANNELS: Mapping[str, type[Channel[Any]]] = {"email": EmailChannel, "push": PushChannel}
STANDING = ("feed",)  # channels whose deliveries are done as soon as they are stored


def now() -> datetime:
    """The present moment, aware UTC: the clock of everything but tests."""
    return datetime.now(UTC)


def ahead(shift: timedelta) -> Clock:
    """A clock that is ahead of the machine's by so much (CLOCK_SHIFT)."""
    return lambda: now() + shift


class WrongStorage(ValueError):
    """MEDIA_STORAGE names what cannot be used here. The message says what would be right."""


@dataclass(frozen=True)
class Around:
    """What a running service stands in, beyond its settings: known only when it starts."""

    broker_url: str
    public_url: str
    mail_server: str
    mail_port: int
    broker_options: Mapping[str, Any] | None = None
    catchers: str = ""  # the address of the local catchers of development; empty where they are off


@dataclass
class Parts:
    """The parts of one process. Nothing is opened before it is asked for, so that a fork can come first."""

    settings: "Settings"
    home: Home
    around: Around
    clock: Any = field(default=now)

    def __post_init__(self) -> None:
        if shift := self.settings.CLOCK_SHIFT:
            self.clock = ahead(shift)
            make_ids_ahead(shift)

    @cached_property
    def database(self) -> Database:
        threads = max(self.settings.WEB_THREADS, self.settings.WORKER_THREADS) + 2
        return Database(self.settings.DATABASE_URL or self.home.database_url, threads)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The types of events. Raises `CatalogueFault` where the operator's own file is wrong."""
        own = self.settings.CATALOGUE_FILE
        return read_catalogue(CATALOGUE.read_text(), own.read_text(encoding="utf-8") if own else "")

    @cached_property
    def languages(self) -> Languages:
        """What people are spoken to in."""
        return Languages(self.settings.TEMPLATES_DIR)

    @cached_property
    def writer(self) -> Writer:
        """Words every notice, on every channel."""
        return Writer(self.languages, self.settings.TEMPLATES_DIR, self._media_url)

    @cached_property
    def email_settings(self) -> EmailSettings:
        settings = self.settings
        return EmailSettings(
            server=self.around.mail_server,
            port=self.around.mail_port,
            sender=settings.MAIL_DEFAULT_SENDER,
            use_tls=settings.MAIL_USE_TLS,
            use_ssl=settings.MAIL_USE_SSL,
            username=settings.MAIL_USERNAME,
            password=settings.MAIL_PASSWORD.get_secret_value(),
            ca_file=settings.MAIL_CA_FILE,
            max_connections=settings.MAIL_MAX_CONNECTIONS,
        )

    @cached_property
    def push_settings(self) -> PushSettings:
        settings = self.settings
        return PushSettings(
            private_key=settings.VAPID_PRIVATE_KEY.get_secret_value() or self.home.vapid_private_key,
            subject=settings.VAPID_SUBJECT or f"mailto:{self.email_settings.sender_address}",
            allowed_hosts=settings.PUSH_ALLOWED_HOSTS or DEFAULT_ALLOWED_HOSTS,
            allow_loopback=settings.PUSH_ALLOW_LOOPBACK,
            trusted_prefix=f"{self.around.catchers}/dev/push/e/" if self.around.catchers else "",
            ca_file=settings.PUSH_CA_FILE,
        )

    @cached_property
    def channels(self) -> Mapping[str, Channel[Any]]:
        """How people are reached. A new channel is one line here, and its class one in `CHANNELS`."""
        return {
            "email": self._email,
            "push": PushChannel(self.push_settings, self.clock, writer=self.writer),
        }

    @cached_property
    def _email(self) -> EmailChannel:
        return EmailChannel(self.email_settings, self.clock, self.writer)

    @cached_property
    def specs(self) -> Specs:
        """Which versions are made. Raises `SpecFault` where the operator's own file is wrong."""
        settings, own = self.settings, self.settings.RENDITIONS_FILE
        specs = read_specs(RENDITIONS.read_text(), own.read_text(encoding="utf-8") if own else "")
        specs = specs.with_avif() if settings.MEDIA_AVIF else specs
        return specs.with_motion() if settings.MEDIA_MOTION else specs

    @cached_property
    def storage(self) -> Storage:
        """Where pictures and videos lie. Raises `WrongStorage` where it cannot be used at all."""
        settings, own = self.settings, self.home.folder / "media"
        if not settings.MEDIA_STORAGE.startswith("s3://"):
            return Folder(Path(settings.MEDIA_STORAGE) if settings.MEDIA_STORAGE else own)
        try:
            from notifier.media.bucket import Bucket, BucketSettings  # most have none, and not its package either
        except ImportError as error:
            says = f"{settings.MEDIA_STORAGE} needs obstore: .venv/bin/pip install -c constraints.txt obstore"
            raise WrongStorage(says) from error
        bucket = BucketSettings(
            url=settings.MEDIA_STORAGE,
            endpoint=settings.MEDIA_S3_ENDPOINT,
            region=settings.MEDIA_S3_REGION,
            access_key=settings.MEDIA_S3_ACCESS_KEY,
            secret_key=settings.MEDIA_S3_SECRET_KEY.get_secret_value(),
        )
        return Bucket(bucket, own / "work")

    @cached_property
    def fetcher(self) -> Fetcher:
        """Fetches pictures and videos from where apps say that they are."""
        return Fetcher(Rules(allow_loopback=self.settings.MEDIA_ALLOW_LOOPBACK), self.media_limits)

    @property
    def media_limits(self) -> Limits:
        """How much is taken in."""
        return Limits(heic=find_spec("pillow_heif") is not None)

    @cached_property
    def renderer(self) -> Renderer:
        """Makes the versions of what was posted."""
        settings = RenderSettings(
            self.specs,
            timedelta(seconds=self.settings.LEASE_SECONDS),
            self.worker_name,
            processes=self.settings.MEDIA_PROCESSES,
        )
        maker = Maker(self.specs.specs, self.media_limits, self.settings.FFMPEG_PATH)
        return Renderer(self.database, self.storage, self.fetcher, maker, settings, self.clock, self._settling)

    @property
    def _settling(self) -> Settling:
        return Settling(self.database, self._patience, self.clock, self._ring_sends)

    @property
    def rebuilder(self) -> Rebuilder:
        """Asks for versions that are missing."""
        return Rebuilder(self.database, self.specs, self.clock, self._ring_for)

    @property
    def dropper(self) -> FileDropper:
        """Deletes the files of what is gone."""
        return FileDropper(self.database, self.storage, self.clock)

    def _ring_sends(self, ready: Sequence[Planned]) -> None:
        tasks.ring_or_hasten(self.steps, send_tickets(ready))

    def _ring_for(self, asset: str) -> None:
        self.steps.bell.ring([render_ticket([asset])])

    @property
    def uploading(self) -> Uploading:
        """Takes in pictures and videos."""
        return Uploading(
            self.database,
            self.storage,
            self.specs,
            self.media_limits,
            self.clock,
            self._ring_for,
            self._settling,
        )

    def media_url(self, file: str) -> str:
        """Where anybody gets that file."""
        return f"{self._media_url}/{file}"

    @property
    def _media_url(self) -> str:
        return self.settings.MEDIA_URL or f"{self.around.public_url}/media"

    @cached_property
    def celery(self) -> Celery:
        celery = make_celery(self.around.broker_url, self.around.broker_options)
        register(celery, lambda: self.steps)
        return celery

    @cached_property
    def steps(self) -> Steps:
        bell = Bell(self.celery)
        return Steps(
            self._planner,
            self._sender,
            self._sweeper,
            self.builder,
            self.links,
            self._working(bell),
            self.renderer,
            bell,
            Heartbeat(self.database, version("notifier"), self.clock),
        )

    @cached_property
    def server(self) -> Flask:
        """The Flask app."""
        if not self.around.catchers:
            return make_server(web_parts(self))
        return make_server(web_parts(self), self._dev_pages, exempt=receive_push)

    @cached_property
    def kinds(self) -> Kinds:
        """What schedules can do."""
        return kinds_of(
            lambda: self.steps,
            lambda: self.announcer,
            lambda: self.purger,
            lambda: self.roller,
            lambda: self.pulse,
            lambda: self.dropper,
        )

    @property
    def scheduling(self) -> Scheduling:
        """Schedules as people make and change them."""
        return Scheduling(self.database, self.kinds, frozenset(BUILT_IN), self.clock)

    @property
    def pausing(self) -> Pausing:
        """Pauses queues."""
        return Pausing(self.database, self.clock)

    @property
    def ticks(self) -> Ticks:
        """What a scheduler does."""
        runner = Runner(self.database, self.kinds, self.worker_name, self.clock)
        lead = Lead(self.database, runner, self.worker_name, self.clock)
        made = built_in(self.kinds, self.clock())
        return Ticks(lambda: tasks.sweep(self.steps), runner, lead, made, self.clock)

    @property
    def again(self) -> Again:
        """Tries deliveries again at an operator's word."""
        return Again(self.database, self._sweeper, self.clock)

    @property
    def pulse(self) -> Pulse:
        """Keeps fresh what the first page shows."""
        return Pulse(self.database, self.clock)

    @property
    def preview(self) -> Preview:
        """Words messages again for whoever may see them."""
        return Preview(self.database, self.channels, self._noticing, self.writer.word, self.clock)

    @property
    def builder(self) -> DigestBuilder:
        """Makes digests."""
        return DigestBuilder(self.database, self.catalogue, CHANNELS, self.plan_settings.replacing, self.clock)

    @property
    def steering(self) -> Steering:
        """Sends, skips and moves digests at somebody's word."""
        return Steering(self.database, self.builder, self.clock)

    @property
    def staff(self) -> Staff:
        """The admins, as owners and the command line change them."""
        return Staff(self.database, self.clock)

    @property
    def links(self) -> Links:
        """Mails sign-in links."""
        return Links(self.database, self._send_link, self.around.public_url, self.clock)

    @cached_property
    def passwords(self) -> Passwords:
        return Passwords()

    @property
    def announcer(self) -> Announcer:
        """Announces what whoever runs the service has to say."""
        return Announcer(self.database, self.catalogue, self.clock, self.steps.bell.nudge)

    @property
    def explainer(self) -> Explainer:
        """Tells why somebody is told or not."""
        return Explainer(self.database, Deciding(self.catalogue, self.plan_settings), self.clock, self.retention)

    @property
    def backtest(self) -> Backtest:
        """Tries a changed rule on what happened."""
        return Backtest(self.database, self.catalogue, self.plan_settings, self.clock)

    @property
    def retention(self) -> Retention:
        """How long things are kept."""
        settings = self.settings
        return Retention(
            deliveries=settings.RETENTION_DELIVERIES_DAYS,
            failed=settings.RETENTION_FAILED_DAYS,
            skipped=settings.RETENTION_SKIPPED_DAYS,
            attempts=settings.RETENTION_ATTEMPTS_DAYS,
            bodies=settings.RETENTION_BODIES_DAYS,
            feed=settings.RETENTION_FEED_DAYS,
            events=settings.RETENTION_EVENTS_DAYS,
            audit=settings.RETENTION_AUDIT_DAYS,
        )

    @property
    def roller(self) -> Roller:
        """Counts the figures of each day."""
        return Roller(self.database)

    @property
    def purger(self) -> Purger:
        """Deletes what was kept for long enough."""
        return Purger(self.database, self.retention, self.roller, STANDING, self.clock)

    def broker_answers(self) -> bool:
        """Whether the broker can be reached now; waits no longer than a socket may be silent."""
        with contextlib.suppress(OperationalError, OSError), self.celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=0)
            return True
        return False

    @property
    def secret_key(self) -> str:
        return self.settings.SECRET_KEY.get_secret_value() or self.home.secret_key

    @property
    def worker_name(self) -> str:
        return f"{socket.gethostname()}:{os.getpid()}"

    @property
    def mailbox(self) -> Mailbox:
        """What the mail catcher keeps."""
        return Mailbox(self.home.dev)

    @property
    def push_catcher(self) -> PushCatcher:
        """The push service of development, under `/dev/push`."""
        return PushCatcher(self.home.dev, f"{self.around.catchers}/dev/push/e")

    @property
    def faults(self) -> Faults:
        """The catchers' fault switches."""
        return Faults(self.home.dev)

    @property
    def _planner(self) -> Planner:
        return Planner(self.database, self.catalogue, self.plan_settings, self.clock)

    @property
    def plan_settings(self) -> PlanSettings:
        """What planning must know of channels and waits."""
        return PlanSettings(
            standing=STANDING,
            replacing=tuple(name for name, channel in CHANNELS.items() if channel.replaces),
            gather_scale=self.settings.GATHER_SCALE,
            patience=self._patience,
        )

    @property
    def _sender(self) -> Sender:
        recorder = Recorder(self.database, worker=self.worker_name, lease=self._send_settings.lease, clock=self.clock)
        return Sender(self.database, self.channels, self.catalogue, recorder, self._send_settings, self.clock)

    @property
    def _send_settings(self) -> SendSettings:
        return SendSettings(
            lease=timedelta(seconds=self.settings.LEASE_SECONDS),
            retry_scale=self.settings.RETRY_SCALE,
            public_url=self.around.public_url,
            link_secret=self.secret_key.encode(),
            missing=self.languages.missing,
            patience=self._patience,
        )

    @property
    def _patience(self) -> Patience:
        settings = self.settings
        return Patience(timedelta(seconds=settings.MEDIA_WAIT_IMAGE), timedelta(seconds=settings.MEDIA_WAIT_VIDEO))

    @property
    def _noticing(self) -> Noticing:
        return Noticing(self.catalogue, self.around.public_url, self.secret_key.encode())

    def _working(self, bell: Bell) -> Working:
        return Working(self.database, self._sweeper, self.clock, lambda ids: bell.ring(job_tickets(ids)))

    @property
    def _sweeper(self) -> Sweeper:
        return Sweeper(self.database, self.catalogue, self.clock)

    @property
    def _dev_pages(self) -> Any:
        return [
            dev_pages(self.mailbox, self.push_catcher, self.faults, self._subscribe),
            demo_pages(self._demo),
        ]

    @property
    def _demo(self) -> Demo:
        return make_demo(
            self.database,
            self.home,
            self.explainer,
            self.again,
            masked=self.masked,
            link_secret=self.secret_key.encode(),
            uploading=self.uploading,
            media_url=lambda file: f"/media/{file}",  # of this page's own origin
            clock=self.clock,
        )

    def masked(self, channel: str, address: Address) -> str:
        """The address as a log may show it."""
        return CHANNELS[channel].masked(address) if channel in CHANNELS else ""

    def named(self, channel: str, address: Address) -> str:
        """The address as operators may see it."""
        return CHANNELS[channel].named(address) if channel in CHANNELS else ""

    def parse_device(self, raw: Mapping[str, Any]) -> NewDevice:
        """A browser's push subscription. Raises `BadAddress`."""
        found = parse_subscription(raw, self.push_settings)
        return NewDevice(found.value, found.fingerprint, key_id(self.push_settings.private_key), found.host)

    def mail_link(self, asked: str) -> None:
        """Mail the sign-in link that was asked for, soon."""
        self.steps.bell.ring([link_ticket(asked)])

    def _send_link(self, mail: SignInMail) -> Outcome:
        return send_signin_mail(self._email, self.email_settings, mail)

    def _subscribe(self, user: str, subscription: dict[str, Any]) -> str:
        device = self.parse_device(subscription)
        with self.database.write() as connection:
            stored = People(connection).add_device(
                user, device.value, fingerprint=device.fingerprint, key_id=device.key_id, now=self.clock()
            )
        return stored.id
