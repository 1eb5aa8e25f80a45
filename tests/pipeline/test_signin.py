"""How admins come in: links, passwords, second steps; how often one may try, and what is never told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from sqlalchemy import select

from notifier.channels.email.signin import SignInMail
from notifier.pipeline.account import Declined, OwnAccount
from notifier.pipeline.admins import LastOwner, Staff
from notifier.pipeline.links import Links
from notifier.pipeline.passwords import Passwords
from notifier.pipeline.signin import Entered, Entry, Halfway, Refused, SignIn
from notifier.policy.outcomes import Delivered, Outcome
from notifier.policy.outcomes import Refused as NotTaken
from notifier.store.admins import Admins, Role
from notifier.store.database import Database
from notifier.store.factors import Factors
from notifier.store.models import AdminSession, Audit, LoginLink, RecoveryCode, SignInTry
from notifier.store.sessions import IDLE, Sessions, SignedIn, Visitor
from notifier.store.tries import MOST, WINDOW, TooMany

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANN, BEN = "ann@app.example", "ben@app.example"
SECRET = "a cow on a balcony"
AT_HOME, ELSEWHERE = Visitor("192.0.2.1", "Firefox"), Visitor("192.0.2.2", "curl")
PASSWORDS = Passwords()


@dataclass
class Door:
    """The door of a service with one owner, and a clock that is turned by hand."""

    database: Database
    now: datetime = NOON
    mails: list[SignInMail] = field(default_factory=list)
    relay: Outcome = field(default_factory=lambda: Delivered("250"))

    def __post_init__(self) -> None:
        self.signin = SignIn(self.database, PASSWORDS, self.clock)
        self.account = OwnAccount(self.database, PASSWORDS, self.clock)
        self.staff = Staff(self.database, self.clock)
        self.links = Links(self.database, self._send, "https://notifier.example", self.clock)
        self.ann = self.staff.keep(ANN, Role.OWNER, who="test").id

    def clock(self) -> datetime:
        return self.now

    def _send(self, mail: SignInMail) -> Outcome:
        self.mails.append(mail)
        return self.relay

    def by_link(self, *, asks: bool = False, admin: str = "") -> Entry:
        token = self.staff.link(admin or self.ann, who="test", asks=asks)
        return self.signin.by_link(token, AT_HOME)

    def try_password(self, password: str, email: str = ANN, visitor: Visitor = AT_HOME) -> Entry:
        return self.signin.by_password(email, password, visitor)

    def who(self, entry: Entry) -> SignedIn:
        assert isinstance(entry, Entered), entry
        with self.database.read() as connection:
            found = Sessions(connection).find(entry.token, self.now)
        assert found
        return found

    def inside(self) -> SignedIn:
        """Ann, let in by a link, with a password."""
        ann = self.who(self.by_link())
        self.account.set_password(ann, "", SECRET)
        return ann

    def second_step(self, ann: SignedIn) -> tuple[pyotp.TOTP, list[str]]:
        """Ann's authenticator app, and her recovery codes."""
        self.account.offer_totp(ann, SECRET)
        app = pyotp.TOTP(self.account.standing(ann).offered)
        return app, self.account.turn_totp_on(ann, app.at(self.now))

    def audit(self) -> list[tuple[str, str]]:
        with self.database.read() as connection:
            return [(row.who, row.action) for row in connection.execute(select(Audit).order_by(Audit.id))]


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def test_a_link_opens_once_and_lets_a_password_be_set_which_opens_from_then_on(door: Door):
    token = door.staff.link(door.ann, who="test", asks=False)
    ann = door.who(door.signin.by_link(token, AT_HOME))
    assert isinstance(door.signin.by_link(token, AT_HOME), Refused)
    door.account.set_password(ann, "", SECRET)
    assert door.who(door.try_password(SECRET, " ANN@app.example ")).account.email == ANN
    assert isinstance(door.try_password(SECRET + "!"), Refused)


def test_a_link_opens_for_fifteen_minutes(door: Door):
    token = door.staff.link(door.ann, who="test", asks=False)
    door.now += timedelta(minutes=15)
    assert isinstance(door.signin.by_link(token, AT_HOME), Refused)


def test_nothing_that_opens_stands_in_the_database_as_it_is_typed(door: Door):
    ann = door.inside()
    _, codes = door.second_step(ann)
    link = door.staff.link(door.ann, who="test", asks=False)
    entered = door.signin.by_link(link, AT_HOME)
    assert isinstance(entered, Entered)
    waiting = door.staff.link(door.ann, who="test", asks=False)
    with door.database.read() as connection:
        rows = [
            *connection.execute(select(AdminSession)).all(),
            *connection.execute(select(LoginLink)).all(),
            *connection.execute(select(RecoveryCode)).all(),
            Factors(connection).of(door.ann),
        ]
    held = repr(rows) + repr(rows[-1].password_hash)  # type: ignore[union-attr]
    assert len(rows) == 2 + 1 + 10 + 1
    for secret in (SECRET, entered.token, waiting, *codes):
        assert secret not in held


def test_whoever_was_let_in_long_ago_or_by_password_proves_again_who_they_are(door: Door):
    linked, typed = door.inside(), door.who(door.try_password(SECRET))
    door.account.set_password(linked, "", SECRET + " more")
    door.now += timedelta(minutes=15)
    for ann in (linked, typed):
        with pytest.raises(Declined, match="present password"):
            door.account.set_password(ann, "", SECRET + " again")
        with pytest.raises(Declined, match="present password"):
            door.account.turn_totp_off(ann, "wrong")
    door.account.set_password(linked, SECRET + " more", SECRET + " again")


def test_a_password_that_everybody_tries_is_not_taken(door: Door):
    ann = door.who(door.by_link())
    with pytest.raises(Declined, match="everybody tries"):
        door.account.set_password(ann, "", "password1234")
    assert not door.account.standing(ann).has_password


def test_a_new_password_ends_the_other_sessions(door: Door):
    other, ann = door.by_link(), door.who(door.by_link())
    door.account.set_password(ann, "", SECRET)
    with door.database.read() as connection:
        assert isinstance(other, Entered)
        assert Sessions(connection).find(other.token, door.now) is None
        assert [one.id for one in Sessions(connection).of(door.ann, door.now)] == [ann.session.id]


@pytest.mark.parametrize("email", [ANN, "nobody@app.example"])
def test_ten_wrong_passwords_of_one_account_close_it_for_a_quarter_of_an_hour_whoever_it_is(door: Door, email: str):
    door.inside()
    for number in range(MOST):
        entry = door.try_password("wrong", email, Visitor(f"192.0.2.{number}", ""))
        assert isinstance(entry, Refused)
        door.now += timedelta(seconds=1)
    closed = door.try_password(SECRET, email, ELSEWHERE)
    assert closed == TooMany(NOON + WINDOW)
    door.now = NOON + WINDOW
    assert isinstance(door.try_password(SECRET, email, ELSEWHERE), Entered if email == ANN else Refused)


def test_ten_wrong_passwords_from_one_address_close_it_for_every_account(door: Door):
    door.inside()
    for number in range(MOST):
        assert isinstance(door.try_password("wrong", f"{number}@app.example"), Refused)
    assert isinstance(door.try_password(SECRET), TooMany)
    assert isinstance(door.try_password(SECRET, visitor=ELSEWHERE), Entered)


def test_whoever_gets_in_begins_to_count_anew_but_what_they_tried_at_others_still_counts(door: Door):
    door.inside()
    for number in range(MOST - 1):
        door.try_password("wrong", ANN if number % 2 else "ben@app.example")
    assert isinstance(door.try_password(SECRET), Entered)
    with door.database.read() as connection:
        assert set(connection.scalars(select(SignInTry.email))) == {"ben@app.example"}


def test_many_tries_at_the_same_moment_find_room_for_ten(door: Door):
    door.inside()
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda _: door.try_password("wrong"), range(MOST + 6)))
    assert sum(isinstance(entry, Refused) for entry in entries) == MOST


def test_a_code_is_asked_for_after_the_password_and_none_opens_twice(door: Door):
    app, _ = door.second_step(door.inside())
    halfway = door.try_password(SECRET)
    assert halfway == Halfway(door.ann, linked=False)
    assert isinstance(door.signin.by_code(halfway, app.at(door.now), AT_HOME), Refused)  # it turned the step on
    door.now += timedelta(seconds=30)
    code = app.at(door.now)
    assert isinstance(door.signin.by_code(halfway, f" {code[:3]} {code[3:]} ", AT_HOME), Entered)
    assert isinstance(door.signin.by_code(halfway, code, AT_HOME), Refused)
    door.now += timedelta(seconds=30)
    assert isinstance(door.signin.by_code(halfway, app.at(door.now + timedelta(seconds=30)), AT_HOME), Entered)
    assert isinstance(door.signin.by_code(halfway, app.at(door.now), AT_HOME), Refused)  # before the one just used


@pytest.mark.parametrize("code", ["", "000000", "12345", "１２３４５６", "abcdef", "x" * 1_000])
def test_what_is_no_code_of_now_does_not_open(door: Door, code: str):
    app, _ = door.second_step(door.inside())
    halfway = door.try_password(SECRET)
    assert isinstance(halfway, Halfway)
    door.now = next(at for at in moments(door.now) if app.at(at) != code)
    assert isinstance(door.signin.by_code(halfway, code, AT_HOME), Refused)


def moments(now: datetime) -> list[datetime]:
    return [now + timedelta(minutes=minute) for minute in range(2, 10)]


def test_a_recovery_code_stands_in_for_the_app_once_however_it_is_typed(door: Door):
    _, codes = door.second_step(door.inside())
    halfway = door.try_password(SECRET)
    assert isinstance(halfway, Halfway)
    typed = codes[3].upper().replace("-", " ")
    ann = door.who(door.signin.by_code(halfway, typed, AT_HOME))
    assert isinstance(door.signin.by_code(halfway, codes[3], AT_HOME), Refused)
    assert door.account.standing(ann).codes_left == len(codes) - 1
    fresh = door.account.renew_codes(ann, SECRET)
    assert not set(fresh) & set(codes)
    assert isinstance(door.signin.by_code(halfway, codes[4], AT_HOME), Refused)
    assert isinstance(door.signin.by_code(halfway, fresh[4], AT_HOME), Entered)


def test_codes_are_tried_ten_times(door: Door):
    app, _ = door.second_step(door.inside())
    halfway = door.try_password(SECRET)
    assert isinstance(halfway, Halfway)
    door.now += timedelta(minutes=1)
    for _ in range(MOST):
        assert isinstance(door.signin.by_code(halfway, "none", AT_HOME), Refused)
    assert isinstance(door.signin.by_code(halfway, app.at(door.now), ELSEWHERE), TooMany)


def test_a_link_that_went_through_other_hands_asks_for_the_code_and_one_of_this_machine_does_not(door: Door):
    door.second_step(door.inside())
    assert door.by_link(asks=True) == Halfway(door.ann, linked=True)
    assert isinstance(door.by_link(asks=False), Entered)


def test_turned_off_no_code_is_asked_for_and_no_recovery_code_is_left(door: Door):
    ann = door.inside()
    door.second_step(ann)
    door.account.turn_totp_off(ann, SECRET)
    assert isinstance(door.try_password(SECRET), Entered)
    assert door.account.standing(ann).codes_left == 0


def test_a_session_that_was_not_used_for_twelve_hours_is_over_and_forgotten(door: Door):
    entered = door.by_link()
    assert isinstance(entered, Entered)
    door.now += IDLE - timedelta(seconds=1)
    ann = door.who(entered)
    with door.database.write() as connection:
        Sessions(connection).see(ann.session.id, door.now)
    door.now += IDLE - timedelta(seconds=1)
    door.who(entered)
    door.now += timedelta(seconds=1)
    with door.database.read() as connection:
        assert Sessions(connection).find(entered.token, door.now) is None
    door.by_link()
    with door.database.read() as connection:
        assert len(connection.execute(select(AdminSession)).all()) == 1


def test_sessions_end_one_by_one_or_all_others_at_once_and_never_anothers(door: Door):
    first, second, ann = (door.who(door.by_link()) for _ in range(3))
    ben = door.who(door.by_link(admin=door.staff.keep(BEN, Role.VIEWER, who="test").id))
    assert not door.account.end(ben, first.session.id)
    assert door.account.end(ann, first.session.id)
    assert not door.account.end(ann, first.session.id)
    assert door.account.end_others(ann) == 1
    assert [one.id for one in door.account.standing(ann).sessions] == [ann.session.id]
    assert len(door.account.standing(ben).sessions) == 1
    assert second.session.id != ann.session.id


def test_a_mail_is_sent_to_an_admin_with_a_link_that_asks_and_to_nobody_else(door: Door):
    for email in ("Ann@app.example", "nobody@app.example"):
        asked = door.links.ask(email, "192.0.2.7")
        assert isinstance(asked, str)
        door.links.send([asked, asked])
    [mail] = door.mails
    assert (mail.to, mail.asked_from) == (ANN, "192.0.2.7")
    token = mail.url.removeprefix("https://notifier.example/admin/login/once/")
    with door.database.read() as connection:
        link = Admins(connection).look_at(token, door.now)
    assert link
    assert link.asks
    assert isinstance(door.signin.by_link(token, AT_HOME), Entered)
    assert (ANN, "sign-in.mail") in door.audit()


def test_a_mail_that_the_relay_does_not_take_is_on_record(door: Door, caplog: pytest.LogCaptureFixture):
    door.relay = NotTaken("550", "no such user")
    asked = door.links.ask(ANN, "192.0.2.7")
    assert isinstance(asked, str)
    door.links.send([asked])
    assert "a•••@app.example" in caplog.text
    assert ANN not in caplog.text
    with door.database.read() as connection:
        said = connection.scalar(select(Audit.subject).where(Audit.action == "sign-in.mail"))
    assert said == "not sent: 550 no such user"


def test_mails_too_are_asked_for_ten_times(door: Door):
    for _ in range(MOST):
        assert isinstance(door.links.ask(ANN, "192.0.2.7"), str)
    assert isinstance(door.links.ask(ANN, "192.0.2.8"), TooMany)
    assert isinstance(door.links.ask(BEN, "192.0.2.7"), TooMany)
    assert isinstance(door.links.ask(BEN, "192.0.2.8"), str)


def test_the_last_owner_stays(door: Door):
    for act in (
        lambda: door.staff.remove(door.ann, who=ANN),
        lambda: door.staff.change_role(door.ann, Role.OPERATOR, who=ANN),
        lambda: door.staff.keep(ANN, Role.VIEWER, who=ANN),
    ):
        with pytest.raises(LastOwner):
            act()
    ben = door.staff.keep(BEN, Role.OWNER, who=ANN)
    assert door.staff.change_role(door.ann, Role.VIEWER, who=BEN).role == Role.OWNER
    with pytest.raises(LastOwner):
        door.staff.remove(ben.id, who=BEN)


def test_two_owners_who_remove_each_other_at_the_same_moment_leave_one(door: Door):
    ben = door.staff.keep(BEN, Role.OWNER, who=ANN)

    def gone(id: str) -> bool:
        try:
            door.staff.remove(id, who="test")
        except LastOwner:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(gone, (door.ann, ben.id))) == [False, True]


def test_an_admin_who_is_removed_is_out_at_once(door: Door):
    ben = door.staff.keep(BEN, Role.OPERATOR, who=ANN)
    entered = door.by_link(admin=ben.id)
    assert isinstance(entered, Entered)
    waiting = door.staff.link(ben.id, who=ANN, asks=False)
    door.staff.remove(ben.id, who=ANN)
    with door.database.read() as connection:
        assert Sessions(connection).find(entered.token, door.now) is None
    assert isinstance(door.signin.by_link(waiting, AT_HOME), Refused)


def test_to_make_an_admin_again_keeps_the_role_unless_one_is_said(door: Door):
    assert door.staff.keep(ANN, None, who="test").role == Role.OWNER
    assert door.staff.keep(BEN, None, who="test").role == Role.VIEWER
    assert door.staff.keep(BEN, Role.OPERATOR, who="test").role == Role.OPERATOR
    assert door.staff.invite(BEN, Role.OWNER, who="test") is None


ACTS: list[tuple[str, Callable[[Door, SignedIn], object]]] = [
    ("account.password", lambda door, ann: door.account.set_password(ann, SECRET, SECRET + " new")),
    ("account.totp-on", lambda door, ann: door.second_step(ann)),
    ("sign-out", lambda door, ann: door.account.end(ann, ann.session.id)),
    ("sign-in", lambda door, _: door.try_password(SECRET)),
    ("sign-in.failed", lambda door, _: door.try_password("wrong")),
    ("admin.invite", lambda door, _: door.staff.invite(BEN, Role.VIEWER, who=ANN)),
    ("admin.link", lambda door, _: door.staff.link(door.ann, who=ANN, asks=True)),
    ("admin.totp-reset", lambda door, _: door.staff.reset_totp(door.ann, who=ANN)),
]


@pytest.mark.parametrize(("action", "act"), ACTS, ids=[action for action, _ in ACTS])
def test_every_act_is_on_record(door: Door, action: str, act: Callable[[Door, SignedIn], object]):
    ann = door.inside()
    before = len(door.audit())
    act(door, ann)
    assert (ANN, action) in door.audit()[before:]


def test_what_was_typed_as_an_address_is_not_on_record_where_it_is_no_admins(door: Door):
    door.try_password("wrong", "my secret password")
    assert ("unknown", "sign-in.failed") in door.audit()
    with door.database.read() as connection:
        assert "secret" not in repr(connection.execute(select(Audit)).all())


def test_a_hash_of_another_cost_is_made_anew_when_its_password_is_typed(door: Door):
    from argon2 import PasswordHasher

    door.inside()
    with door.database.write() as connection:
        Factors(connection).set_password(door.ann, PasswordHasher(1, 8, 1).hash(SECRET))
    assert isinstance(door.try_password(SECRET), Entered)
    with door.database.read() as connection:
        proofs = Factors(connection).of(door.ann)
    assert proofs
    assert not PASSWORDS.is_dated(proofs.password_hash)
    assert isinstance(door.try_password(SECRET), Entered)


def test_a_password_that_was_never_set_never_fits():
    assert not PASSWORDS.fits("", "")
    assert not PASSWORDS.fits(SECRET, "")
