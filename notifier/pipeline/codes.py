"""The codes of an authenticator app (RFC 6238), and those that stand in for it when the phone is lost."""

import hmac
import secrets
from datetime import datetime

import pyotp

STEP = 30  # seconds
AROUND = 1  # steps before and after the present one: clocks differ, and people type slowly
RECOVERY_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
_GROUPS, _GROUP = 4, 4  # 16 of 31 letters are 79 bits: as good as no guess


def new_secret() -> str:
    """A secret to share with an authenticator app."""
    return pyotp.random_base32()


def address_of(secret: str, email: str) -> str:
    """The `otpauth:` address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Notifier")


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """For which 30 seconds the code is, where it is one of those around now."""
    typed = "".join(code.split())
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // STEP
    found = None
    for step in range(present - AROUND, present + AROUND + 1):
        # Each is compared, so that the time taken tells nothing.
        if hmac.compare_digest(totp.at(step * STEP).encode(), typed.encode()):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Fresh codes such as `abcd-efgh-jkmn-pqrs`."""
    return ["-".join(_letters(_GROUP) for _ in range(_GROUPS)) for _ in range(RECOVERY_CODES)]


def typed_recovery_code(text: str) -> str:
    """The code as it was given out, however it was typed."""
    letters = "".join(character for character in text.lower() if character.isalnum())
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))
