"""Encrypts a payload for one browser (RFC 8291), with pywebpush's encoder."""

import threading
from typing import Any

LARGEST = 3993  # octets of plaintext: the most that a push service must take, 4096, less what encryption adds

_own = threading.local()


def encrypted(plaintext: bytes, *, p256dh: bytes, auth: bytes) -> bytes:
    """The body of the push: one record, with a new key pair and a new salt each time (RFC 8291, 3.1).

    Raises `ValueError` for keys that are none and for more than `LARGEST` octets, where the encoder would
    silently make two records, which browsers refuse.
    """
    if len(plaintext) > LARGEST:
        raise ValueError(f"{len(plaintext)} octets of payload; at most {LARGEST} fit into one push")
    pusher = _pusher()
    # Set as octets: the constructor would decode them from text for every push.
    pusher.receiver_key, pusher.auth_key = p256dh, auth
    body: bytes = pusher.encode(plaintext)["body"]
    return body


def _pusher() -> Any:
    """This thread's encoder: it holds the keys of the push in hand, so that no two threads may share one."""
    if not hasattr(_own, "pusher"):
        # Late: 30 to 36 MB and 0.3 s that only a process which sends needs.
        from pywebpush import WebPusher

        _own.pusher = WebPusher({"endpoint": ""})
    return _own.pusher
