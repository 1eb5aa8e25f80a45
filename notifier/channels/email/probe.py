"""Ask the relay whether it would take our mail, without sending any."""

from notifier.channels.email.conversation import Lost, open_conversation
from notifier.channels.email.held import NotifyMail
from notifier.channels.email.settings import EmailSettings


def relay_fault(settings: EmailSettings) -> str:
    """Connect, say EHLO, secure and log in as a mail would; what goes wrong as a sentence, empty where nothing does."""
    try:
        open_conversation(settings, lambda: NotifyMail(settings).context).say_goodbye()
    except Lost as lost:
        return f"{lost.outcome.code} {lost.outcome.text}".strip()
    return ""
