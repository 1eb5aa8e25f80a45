"""The filter of the delivery log as a page's address says it: read, put into words, and written into addresses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlencode

from flask import abort, request, session
from werkzeug.datastructures import MultiDict

from notifier.store.log import Filter
from notifier.web.deliveries import LogQuery, filter_of, log_query
from notifier.web.parts import parts
from notifier.web.problems import Problem

WINDOWS = {"1h": ("last hour", 1), "24h": ("last 24 hours", 24), "7d": ("last 7 days", 168), "all": ("all times", 0)}
USUAL = "24h"
# Whoever names one thing wants to find it, however old it is.
NAMED = ("q", "user", "event", "digest", "since", "until")
FIELDS = {*LogQuery.model_fields, "window"} - {"cursor", "limit"}
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")  # as a browser's datetime-local says it

Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: the API's own query, and the time window of the page."""

    query: LogQuery
    window: str
    filter: Filter
    fields: Values  # of the address, without its place in the log

    @property
    def is_usual(self) -> bool:
        """Whether nothing was chosen."""
        return not any(name != "window" for name in self.fields) and self.window == USUAL

    @property
    def address(self) -> str:
        """The filter as the query of an address."""
        return urlencode([(name, value) for name, values in self.fields.items() for value in values])

    def with_(self, **changed: str) -> str:
        """The same with these fields changed; an empty one is left out."""
        rest = [(name, value) for name, values in self.fields.items() if name not in changed for value in values]
        return urlencode([*rest, *((name, value) for name, value in changed.items() if value)])

    @property
    def words(self) -> str:
        """The filter as a person would say it."""
        query = self.query
        states = " or ".join(query.state)
        head = " ".join(filter(None, (states, " or ".join(query.channel), "deliveries")))
        said: list[tuple[str, Sequence[str]]] = [
            ("of the type", query.type),
            ("because", query.reason),
            ("answered", query.code),
            ("of", [query.user]),
            ("by the app", [query.app]),
            ("telling of", [query.event]),
            ("in", [query.digest]),
            ("found by", [query.q]),
        ]
        tail = [f"{what} {' or '.join(values)}" for what, values in said if any(values)]
        whole = f"{' '.join([head, *tail])}, {self._when()}"
        return whole[0].upper() + whole[1:]

    def _when(self) -> str:
        since, until = self.query.since, self.query.until
        if since or until:
            return " ".join([f"since {since:%F %R}" if since else "", f"until {until:%F %R}" if until else ""]).strip()
        return WINDOWS[self.window][0]


def asked(given: "MultiDict[str, str] | None" = None) -> Asked:
    """What the request's address asks for, or another one's. Raises a problem that names each wrong field."""
    values = {name: [one.strip() for one in all_ if one.strip()] for name, all_ in (given or request.args).lists()}
    fields = {
        name: all_ for name, all_ in values.items() if all_ and (name in LogQuery.model_fields or name == "window")
    }
    place = fields.pop("cursor", None)
    fields.pop("limit", None)
    for name in ("since", "until"):
        fields |= {name: [_moment(one) for one in fields[name]]} if name in fields else {}
    query = log_query(
        {name: all_ for name, all_ in fields.items() if name != "window"} | ({"cursor": place} if place else {})
    )
    window = _window(fields)
    found = filter_of(query)
    hours = WINDOWS[window][1]
    if hours and not (found.since or found.until):
        found = replace(found, since=parts().clock() - timedelta(hours=hours))
    return Asked(query, window, found, fields)


def asked_or_refused(given: "MultiDict[str, str] | None" = None) -> Asked:
    """The same where no form is shown that could say what is wrong: a page that does."""
    try:
        return asked(given)
    except Problem as problem:
        abort(422, problem.detail)


def _window(fields: Values) -> str:
    """The window that is asked for, or that this browser asked for last."""
    chosen = fields.get("window", [""])[-1]
    if chosen in WINDOWS:
        session["log_window"] = chosen
        return chosen
    if any(name in fields for name in NAMED):
        return "all"
    remembered = session.get("log_window", USUAL)
    return remembered if remembered in WINDOWS else USUAL


def _moment(text: str) -> str:
    """A browser's time, which is meant in UTC as all times on these pages are."""
    return f"{text}:00Z" if _LOCAL.fullmatch(text) else text
