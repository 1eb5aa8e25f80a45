"""The first admin page: whether all is well, what was sent lately, how fast, and what failed most."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from notifier.pipeline.pulse import is_stale
from notifier.pipeline.scheduled import heard
from notifier.policy import pace
from notifier.policy.words import State
from notifier.store.admins import Admins, Role
from notifier.store.books import COLUMNS
from notifier.store.dead import DeadLetters
from notifier.store.lag import overdue_since
from notifier.store.log import Filter, Log
from notifier.store.recent import ACCEPTED, SLOT, Recent, RecentFigures, slot_of, start_of
from notifier.store.snapshots import LastBooks
from notifier.store.standings import FirstSteps, dismiss_first_steps, first_steps, oldest_queued
from notifier.web.admin.dead import log_address
from notifier.web.admin.deliveries import row_of
from notifier.web.admin.guard import admins_only
from notifier.web.parts import parts

bp = Blueprint("admin_overview", __name__, url_prefix="/admin")

SWEPT = timedelta(seconds=15)  # the sweep comes every second; more than this is no coincidence
BEGUN = timedelta(seconds=60)  # what is to go out now and was not begun in this time
PILE = 1_000  # events without a plan
CAUSES, LATEST = 5, 10
LOOKED_AT = 2_000  # dead letters


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time and its bars: `length` characters of a slot's name tell one bar from the next."""

    name: str
    words: str
    lasts: timedelta
    bar: timedelta
    length: int


WINDOWS = {
    window.name: window
    for window in (
        Window("1h", "last hour", timedelta(hours=1), SLOT, 16),
        Window("24h", "last 24 hours", timedelta(hours=24), timedelta(hours=1), 13),
        Window("7d", "last 7 days", timedelta(days=7), timedelta(days=1), 10),
    )
}
USUAL = WINDOWS["24h"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong, and what to do about it."""

    says: str
    do: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: the time at which it begins, and its counts by where deliveries stand in the books."""

    start: str
    delivered: int = 0
    failed: int = 0
    waiting: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        return self.delivered + self.failed + self.waiting + self.other


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of one channel, oldest first."""

    channel: str
    bars: tuple[Bar, ...]

    @property
    def tallest(self) -> int:
        return max((bar.total for bar in self.bars), default=0)

    def sum(self, name: str) -> int:
        """All bars' count of one kind."""
        return sum(getattr(bar, name) for bar in self.bars)


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of a window."""

    events: int
    sent: int
    failed: int
    p50: float | None
    p95: float | None
    prompt: float | None  # the share within `pace.PROMPT` seconds
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do first, where to do it, and whether it is done."""

    words: str
    done: bool
    url: str = ""
    command: str = ""


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str:
    """Whether all is well, and what was sent lately."""
    window, now = _window(), parts().clock()
    last = parts().pulse.last_books()
    with parts().database.read() as connection:
        causes = DeadLetters(connection).groups(now - window.lasts, LOOKED_AT)[:CAUSES]
        said = Log(connection).last_texts([group.last for group in causes])
        return render_template(
            "admin/overview.html",
            window=window,
            windows=WINDOWS.values(),
            now=now,
            figures=_figures(connection, window, now),
            last=last,
            troubles=list(_troubles(connection, last, now)),
            causes=[(group, said.get(group.last, ""), log_address(group)) for group in causes],
            latest=[row_of(entry) for entry in Log(connection).rows(Filter(), LATEST)],
            steps=_steps(first_steps(connection), last),
            may_own=g.admin.role.includes(Role.OWNER),
        )


@bp.post("/books")
@admins_only(Role.OPERATOR)
def count_books() -> AnyResponse:
    """Count the books now."""
    last = parts().pulse.count_books()
    with parts().database.write() as connection:
        Admins(connection).note(g.admin.email, "books.count", f"unaccounted: {last.books.unaccounted}", last.at)
    flash(f"Counted in {last.ms} ms: {last.books.unaccounted} unaccounted for.")
    return redirect(url_for("admin_overview.page"))


@bp.post("/first-steps/dismiss")
@admins_only(Role.OWNER)
def dismiss() -> AnyResponse:
    """Show the first steps no more."""
    now = parts().clock()
    with parts().database.write() as connection:
        dismiss_first_steps(connection, now)
        Admins(connection).note(g.admin.email, "first_steps.dismiss", "", now)
    flash("The first steps are not shown any more.")
    return redirect(url_for("admin_overview.page"))


def _window() -> Window:
    """The window that is asked for, or was last."""
    chosen = request.args.get("window", "") or session.get("overview_window", "")
    if chosen in WINDOWS and chosen != session.get("overview_window"):
        session["overview_window"] = chosen
    return WINDOWS.get(chosen, USUAL)


def _figures(connection: Connection, window: Window, now: datetime) -> Figures:
    figures, start = RecentFigures(connection), slot_of(now - window.lasts)
    recent, paces = figures.since(start, window.length), figures.paces(start)
    charts = tuple(_charts([one for one in recent if one.channel], window, now))
    return Figures(
        events=sum(one.count for one in recent if one.state == ACCEPTED),
        sent=sum(chart.sum("delivered") for chart in charts),
        failed=sum(chart.sum("failed") for chart in charts),
        p50=pace.quantile(paces, 0.5),
        p95=pace.quantile(paces, 0.95),
        prompt=pace.within(paces),
        charts=charts,
    )


def _charts(recent: Sequence[Recent], window: Window, now: datetime) -> Iterator[Chart]:
    starts = _starts(window, now)
    for channel in sorted({one.channel for one in recent}):
        counts: dict[str, dict[str, int]] = {start: {} for start in starts}
        for one in recent:
            if one.channel == channel and one.start in counts:
                stands = COLUMNS[State(one.state)]
                kind = stands if stands in ("delivered", "failed", "waiting") else "other"
                counts[one.start][kind] = counts[one.start].get(kind, 0) + one.count
        yield Chart(channel, tuple(Bar(start, **counts[start]) for start in starts))


def _starts(window: Window, now: datetime) -> list[str]:
    first, bars = slot_of(now - window.lasts), window.lasts // window.bar
    return [slot_of(start_of(first) + window.bar * number)[: window.length] for number in range(bars + 1)]


def _troubles(connection: Connection, last: LastBooks, now: datetime) -> Iterator[Trouble]:
    checks: tuple[Callable[[], Trouble | None], ...] = (
        _broker,
        lambda: _scheduler(connection, now),
        lambda: _workers(connection, now),
        lambda: _unplanned(connection),
        lambda: _books(last, now),
    )
    yield from (found for check in checks if (found := check()))


def _broker() -> Trouble | None:
    if parts().broker_answers():
        return None
    return Trouble(
        "The broker does not answer: events are still taken in, and go out when it is back.",
        "Is BROKER_URL right, and does the broker run? `notifier doctor` looks closer.",
    )


def _scheduler(connection: Connection, now: datetime) -> Trouble | None:
    state, since = heard(parts().scheduling.heartbeat(), now), overdue_since(connection, now)
    if state != "ok":
        return Trouble(f"The scheduler is {state}: retries and digests do not go out.", "Start it: notifier scheduler")
    if since and now - since > SWEPT:
        says = f"Something has been due since {since:%F %T} and was not taken up."
        return Trouble(says, "Look at the log of the scheduler.")
    return None


def _workers(connection: Connection, now: datetime) -> Trouble | None:
    since = oldest_queued(connection)
    if since is None or now - since <= BEGUN:
        return None
    says = f"Workers are silent or behind: a delivery has been queued since {since:%F %T}."
    return Trouble(says, "Do they run? More of them: notifier worker")


def _unplanned(connection: Connection) -> Trouble | None:
    if not Log(connection).unplanned_at_least(PILE):
        return None
    return Trouble(f"More than {PILE:,} events wait for their plan.", "Start more workers: notifier worker")


def _books(last: LastBooks, now: datetime) -> Trouble | None:
    if not last.books.balanced:
        says = f"The books do not balance: {last.books.unaccounted:,} deliveries are unaccounted for."
        return Trouble(says, "Count them again; if it stays, keep a backup and tell us.")
    if is_stale(last, now):
        return Trouble(f"Figures are as of {last.at:%F %T}: nobody counts.", "Is the schedule `pulse` paused?")
    return None


def _steps(done: FirstSteps, last: LastBooks) -> list[Step]:
    """What is to be done first; nothing where all of it is, or nobody wants to see it."""
    standing = parts().standing
    mailed = any(column.delivered for name, column in last.books.channels.items() if name not in standing)
    mails = "/dev/mail" if parts().catches_mail and parts().environment == "development" else ""
    steps = [
        Step("Send a first event", done.event, command="make demo"),
        Step("See the mail", mailed, url=mails),
        Step("Set your mail server: MAIL_SERVER in .env", not parts().catches_mail),
        Step("Create a key for your app", done.apps > 1, url="/admin/apps"),
        Step("Invite a second admin", done.admins > 1, url="/admin/admins"),
    ]
    return [] if done.dismissed or all(step.done for step in steps) else steps
