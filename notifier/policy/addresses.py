"""Which network addresses may be connected to for a stranger: public ones, whatever the name claims (against SSRF)."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# `is_global` calls some of these public (Python 3.11): special purposes, translations and tunnels that carry
# another address inside (RFC 6890, 6052, 8215, 3056), documentation (RFC 9637), segment routing (RFC 9602).
_REFUSED = tuple(
    ip_network(block)
    for block in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)


class NotPublic(Exception):
    """A name led to an address where nothing of ours may connect."""


def is_public(address: str) -> bool:
    """Whether the address literal belongs to the public internet and to one machine there."""
    ip = _unwrapped(address)
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    return not any(ip in block for block in _REFUSED)


def is_loopback(address: str) -> bool:
    """Whether the address literal means this machine: 127.0.0.0/8 or ::1."""
    return _unwrapped(address).is_loopback


def checked(addresses: Sequence[str], *, loopback: bool) -> list[str]:
    """The addresses to connect to, each once, if every one is allowed: one bad address spoils the name.

    Raises `NotPublic`. `loopback` allows this machine, and then nothing else.
    """
    allowed = is_loopback if loopback else is_public
    for address in addresses:
        if not allowed(address):
            raise NotPublic(f"the name leads to an address that is not {'this machine' if loopback else 'public'}")
    return list(dict.fromkeys(addresses))


def _unwrapped(address: str) -> IPv4Address | IPv6Address:
    ip = ip_address(address)
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip
