"""What the demo says at its end: what became of this run, and where to look."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from notifier.cli.demo.run import Run
from notifier.cli.group import to_type
from notifier.policy.words import UNFINISHED, Reason, State
from notifier.store.standing import Standing

ORDER = (State.SENT, State.BOUNCED, State.WAITING, State.QUEUED, State.SENDING, State.SKIPPED, State.CANCELLED)


def closing(run: Run, standing: Sequence[Standing], url: str) -> str:
    """The closing lines."""
    return "\n\n".join(part for part in (_counts(run, standing), _links(run, standing, url), _later(standing)) if part)


def after_scenes(url: str, event: str, scene: str) -> str:
    """The lines after the scenes: `event` is one of the last, of the scene of that name."""
    rows = [
        ("Mailbox", f"{url}/dev/mail"),
        ("Pushes", f"{url}/dev/push"),
        ("Ask why", to_type("why", event)),
        ("One scene", to_type("demo", "--scene", scene)),
    ]
    return _table(rows)


def _counts(run: Run, standing: Sequence[Standing]) -> str:
    total = sum(one.count for one in standing)
    lines = [f"{len(run.events):,} events → {total:,} deliveries: {', '.join(_states(standing)) or 'none yet'}"]
    if run.twice:
        lines.append(f"  {run.twice} more were posted a second time, and taken once: same webhook-id, same event.")
    if run.own:
        lines.append(f"  {run.own} were people's own acts, of which they do not hear.")
    if run.unplanned:
        lines.append(f"  {run.unplanned} are stored and not planned yet. Do workers run? {to_type('doctor')}")
    if run.refused:
        lines.append(f"  {len(run.refused)} were refused; the first: {run.refused[0]}")
    return "\n".join(lines)


def _states(standing: Sequence[Standing]) -> list[str]:
    """`371 sent`, `12 waiting (3 gathering, 9 digest)`: one text for each state that occurs."""
    texts = []
    for state in (*ORDER, State.FAILED):
        found = [one for one in standing if one.state == state]
        if found:
            texts.append(f"{sum(one.count for one in found):,} {state}{_reasons(found)}")
    return texts


def _reasons(found: Sequence[Standing]) -> str:
    reasons = [one for one in found if one.reason]
    if len(found) == 1 and reasons:
        return f" ({reasons[0].reason})"
    return f" ({', '.join(f'{one.count:,} {one.reason}' for one in reasons)})" if reasons else ""


def _links(run: Run, standing: Sequence[Standing], url: str) -> str:
    since = run.began_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    log = f"{url}/admin/deliveries?"
    rows = [("Deliveries", log + urlencode({"since": since}))]
    if any(one.state == State.FAILED for one in standing):
        rows.append(("Failed", log + urlencode({"since": since, "state": "failed"})))
        rows.append(("Once more", to_type("retry", "--since", since)))
    rows += [("Mailbox", f"{url}/dev/mail"), ("Pushes", f"{url}/dev/push")]
    if run.events:
        rows.append(("One event", to_type("why", run.events[-1])))
    rows += [("The books", to_type("books")), ("To sign in", to_type("admins", "create", run.admin, "--role", "owner"))]
    return _table(rows)


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"  {name:11} {what}" for name, what in rows)


def _later(standing: Sequence[Standing]) -> str:
    """What is still to come, and when."""
    says = {
        Reason.GATHERING: "wait a little, so that several likes or follows become one message; the last goes out",
        Reason.RETRY: "failed once and are tried again; the next",
        Reason.PAUSED: "wait because their provider asked for a pause; the next goes out",
        Reason.RENDITION: "wait for the picture or video of their post; the first goes out",
        Reason.CAPPED: "are over their people's caps and wait to come as one message; the first goes out",
        Reason.QUIET_HOURS: "wait for the end of quiet hours; the first goes out",
        Reason.SNOOZED: "wait because their people have paused everything; the first goes out",
        Reason.DIGEST: "wait for their people's digest hour; the first goes out",
    }
    lines = []
    for one in standing:
        due = one.last_due if one.reason == Reason.GATHERING else one.first_due
        if one.state in UNFINISHED and one.reason in says and due:
            lines.append(f"  {one.count:,} {says[one.reason]} {_in(due)}.")
    return "\n".join(lines)


def _in(due: datetime) -> str:
    seconds = (due - datetime.now(UTC)).total_seconds()
    if seconds < 1:
        return "now"
    if seconds < 180:
        return f"in {seconds:.0f} s"
    return f"at {due:%F %H:%M} UTC"
