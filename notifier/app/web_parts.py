"""What the web's views need, taken from the parts of the service."""

from typing import TYPE_CHECKING

from notifier.channels import Address
from notifier.channels.email import EmailChannel, parse_email
from notifier.channels.preview import Previewer
from notifier.channels.push import public_key
from notifier.pipeline.account import OwnAccount
from notifier.pipeline.new_links import NewLinks
from notifier.pipeline.signin import SignIn
from notifier.store.intake import Intake
from notifier.tasks import ask_workers
from notifier.web.parts import WebParts

if TYPE_CHECKING:
    from notifier.app.parts import Parts


def web_parts(parts: "Parts") -> WebParts:
    """Everything that the views need."""
    return WebParts(
        database=parts.database,
        intake=Intake(parts.database),
        catalogue=parts.catalogue,
        retention=parts.retention,
        languages=parts.languages,
        again=parts.again,
        explainer=parts.explainer,
        backtest=parts.backtest,
        steering=parts.steering,
        scheduling=parts.scheduling,
        new_links=NewLinks(parts.database, parts.catalogue, parts.clock, parts.steps.bell.nudge),
        pausing=parts.pausing,
        previewer=Previewer(EmailChannel(parts.email_settings, parts.clock, parts.writer), parts.writer),
        signin=SignIn(parts.database, parts.passwords, parts.clock),
        own_account=OwnAccount(parts.database, parts.passwords, parts.clock),
        staff=parts.staff,
        links=parts.links,
        mail_link=parts.mail_link,
        working=parts.steps.working,
        uploading=parts.uploading,
        check_url=parts.fetcher.read,
        media_url=parts.media_url,
        pulse=parts.pulse,
        preview=parts.preview,
        catches_mail=not parts.settings.MAIL_SERVER,
        word=parts.writer.word,
        clock=parts.clock,
        nudge=parts.steps.bell.nudge,
        parse_mailbox=parse_email,
        parse_device=parts.parse_device,
        device_host=lambda value: parts.masked("push", Address("", value)).partition("/")[0],
        masked=parts.masked,
        named=parts.named,
        vapid_key=public_key(parts.push_settings.private_key),
        link_secret=parts.secret_key.encode(),
        secret_key=parts.secret_key,
        public_url=parts.around.public_url,
        environment=parts.settings.ENVIRONMENT,
        secure_cookies=parts.around.public_url.startswith("https://"),
        standing=parts.plan_settings.standing,
        allowed_origins=parts.settings.ALLOWED_ORIGINS,
        max_unplanned=parts.settings.MAX_UNPLANNED,
        max_requests=parts.settings.WEB_THREADS,
        max_streams=parts.settings.FEED_STREAMS,
        broker_answers=parts.broker_answers,
        remember=parts.home.remember,
        broker_depths=parts.steps.bell.depths,
        metrics_token=parts.settings.METRICS_TOKEN.get_secret_value(),
        ask_workers=lambda: ask_workers(parts.celery),
    )
