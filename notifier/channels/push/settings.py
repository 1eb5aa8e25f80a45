"""What the push channel needs to be told: our key, whom to trust, and how much at once."""

from dataclasses import dataclass, field

DEFAULT_ALLOWED_HOSTS = (
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)


@dataclass(frozen=True, slots=True)
class PushSettings:
    """The push channel's settings, checked by whoever reads them (`check_vapid` for the first two).

    `allowed_hosts` are exact names or `*.suffix`; `*` stands for any host with public addresses.
    `allow_loopback` lifts the rules on scheme, port and address literals for this machine alone, and
    `trusted_prefix` does the same for URLs that start with exactly it: both are for development.
    `ca_file` is trusted besides the system's certificates. `deadline` is the seconds that one push may take from
    connecting to the end of the answer; `per_origin` and `in_flight` bound how many are under way at once.
    """

    private_key: str = field(repr=False)  # PEM
    subject: str  # mailto: or https:, where a push service reaches us
    allowed_hosts: tuple[str, ...] = DEFAULT_ALLOWED_HOSTS
    allow_loopback: bool = False
    trusted_prefix: str = ""
    ca_file: str = ""
    deadline: float = 10
    per_origin: int = 32
    in_flight: int = 200

    def __post_init__(self) -> None:
        # Without a path, "http://127.0.0.1:8000" would also trust "http://127.0.0.1:8000@elsewhere.example/".
        if self.trusted_prefix and not (self.trusted_prefix.count("/") > 3 and self.trusted_prefix.endswith("/")):
            raise ValueError(f"trusted_prefix is {self.trusted_prefix!r}; it must have a path that ends with a slash")
