"""What fields may hold, wherever they come from: how long they are, and what is an id or a web address."""

import re
from urllib.parse import urlsplit

ID = 255
NAME = 512
APP_NAME = 64
CONTENT = 64 * 1024
URL = 2_048
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # no half of a surrogate pair is a character
_ASSET = re.compile(r"ast_[0-9a-f]{32}")
_WEB = re.compile(r"https?://[^/?#\s]", re.IGNORECASE)


def has_controls(text: str) -> bool:
    """Whether there are control characters in the text."""
    return not text.isprintable() and _CONTROL.search(text) is not None


def id_fault(text: str) -> str:
    """Why the text cannot be an id; empty where it can."""
    if not 1 <= len(text) <= ID:
        return f"must have 1 to {ID} characters"
    return "must not hold control characters" if _CONTROL.search(text) else ""


def app_name_fault(text: str) -> str:
    """Why no app can have this name; empty where one can."""
    if 1 <= len(text) <= APP_NAME and text == text.strip() and not has_controls(text):
        return ""
    return f"must have 1 to {APP_NAME} characters, without control characters"


def is_web_address(text: str) -> bool:
    """Whether it is an http or https address, without control characters."""
    return not has_controls(text) and _WEB.match(text) is not None and _splits(text)


def is_asset_id(text: str) -> bool:
    """Whether it is the id of an asset, of one that may not exist."""
    return _ASSET.fullmatch(text) is not None


def _splits(text: str) -> bool:
    if text.isascii() and "[" not in text and "]" not in text:
        return True  # what else could be wrong with its host, the pattern has seen
    try:
        return bool(urlsplit(text).netloc)
    except ValueError:  # its own words repeat what was given
        return False
