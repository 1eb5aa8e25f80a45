"""What a provider answered to one try, as values: delivered, deferred, refused or gone."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider took the message over. Only this ends a delivery well."""

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now: try again.

    `after` is the provider's own Retry-After and never shortened; `patience` is the least wait that we think
    right for this answer, and scales like all our delays. `charged` says whether the try counts against the
    retry policy: throttling and our own misconfiguration do not. `pauses` asks that every delivery to the same
    origin waits as long, because the provider spoke of us, not of the message.
    """

    code: str
    text: str = ""
    after: timedelta = timedelta(0)
    patience: timedelta = timedelta(0)
    charged: bool = True
    pauses: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Never this message; the address may be well."""

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """Never this address again: it is retired."""

    code: str
    text: str = ""


Outcome = Delivered | Deferred | Refused | Gone
