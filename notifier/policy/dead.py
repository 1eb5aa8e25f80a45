"""Dead letters: what it is worth to send again what could not be sent, by its cause."""

from notifier.policy.words import Reason

# What a retry would come to, and whether it is pointless as long as nothing else changes.
ADVICE: dict[Reason, tuple[str, bool]] = {
    Reason.ADDRESS_GONE: ("The address is gone: the provider will say the same again.", True),
    Reason.EXPIRED: ("It came too late to be of use.", True),
    Reason.TEMPLATE_ERROR: ("It fails again until the template is mended.", False),
    Reason.GAVE_UP: ("Worth another try once the provider is well again.", False),
    Reason.UNCONFIRMED: ("It may have arrived: whoever is sent it again may get it twice.", False),
    Reason.REFUSED: ("The provider refused it for good: mend what it names first.", False),
}
# Answers by which a provider says that there is no such mailbox or browser.
GONE_CODES = ("404", "410", "5.1.1")


def advice(reason: Reason, code: str) -> tuple[str, bool]:
    """What a retry would come to, in a sentence, and whether it is pointless."""
    if any(code.endswith(gone) for gone in GONE_CODES):
        return ADVICE[Reason.ADDRESS_GONE]
    return ADVICE.get(reason, ("Worth another try once its cause is mended.", False))
