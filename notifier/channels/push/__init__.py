"""Web Push: tells people through their browsers, also while the app is closed.

settings        what the channel needs to be told
subscriptions   a browser's subscription, checked by endpoints (the URL); addresses: where one may connect
keys            our identity (VAPID)
payload         the words as JSON; messages: the rendered push; encoder: its encryption
channel         the Channel itself; loop and sender: its event loop and what runs there
transport       connections; replies: the answers on them; answers: what those mean
"""

from notifier.channels.push.channel import PushChannel
from notifier.channels.push.keys import check_vapid, key_id, new_private_key, public_key
from notifier.channels.push.messages import Push
from notifier.channels.push.settings import DEFAULT_ALLOWED_HOSTS, PushSettings
from notifier.channels.push.subscriptions import Subscription, parse_subscription

__all__ = [
    "DEFAULT_ALLOWED_HOSTS",
    "Push",
    "PushChannel",
    "PushSettings",
    "Subscription",
    "check_vapid",
    "key_id",
    "new_private_key",
    "parse_subscription",
    "public_key",
]
