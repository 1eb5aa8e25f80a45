"""What is not there any more: an id tells when it was made, and the settings how long such things are kept."""

from notifier.store.types import moment_of
from notifier.web.parts import parts
from notifier.web.problems import Problem


def no_event(id: str) -> Problem:
    """There is no such event; where it was purged, the answer says so."""
    return _problem("event", id, parts().retention.gone_event(moment_of(id), parts().clock()))


def no_delivery(id: str) -> Problem:
    """There is no such delivery; where it may have been purged, the answer says so."""
    return _problem("delivery", id, parts().retention.gone_delivery(moment_of(id), parts().clock()))


def _problem(what: str, id: str, gone: str) -> Problem:
    return Problem(404, "not-found", f"There is no {what} {id}. {gone}".rstrip())
