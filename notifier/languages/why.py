"""Why somebody gets a message, said to themselves."""

from notifier.languages.text import message
from notifier.policy.why import Part, Waited

PARTS = {
    Part.OWNER: message("This is about %(thing)s."),
    Part.ANSWERED: message("This answers something of yours."),
    Part.SUBJECT: message("This is about you."),
    Part.MENTIONED: message("You are mentioned in it."),
    Part.NAMED: message("You were named as the one to tell."),
    Part.FOLLOWER: message("You follow the one who did this."),
    Part.EVERYONE: message("This is told to everyone."),
}
WAITED = {
    Waited.GATHER: message("It was gathered for a while, so that several things become one message."),
    Waited.QUIET_HOURS: message("It was held until your quiet hours ended."),
    Waited.PAUSE: message("It was held while you had paused everything."),
    Waited.CAP: message("It was held because you had many messages in that hour."),
    Waited.DIGEST: message("It waited for your digest."),
    Waited.RENDITION: message("It waited for the picture."),
}
