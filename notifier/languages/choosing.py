"""What people choose from: how often and on which channel, in words for them."""

from notifier.languages.text import message
from notifier.policy.words import Cadence

OFTEN = {
    Cadence.OFF: message("Off"),
    Cadence.INSTANT: message("At once"),
    Cadence.HOURLY: message("Every hour"),
    Cadence.DAILY: message("Every day"),
    Cadence.WEEKLY: message("Every week"),
}
WAYS = {"email": message("Email"), "push": message("Push")}
