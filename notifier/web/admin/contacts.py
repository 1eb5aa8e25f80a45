"""Addresses as the admin pages show them: whole to those who act, masked to those who look."""

import re
from dataclasses import dataclass

from flask import g

from notifier.channels import Address
from notifier.store.admins import Role
from notifier.store.directory import ACTIVE, SUPPRESSED, Contact
from notifier.web.parts import parts


@dataclass(frozen=True, slots=True)
class Shown:
    """One address with what may be shown of it to this admin; `why` it is gone, in the provider's words or ours."""

    contact: Contact
    address: str
    why: str

    @property
    def is_active(self) -> bool:
        return self.contact.state == ACTIVE

    @property
    def is_suppressed(self) -> bool:
        return self.contact.state == SUPPRESSED


def shown(contact: Contact) -> Shown:
    """The address as the signed-in admin may see it."""
    whole, masked = address_of(contact, whole=True), address_of(contact)
    if may_see_addresses():
        return Shown(contact, whole, contact.gone_why)
    # Providers repeat the address in what they answer.
    why = re.sub(re.escape(whole), lambda _: masked, contact.gone_why, flags=re.IGNORECASE) if whole else ""
    return Shown(contact, masked, why or contact.gone_why)


def address_of(contact: Contact, *, whole: bool = False) -> str:
    """The address, `whole` or masked; empty where its person took it back."""
    if not contact.value:
        return ""
    show = parts().named if whole else parts().masked
    return show(contact.channel, Address(contact.id, contact.value))


def may_see_addresses() -> bool:
    """Whether the signed-in admin sees whole addresses."""
    return may(Role.OPERATOR)


def may(role: Role) -> bool:
    """Whether the signed-in admin has this role or a larger one."""
    account_role: Role = g.admin.role
    return account_role.includes(role)
