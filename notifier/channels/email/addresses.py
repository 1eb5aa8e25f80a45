"""Mail addresses: which ones can be sent to, how they are stored, and how much of them is shown."""

import re
import unicodedata

import idna

from notifier.channels import BadAddress

OCTETS = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
_LOCAL_OCTETS = 64
# RFC 5322 atoms; beyond ASCII whatever prints (RFC 6531). Quoted local parts exist on paper only.
_LOCAL = re.compile(
    r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f])+(?:\.(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f])+)*"
)
_STORED = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def parse_email(text: str) -> str:
    """The address as it is stored and sent to: the domain in lower-case ASCII (IDNA 2008), the rest untouched.

    A local part beyond ASCII is kept; it needs a relay that speaks SMTPUTF8. Raises `BadAddress`.
    """
    text = text.strip()
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise BadAddress("A mail address looks like bob@app.example.")
    if not text.isprintable() or len(text) > OCTETS:
        raise BadAddress(f"A mail address is at most {OCTETS} octets of printable characters, without line breaks.")
    local = unicodedata.normalize("NFC", local)
    if not _LOCAL.fullmatch(local) or len(local.encode()) > _LOCAL_OCTETS:
        raise BadAddress(
            f"Before the @ stand at most {_LOCAL_OCTETS} octets: letters, digits and !#$%&'*+/=?^_`{{|}}~- with single"
            " dots between them, without spaces and quotes."
        )
    address = f"{local}@{_domain(domain)}"
    if len(address.encode()) > OCTETS:
        raise BadAddress(f"A mail address is at most {OCTETS} octets long.")
    return address


def sendable(stored: str) -> str:
    """The address to send to, for one that was stored. Raises `BadAddress`."""
    return stored if len(stored) <= OCTETS and _STORED.fullmatch(stored) else parse_email(stored)


def masked(value: str) -> str:
    """The address as logs and answers may show it: its first character and its domain."""
    local, _, domain = value.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def _domain(domain: str) -> str:
    try:
        ascii_ = idna.encode(domain, uts46=True, std3_rules=True).decode().lower()
    except idna.IDNAError as error:
        raise BadAddress("After the @ stands a domain name like app.example.") from error
    if ascii_ == "localhost":  # a machine of one's own
        return ascii_
    if "." not in ascii_.strip(".") or ascii_.endswith(".") or ascii_.rpartition(".")[2].isdigit():
        raise BadAddress("After the @ stands a whole domain name like app.example, not a host or a number.")
    return ascii_
