"""Reads a URL that anybody may have posted and that we shall connect to, and refuses all that lead elsewhere."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from notifier.policy.addresses import is_loopback

LONGEST = 2048  # characters

_PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII without space, controls and backslash
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOT_SEGMENT = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_PORTS = {"https": 443, "http": 80}


class BadEndpoint(ValueError):
    """A URL that nothing of ours will ever connect to. The message says what would be right."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is allowed. `allowed_hosts` are exact names or `*.suffix`; `*` is any host with public addresses.

    `allow_loopback` lifts the rules on scheme, port and address literals for this machine alone, and `trusted_prefix`
    does the same for URLs that start with exactly it: both are for development. `what` names the URL to its sender, and
    `who` the host.
    """

    allowed_hosts: tuple[str, ...] = ("*",)
    allow_loopback: bool = False
    trusted_prefix: str = ""
    what: str = "address"
    who: str = "a host"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect and what to ask for there. `loopback`: this machine, and nothing else, is allowed."""

    scheme: str
    host: str
    port: int
    target: str  # path and query as posted
    loopback: bool = False

    @property
    def authority(self) -> str:
        """The host, with the port where it is not the scheme's own (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash at the end (RFC 6454, 6.2)."""
        return f"{self.scheme}://{self.authority}"


def read_endpoint(url: str, rules: Rules) -> Endpoint:
    """Check the URL by everything that can be said without asking the DNS. Raises `BadEndpoint`."""
    parts = _split(url, rules.what)
    host = (parts.hostname or "").removesuffix(".")
    target = url.split("://", 1)[1].removeprefix(parts.netloc)
    target = target if target.startswith("/") else f"/{target}"
    if _lifted(url, host, rules):
        return Endpoint(parts.scheme, host, parts.port or _PORTS[parts.scheme], target, loopback=True)
    if parts.scheme != "https" or parts.port not in (None, 443):
        raise BadEndpoint(f"The {rules.what} must be an https URL on port 443.")
    if not _is_name(host):
        raise BadEndpoint(f"The {rules.what}'s host must be a name such as fcm.googleapis.com, not an address.")
    if not _allowed(host, rules.allowed_hosts):
        raise BadEndpoint(f"{host} is not {rules.who} that is allowed here.")
    return Endpoint("https", host, 443, target)


def origin_of(url: str) -> str:
    """The origin of an endpoint that was checked before."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    return Endpoint(parts.scheme, host, parts.port or _PORTS[parts.scheme], target="/").origin


def _split(url: str, what: str) -> SplitResult:
    # The raw text is looked at first: urlsplit silently drops tabs and line breaks.
    if not 0 < len(url) <= LONGEST or not _PRINTABLE.fullmatch(url):
        said = f"1 to {LONGEST} printable ASCII characters, without a backslash"
        raise BadEndpoint(f"The {what} must be a URL of {said}.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadEndpoint(f"The {what} is not a URL.") from error
    if parts.scheme not in _PORTS or not url[len(parts.scheme) :].startswith("://") or not parts.hostname or port == 0:
        raise BadEndpoint(f"The {what} must be an https URL with a host.")
    if "@" in parts.netloc or "#" in url:
        raise BadEndpoint(f"The {what} must have no user name and no fragment.")
    return parts


def _lifted(url: str, host: str, rules: Rules) -> bool:
    if rules.trusted_prefix and url.startswith(rules.trusted_prefix):
        if _DOT_SEGMENT.search(url.split("://", 1)[1].split("?", 1)[0]):
            raise BadEndpoint(f"The {rules.what}'s path must have no dot segments.")
        return True
    return rules.allow_loopback and _is_this_machine(host)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return is_loopback(host)
    except ValueError:
        return False


def _is_name(host: str) -> bool:
    # A last label that is a number makes the whole an IPv4 address in some spelling (WHATWG URL, 3.5).
    labels = host.split(".")
    if len(labels) < 2 or len(host) > 253 or _NUMBER.fullmatch(labels[-1]):
        return False
    return all(_LABEL.fullmatch(label) for label in labels)


def _allowed(host: str, patterns: tuple[str, ...]) -> bool:
    return any(
        pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:])) for pattern in patterns
    )
