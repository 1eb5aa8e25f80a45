"""Short-lived tokens for one person's browser: signed, bound to that person, and stored nowhere."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

from notifier.policy.links import sealed, unsealed

PREFIX = "nt_"
LONGEST = 2_000  # characters; that of the longest id has fewer
_PURPOSE = "person"


@dataclass(frozen=True, slots=True)
class PersonToken:
    """Whose browser it is for, and until when; aware UTC, whole seconds."""

    user: str
    until: datetime


def make_person_token(secret: bytes, token: PersonToken) -> str:
    """The token as it is handed out: `nt_` and URL-safe characters."""
    text = sealed(secret, _PURPOSE, f"{int(token.until.timestamp())} {token.user}")
    return PREFIX + base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_person_token(secret: bytes, text: str) -> PersonToken | None:
    """What a token of ours says, or None; compared in constant time. Whether it has run out, the caller sees."""
    if not text.startswith(PREFIX) or len(text) > LONGEST:
        return None
    body = text.removeprefix(PREFIX)
    try:
        handed_back = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    said = unsealed(secret, _PURPOSE, handed_back)
    if said is None:
        return None
    until, _, user = said.partition(" ")
    return PersonToken(user, datetime.fromtimestamp(int(until), UTC))
