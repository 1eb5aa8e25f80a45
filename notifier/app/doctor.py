"""The doctor: looks at everything that the service stands on, and says what is wrong and what to do about it."""

import http.client
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kombu.utils.url import maybe_sanitize_url

from notifier.app.parts import Parts, WrongStorage, now
from notifier.channels.email.probe import relay_fault
from notifier.channels.push import check_vapid
from notifier.cli.tools import Finding, Level
from notifier.cli.upstream import connection_to
from notifier.media.storage import StorageAway
from notifier.media.videos import find_ffmpeg
from notifier.pipeline.scheduled import heard
from notifier.policy.queues import QUEUES
from notifier.store.database import DatabaseAway
from notifier.store.fallbacks import Fallbacks, Lack
from notifier.store.lag import backlogs, database_clock, newest_event_at, overdue_since
from notifier.store.pausing import Pauses
from notifier.store.schema import behind
from notifier.store.workers import Workers
from notifier.supervisor.lock import Running

if TYPE_CHECKING:
    from config import Settings

START = "Start it with: make run"
SWEPT = timedelta(seconds=15)  # the sweep comes every second; more than this is no coincidence
BEGUN = timedelta(seconds=60)  # a first try that nobody began in this time
SHOWN = 10  # missing messages
SKEW = timedelta(seconds=5)  # signatures bear five minutes, due times should bear less


@dataclass(frozen=True)
class Patient:
    """The service as it is found: `running` is the `notifier up` of this data folder, if there is one."""

    settings: "Settings"
    parts: Parts
    running: Running | None

    @property
    def is_elsewhere(self) -> bool:
        """Whether parts of the service may run on other machines, where we cannot look."""
        return self.running is None and bool(self.settings.BROKER_URL)


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding after the other."""
    database = _database(patient)
    answers = database.level == Level.OK
    yield database
    yield _asked("space", _space, patient, answers=answers)
    yield _broker(patient)
    yield _asked("workers", _workers, patient, answers=answers)
    yield _asked("scheduler", _scheduler, patient, answers=answers)
    yield _smtp(patient)
    yield _vapid(patient)
    yield _media(patient)
    yield _asked("clock", _clock, patient, answers=answers)
    yield _public_url(patient)
    yield _asked("languages", _languages, patient, answers=answers)


def _database(patient: Patient) -> Finding:
    database = patient.parts.database
    kind = "SQLite" if database.on_sqlite else "PostgreSQL"
    if database.is_missing:
        return Finding("database", Level.BAD, f"There is none in {patient.settings.DATA_DIR} yet.", START)
    try:
        with database.read() as connection:
            if behind(connection):
                return Finding("database", Level.BAD, f"{kind} lacks the newest schema.", "Run: notifier migrate")
    except DatabaseAway as error:
        return Finding("database", Level.BAD, f"{kind} does not answer: {error}.", "Is DATABASE_URL right?")
    return Finding("database", Level.OK, f"{kind} answers and has the newest schema.")


def _media(patient: Patient) -> Finding:
    """Where pictures and videos lie, and whether anything can make a film."""
    where = patient.settings.MEDIA_STORAGE or "The folder media"
    try:
        patient.parts.storage.check()
    except (StorageAway, WrongStorage) as error:
        return Finding("media", Level.BAD, f"{where} cannot be used: {error}.", "Are the MEDIA_ settings right?")
    ffmpeg = find_ffmpeg(patient.settings.FFMPEG_PATH)
    films = f"films are made by {ffmpeg}" if ffmpeg else "there is no ffmpeg, so that videos have no versions"
    heic = "HEIC is taken in" if patient.parts.media_limits.heic else "without pillow-heif HEIC is refused"
    return Finding("media", Level.OK, f"{where} can be used; {films}; {heic}.")


def _space(patient: Patient) -> Finding:
    found = patient.parts.purger.space()
    if found is None:
        return Finding("space", Level.OK, "PostgreSQL's autovacuum lets new rows take the place of what is purged.")
    says = f"The file has {found.octets / 1e6:,.1f} MB, {found.free / 1e6:,.1f} MB of them empty"
    if found.shrinks:
        return Finding("space", Level.OK, f"{says}; what is purged comes back.")
    do = "Run once, with room for another such file, while nobody minds waiting: notifier purge --vacuum"
    return Finding("space", Level.WARN, f"{says}; it was made before there was a purge, and cannot shrink.", do)


def _broker(patient: Patient) -> Finding:
    if patient.running is None and not patient.settings.BROKER_URL:
        return Finding("broker", Level.BAD, f"Nothing runs with the data in {patient.settings.DATA_DIR}.", START)
    url = maybe_sanitize_url(patient.parts.around.broker_url)
    if patient.parts.broker_answers():
        return Finding("broker", Level.OK, f"{url} answers.")
    says = f"{url} does not answer. Events are still taken in, and go out when it is back."
    return Finding("broker", Level.BAD, says, "Is BROKER_URL right, and does the broker run?")


def _workers(patient: Patient) -> Finding:
    with patient.parts.database.read() as connection:
        late = [one for one in backlogs(connection) if patient.parts.clock() - one.since > BEGUN]
    if late:
        waits = "; ".join(f"{one.queue}: {one.count:,}, since {one.since:%F %T} UTC" for one in late)
        level = Level.WARN if patient.running else Level.BAD
        return Finding("workers", level, f"Deliveries wait to be begun: {waits}.", "Start more: notifier worker")
    return _heard_of(patient) or _role(patient, "workers", "worker", "Nothing waits for one.")


def _heard_of(patient: Patient) -> Finding | None:
    """What the workers' own beats tell, on whatever machine; None where none was heard of, as before the first."""
    with patient.parts.database.read() as connection:
        crew, pauses = Workers(connection).crew(patient.parts.clock()), Pauses(connection).all()
    if not crew.alive and not (crew.silent and patient.running):
        return None
    says = f"{len(crew.alive)} {'is' if len(crew.alive) == 1 else 'are'} heard of. Nothing waits for one."
    if crew.silent:
        says += f" Silent: {'; '.join(f'{one.name} since {one.seen_at:%F %T} UTC' for one in crew.silent)}."
    if unserved := crew.unserved(list(QUEUES)):
        do = f"Start one: notifier worker --queues {','.join(unserved)}"
        return Finding("workers", Level.BAD, f"None is heard of for {', '.join(unserved)}. {says}", do)
    if pauses:
        held = "; ".join(f"{pause.queue}: {pause.why}" for pause in pauses.values())
        return Finding("workers", Level.WARN, f"{says} Paused: {held}.", "Let them go on at /admin/queues.")
    return Finding("workers", Level.OK, says)


def _scheduler(patient: Patient) -> Finding:
    moment = patient.parts.clock()
    with patient.parts.database.read() as connection:
        since = overdue_since(connection, moment)
    if since and moment - since > SWEPT:
        says = f"Something has been due since {since:%F %T} UTC and was not taken up."
        return Finding("scheduler", Level.BAD, says, START if patient.running is None else "Look at the log of `up`.")
    if patient.running or patient.is_elsewhere:
        return _leader(patient, moment)
    return _role(patient, "scheduler", "scheduler", "Nothing is overdue.")


def _leader(patient: Patient, moment: datetime) -> Finding:
    """Whether a scheduler is heard of, on whatever machine."""
    held = patient.parts.scheduling.heartbeat()
    state = heard(held, moment)
    if held and state == "ok":
        return Finding("scheduler", Level.OK, f"{held.holder} leads. Nothing is overdue.")
    do = "Look at the log of `up`." if patient.running else "Start one: notifier scheduler"
    return Finding("scheduler", Level.BAD, f"No scheduler leads: {state}.", do)


def _role(patient: Patient, name: str, kind: str, fine: str) -> Finding:
    """Whether a role runs here; elsewhere it cannot be seen, only what it left undone."""
    if patient.running:
        count = len(patient.running.pids.get(kind, ()))
        level = Level.OK if count else Level.BAD
        return Finding(
            name,
            level,
            f"{count} here. {fine}" if count else "None runs here.",
            "" if count else "Look at the log of `up`.",
        )
    if patient.is_elsewhere:
        return Finding(name, Level.WARN, f"{fine} Whether one runs on another machine cannot be seen from here.")
    return Finding(name, Level.BAD, f"None runs here. {fine}", START)


def _smtp(patient: Patient) -> Finding:
    around, catches = patient.parts.around, not patient.settings.MAIL_SERVER
    if catches and not patient.running:
        return Finding("smtp", Level.WARN, "No mail server is set; the local catcher starts with the service.", START)
    try:
        fault = relay_fault(patient.parts.email_settings)
    except (ValueError, ssl.SSLError) as error:
        return Finding("smtp", Level.BAD, _sentence(error), "Are MAIL_DEFAULT_SENDER and MAIL_CA_FILE right?")
    place = f"{around.mail_server}:{around.mail_port}"
    if fault:
        return Finding("smtp", Level.BAD, f"{place}: {fault}", "Are the MAIL_ settings right?")
    what = "The local catcher" if catches else "The relay"
    return Finding("smtp", Level.OK, f"{what} at {place} takes our mail: greeted, nothing sent.")


def _vapid(patient: Patient) -> Finding:
    settings, home = patient.settings, patient.parts.home
    if not settings.VAPID_PRIVATE_KEY.get_secret_value() and not home.has_vapid_key:
        return Finding("vapid", Level.BAD, "There is no key yet; the first start makes one.", START)
    do = "Set VAPID_SUBJECT to mailto: and an address of yours."
    try:
        push = patient.parts.push_settings
        check_vapid(push.private_key, push.subject)
    except ValueError as error:
        return Finding("vapid", Level.BAD, _sentence(error), do)
    try:
        check_vapid(push.private_key, push.subject, production=True)
    except ValueError as error:
        level = Level.BAD if settings.ENVIRONMENT == "production" else Level.WARN
        return Finding("vapid", level, f"Fit for the local catcher only: {_sentence(error)}", do)
    return Finding("vapid", Level.OK, f"Key and subject ({push.subject}) are as push services want them.")


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".") + "."


def _clock(patient: Patient) -> Finding:
    with patient.parts.database.read() as connection:
        other, newest = database_clock(connection), newest_event_at(connection)
        here, shift = now(), patient.settings.CLOCK_SHIFT
    if newest and newest - here > SKEW + shift:
        return _skewed("The newest event", newest, here)
    if other and abs(other - here) > SKEW:
        return _skewed("The database's clock", other, here)
    if shift:
        says = f"{here + shift:%F %T} UTC, which is {shift} ahead of this machine's clock, as CLOCK_SHIFT says."
        return Finding("clock", Level.WARN, says, "Unset CLOCK_SHIFT where that is not meant.")
    if other:
        return Finding("clock", Level.OK, f"{here:%F %T} UTC, as on the database's machine.")
    return Finding("clock", Level.OK, f"{here:%F %T} UTC. There is no other clock here to compare it with.")


def _languages(patient: Patient) -> Finding:
    with patient.parts.database.read() as connection:
        lacks = Fallbacks(connection).most_frequent(SHOWN)
    if not lacks:
        spoken = ", ".join(patient.parts.languages.tags)
        return Finding("languages", Level.OK, f"Nobody was told in English for want of words. Spoken: {spoken}.")
    says = f"Told in English for want of words: {'; '.join(map(_lack, lacks))}."
    return Finding("languages", Level.WARN, says, "Add them to a .po file in TEMPLATES_DIR; the README says how.")


def _lack(lack: Lack) -> str:
    what = f"“{lack.message}”" if lack.message else "everything"
    return f"{lack.language}: {what} ({lack.count:,}×)"


def _skewed(what: str, moment: datetime, here: datetime) -> Finding:
    apart = (moment - here).total_seconds()
    says = f"{what} is {apart:+.0f} s from this machine's clock ({here:%F %T} UTC)."
    return Finding("clock", Level.BAD, says, "Let NTP set the clocks; signatures bear five minutes.")


def _public_url(patient: Patient) -> Finding:
    url = patient.parts.around.public_url
    if patient.running is None and not patient.settings.PUBLIC_URL:
        return Finding("public url", Level.WARN, "PUBLIC_URL is not set, and nothing runs here.", START)
    try:
        status = _livez(url)
    except (OSError, http.client.HTTPException) as error:
        return Finding("public url", Level.BAD, f"{url} does not answer: {error}.", "Is PUBLIC_URL right?")
    if status != 200:
        return Finding("public url", Level.BAD, f"{url}/livez answers {status}.", "Does PUBLIC_URL lead to Notifier?")
    if patient.settings.PUBLIC_URL:
        return Finding("public url", Level.OK, f"{url} answers, asked from here.")
    return Finding("public url", Level.OK, f"{url} answers; others reach it only if PUBLIC_URL says how.")


def _livez(url: str) -> int:
    connection, path = connection_to(url)
    try:
        connection.request("GET", f"{path}/livez")
        return connection.getresponse().status
    finally:
        connection.close()


def _asked(name: str, look: Callable[[Patient], Finding], patient: Patient, *, answers: bool) -> Finding:
    """What only the database can tell."""
    if not answers:
        return Finding(name, Level.WARN, "Cannot be known while the database does not answer.")
    try:
        return look(patient)
    except DatabaseAway as error:
        return Finding(name, Level.BAD, f"The database went away meanwhile: {error}.")
