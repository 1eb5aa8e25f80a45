"""Which passwords are good enough: long, not the e-mail address over again, and none of those that everybody tries."""

import unicodedata
from itertools import pairwise

SHORTEST = 12  # characters
LONGEST = 256
VARIED = 5  # different characters at least
_LOCAL = 4  # a shorter first part of an address stands in many words by chance
# Also in the middle of a longer one, as far as little is left beside them.
_WORN = (
    "password", "passwort", "passw0rd", "p@ssw0rd", "contraseña", "senha", "letmein", "welcome", "iloveyou", "changeme",
    "trustno1", "qwerty", "qwertz", "azerty", "asdfgh", "1q2w3e4r", "zaq12wsx", "abcdef", "123456", "654321", "111111",
    "000000", "admin", "administrator", "secret", "dragon", "monkey", "football", "baseball", "notifier",
)  # fmt: skip
_LEFT = 6  # characters beside those, at least


def plain(password: str) -> str:
    """The password as it is compared: the same, whichever way the keyboard composed its letters."""
    return unicodedata.normalize("NFKC", password)


def password_fault(password: str, email: str) -> str:
    """What is wrong with a new password and what would be right, as a sentence; empty where nothing is."""
    password = plain(password)
    if len(password) < SHORTEST:
        return f"The password must have at least {SHORTEST} characters: a few words in a row are easy to remember."
    if len(password) > LONGEST:
        return f"The password must have at most {LONGEST} characters."
    if len(set(password)) < VARIED:
        return f"The password must have at least {VARIED} different characters."
    if _repeats(email, password):
        return "The password must not contain the e-mail address: it is the first thing that anybody tries."
    if _is_worn(password):
        return "This is a password that everybody tries. A few words that do not belong together are a good one."
    return ""


def _repeats(email: str, password: str) -> bool:
    local, said = email.partition("@")[0].casefold(), password.casefold()
    return email.casefold() in said or (len(local) >= _LOCAL and local in said)


def _is_worn(password: str) -> bool:
    rest = password.casefold()
    for worn in _WORN:
        rest = rest.replace(worn, "")
    return len(rest) < _LEFT or rest.isdigit() or _is_a_row(rest)


def _is_a_row(text: str) -> bool:
    """Whether each character is the neighbour of the one before, as in `abcdefghijkl` and `987654321098`."""
    steps = {abs(ord(one) - ord(other)) for one, other in pairwise(text)}
    return steps <= {0, 1, 9}
