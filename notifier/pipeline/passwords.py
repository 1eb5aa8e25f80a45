"""Hashes passwords and compares them (argon2id), at the same cost whether or not there is one to compare with."""

import secrets
import threading
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from notifier.policy.passwords import LONGEST, plain

# What OWASP asks for at least: 19 MiB and two rounds, 20 ms. The 64 MiB of RFC 9106, once for each thread, would be
# more than the rest of the web process.
MEMORY_KIB = 19 * 1024
ROUNDS = 2
AT_ONCE = 2  # hashes in one process; others wait, so that strangers cannot fill the memory


class Passwords:
    """Safe to use from many threads."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=1)
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def hashed(self, password: str) -> str:
        """What is kept of the password."""
        with self._slots:
            return self._hasher.hash(plain(password))

    def fits(self, password: str, kept: str) -> bool:
        """Whether it is the password of which this was kept; never where nothing was, after the same work."""
        nobodys = self._nobodys
        # One that is longer than any of ours cannot fit; its first part is compared for the time that it takes.
        fits = self._compare(plain(password[: LONGEST + 1]), kept or nobodys)
        return fits and bool(kept)

    def is_dated(self, kept: str) -> bool:
        """Whether this was made at another cost than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _compare(self, password: str, kept: str) -> bool:
        try:
            with self._slots:
                return self._hasher.verify(kept, password)
        except VerificationError:
            return False

    @cached_property
    def _nobodys(self) -> str:
        return self.hashed(secrets.token_urlsafe())
