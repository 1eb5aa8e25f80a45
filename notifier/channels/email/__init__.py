"""Email: words a notice as a mail and hands it to the relay, over held, verified and pipelined SMTP connections."""

from notifier.channels.email.addresses import masked, parse_email
from notifier.channels.email.channel import EmailChannel
from notifier.channels.email.mime import Mail
from notifier.channels.email.settings import EmailSettings

__all__ = ["EmailChannel", "EmailSettings", "Mail", "masked", "parse_email"]
