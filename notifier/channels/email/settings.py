"""How to reach the mail relay, and in whose name mail goes out."""

import ssl
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address

from notifier.channels.email.addresses import parse_email
from notifier.policy.events import one_line


@dataclass(frozen=True)
class EmailSettings:
    """The mail settings, checked.

    `sender` is an address with or without a name: `Acme <news@acme.example>`. `use_tls` None means STARTTLS, required
    and verified, unless the relay is on this machine; True requires it there too; False sends in clear, but never a
    password. `use_ssl` is TLS from the first octet (port 465). `ca_file` is trusted besides the system's authorities.
    Raises `BadAddress` for the sender, `ValueError` for what contradicts itself.
    """

    server: str
    port: int
    sender: str
    use_tls: bool | None = None
    use_ssl: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    site: str = "Notifier"  # stands in From where the sender has no name
    list_host: str = ""  # right side of Message-ID and List-ID; empty: the sender's domain
    suppress: bool = False  # Flask-Mail's MAIL_SUPPRESS_SEND: all but the sending
    max_connections: int = 10  # of the whole process
    longest_idle: float = 30.0  # seconds; relays hang up on the idle after a minute or more
    oldest_connection: float = 300.0  # seconds: relays move, certificates change
    most_mails: int = 100  # over one connection; many relays stop there
    connect_timeout: float = 10.0  # seconds, each
    command_timeout: float = 30.0
    content_timeout: float = 120.0  # from the final dot to the answer: the relay may scan meanwhile

    def __post_init__(self) -> None:
        if self.use_ssl and self.use_tls:
            raise ValueError("MAIL_USE_SSL is TLS from the start and MAIL_USE_TLS is STARTTLS: set one of them.")
        if min(self.max_connections, self.most_mails) < 1:
            raise ValueError("max_connections and most_mails must be at least 1, or nothing could be sent.")
        _ = self.sender_address  # a wrong sender stops the start, not the first mail
        if self.ca_file:
            _check_ca_file(self.ca_file)

    @cached_property
    def sender_address(self) -> str:
        """The bare address: envelope sender, and between the angle brackets of From."""
        return parse_email(self.sender.rpartition("<")[2].rstrip("> ") if "<" in self.sender else self.sender)

    @cached_property
    def brand(self) -> str:
        """The name that mail goes out under."""
        name = self.sender.rpartition("<")[0].strip()
        return one_line(name.strip('"').replace('\\"', '"')) or self.site

    @cached_property
    def host(self) -> str:
        """The right side of Message-ID and List-ID, and our name in EHLO."""
        return self.list_host or self.sender_address.rpartition("@")[2]

    @cached_property
    def origin(self) -> str:
        return f"smtp://{self.server}:{self.port}"

    @cached_property
    def is_loopback(self) -> bool:
        """Whether the relay is on this machine, so that nobody listens in between."""
        if self.server == "localhost":
            return True
        try:
            return ip_address(self.server).is_loopback
        except ValueError:
            return False

    @cached_property
    def needs_starttls(self) -> bool:
        if self.use_ssl:
            return False
        return not self.is_loopback if self.use_tls is None else self.use_tls


def _check_ca_file(path: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise ValueError(f"MAIL_CA_FILE {path} must be a PEM file of certificates: {error}.") from error
