"""The demo's scenes: what each claims happens in a real service, is printed, and leaves the books balanced."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest

from notifier.cli.demo import telling
from notifier.cli.demo.arrived import Arrived
from notifier.cli.demo.people import Person
from notifier.cli.demo.scenes import SCENES, sleeper_at
from notifier.cli.demo.telling import Decided, Row
from notifier.policy.words import State
from tests.cli.conftest import Terminal
from tests.stack import Stack

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
ANA = Person("ana-1", "Ana", "ana-1@demo.test", "en", "Europe/Lisbon")


@dataclass(frozen=True)
class Played:
    """A service in which all scenes were played once, and what was printed of each."""

    stack: Stack
    terminal: Terminal
    run: str
    printed: dict[str, str]

    def outcomes(self, person: str, channel: str) -> Counter[tuple[str, str | None]]:
        """How many of the person's deliveries are in each state, for which reason."""
        found = self.stack.deliveries(user=f"{person}-{self.run}", channel=channel)
        return Counter((one["state"], one["reason"]) for one in found)

    def pushes(self, person: str) -> list[str]:
        """The titles of the pushes that came to the person, oldest first."""
        found = self.stack.call("GET", f"/dev/push.json?limit=100&user={person}-{self.run}").json["data"]
        return [one["payload"]["notification"]["title"] for one in reversed(found)]

    def feed(self, person: str) -> list[str]:
        """What stands in the person's feed, newest first."""
        return [item["text"] for item in self.stack.call("GET", f"/v1/users/{person}-{self.run}/feed").json["data"]]

    def mails(self, person: str) -> int:
        """How many mails came to the person."""
        return len(self.stack.call("GET", f"/dev/mail.json?to={person}-{self.run}@demo.test").json["data"])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with Stack(tmp_path_factory.mktemp("scenes"), MAIL_SERVER="", GATHER_SCALE="1") as running:
        terminal = Terminal(running.data_dir)
        printed = terminal.done("demo --scene all")
        names = [scene.name for scene in SCENES]
        parts = re.split(r"^── (\w+) ── ", printed, flags=re.MULTILINE)
        assert parts[1::2] == names
        run = running.deliveries()[0]["user"].rpartition("-")[2]
        yield Played(running, terminal, run, dict(zip(names, parts[2::2], strict=True)))


def sleeper(played: Played, scene: str) -> str:
    """The beginning of the sleeper's id: another hour has another sleeper."""
    [found] = set(re.findall(r"^  (\w+) +email push", played.printed[scene], re.MULTILINE))
    return f"{found.lower()}-{scene}"


def test_after_each_scene_the_books_balance(played: Played):
    for name, printed in played.printed.items():
        assert re.findall(r"^  books: (\S.*?)  ", printed, re.MULTILINE) == ["balanced"], name
    assert played.stack.books()["balanced"]


def test_each_scene_fits_a_terminal_of_a_hundred_columns(played: Played):
    lines = [line for printed in played.printed.values() for line in printed.splitlines()[1:]]
    assert max(map(len, lines)) <= telling.WIDTH


def test_of_120_likes_only_milestones_are_told(played: Played):
    assert played.pushes("ana-viral") == [
        "Ben liked your post: Sunset",
        "Kim, Jon and 8 others liked your post: Sunset",
        "Pia, Oli and 58 others liked your post: Sunset",
        "Pia, Oli and 118 others liked your post: Sunset",
    ]
    assert played.outcomes("ana-viral", "email") == {("waiting", "digest"): 1}
    assert "milestones: next at 25" in played.printed["viral"]
    assert played.feed("ana-viral") == ["Pia, Oli and 118 others liked your post: Sunset"]


def test_what_came_in_the_night_is_told_in_one_mail_and_one_push(played: Played):
    person = sleeper(played, "night")
    for channel in ("email", "push"):
        assert played.outcomes(person, channel) == {("sent", None): 4}
    assert (played.mails(person), played.pushes(person)) == (1, ["3 new notifications"])
    assert re.search(r"email push  4 waiting +Held until the person's quiet hours end\.", played.printed["night"])
    assert "· Cara and Ben commented on your post: Autumn leaves" in played.printed["night"]


def test_of_whom_and_what_somebody_turned_away_nothing_is_told(played: Played):
    person = sleeper(played, "block")
    expected = {("skipped", "blocked"): 2, ("skipped", "muted_object"): 1, ("sent", None): 1}
    for channel in ("email", "push"):
        assert played.outcomes(person, channel) == expected
    assert (played.mails(person), played.pushes(person)) == (1, ["Dan mentioned you"])
    assert played.feed(person) == ["Dan mentioned you"]
    assert re.search(r"email push  2 skipped +The person has blocked", played.printed["block"])
    assert re.search(r"email push  1 skipped +The person has muted this thing\.", played.printed["block"])


def test_a_like_that_comes_and_goes_is_told_once_and_a_shown_push_is_corrected(played: Played):
    assert played.pushes("ana-unlike") == [
        "Ben liked your post: Sunset",
        "Fay, Eve and 1 other liked your post: The hill",
        "Eve and Dan liked your post: The hill",
    ]
    assert played.outcomes("ana-unlike", "push") == {
        ("sent", None): 3,
        ("skipped", "already_told"): 1,
        ("cancelled", "taken_back"): 1,
    }
    assert played.mails("ana-unlike") == 0
    assert played.feed("ana-unlike") == ["Eve and Dan liked your post: The hill", "Ben liked your post: Sunset"]
    assert "already_told: the same act within 24 hours" in played.printed["unlike"]


def test_of_a_flood_the_caps_let_through_so_many_and_the_rest_comes_as_one_message(played: Played):
    for channel in ("email", "push"):
        assert played.outcomes("ana-flood", channel) == {("sent", None): 60}
    assert played.mails("ana-flood") == 10 + 1
    *at_once, last = played.pushes("ana-flood")
    assert len(at_once) == 30
    # Workers plan side by side, so that a comment may overtake another: the cap counts messages, not the order.
    told = Counter(at_once)
    left = [post for post in ("Sunset", "The hill", "Breakfast") if told[f"Ben commented on your post: {post}"] < 20]
    assert last == f"{len(left)} new notifications"
    assert re.search(r"email +10 sent +Ben commented on your post", played.printed["flood"])
    assert re.search(r"email +50 waiting +Over the person's cap", played.printed["flood"])
    assert re.search(r"push +30 waiting +Over the person's cap", played.printed["flood"])


def test_with_a_deleted_post_all_goes_that_was_not_sent_and_what_was_sent_stays(played: Played):
    assert played.outcomes("ana-deleted", "email")["sent", None] == 1
    assert played.outcomes("ana-deleted", "email")["cancelled", "taken_back"] == 1
    assert played.outcomes("fay-deleted", "email") == {("cancelled", "taken_back"): 1}
    assert played.feed("fay-deleted") == []
    assert played.feed("ana-deleted") == ["Gus and Fay follow you now"]
    assert re.search(r"email push  1 stays sent", played.printed["deleted"])
    assert re.search(r"Fay, Gus email +1 cancelled +What happened was taken back", played.printed["deleted"])


def test_a_scene_played_again_meets_nothing_of_the_last_time(played: Played):
    again = played.terminal.done("demo --scene unlike")
    first, second = (re.findall(r"^  .*(?:sent|skipped|cancelled) .*", text, re.MULTILINE) for text in
                     (played.printed["unlike"].partition("books:")[0], again.partition("books:")[0]))  # fmt: skip
    assert first == second


def test_scenes_alone_play_no_app_and_the_app_can_be_played_alone(played: Played):
    short = "demo --users 2 --rate 60/s --minutes 0.01"
    alone = played.terminal.done(f"{short} --scene block --scene block")
    assert (alone.count("── block ──"), "people act" in alone) == (1, False)
    without = played.terminal.done(f"{short} --no-scenes")
    assert ("──" in without, "people act" in without) == (False, True)


@pytest.mark.parametrize("options", ["--scene storm", "--scene viral --no-scenes"])
def test_scenes_that_cannot_be_played_are_wrong_usage(played: Played, options: str):
    assert played.terminal.type(f"demo {options}").exit_code == 2


def test_somebody_sleeps_at_any_time():
    for quarter in range(24 * 4):
        now = NOW + timedelta(minutes=15 * quarter)
        assert now.astimezone(ZoneInfo(sleeper_at(now)[1])).hour in (22, 23, 0, 1, 2, 3, 4, 5)


def decided(channel: str, delivery: str, **changed: Any) -> Decided:
    says = ("Over the cap.", "cap", "10 an hour")
    one = Decided(ANA.id, channel, delivery, State.WAITING, *says, None, sent_too_early=False)
    return replace(one, **changed)


def test_what_has_the_same_reason_is_one_row_and_each_delivery_counts_once():
    found = [decided("email", "a"), decided("email", "a"), decided("email", "b"), decided("push", "c")]
    words = ("Over the cap.", "cap: 10 an hour")
    assert telling.told(ANA, [], found, NOW) == [
        Row(("email",), 2, "waiting", words),
        Row(("push",), 1, "waiting", words),
    ]


def test_channels_that_say_the_same_as_often_share_a_row():
    [row] = telling.told(ANA, [], [decided("email", "a"), decided("push", "b")], NOW)
    assert (row.channels, row.count) == (("email", "push"), 1)


def test_what_came_with_the_same_words_is_one_row_and_of_very_much_the_first_is_shown():
    came = [Arrived(ANA, "push", f"dlv_{n}", f"Hello {n // 2}") for n in range(20)]
    *rows, last = telling.told(ANA, came, [], NOW)
    assert [(row.count, row.words) for row in rows] == [(2, (f"Hello {n}",)) for n in range(telling.MOST)]
    assert (last.count, last.words) == (20 - 2 * telling.MOST, ("more like these",))


def test_a_feed_shows_its_first_items_below_each_other():
    [row] = telling.feed_rows(["Item", *(f"Item {n}" for n in range(telling.MOST + 1)), "Item"])
    assert (row.what, row.words[:2], row.words[-1]) == (telling.SHOWS, ("Item (2 times)", "Item 0"), "and 2 more")
    assert [row.what for row in telling.feed_rows([])] == [telling.EMPTY]


def test_when_it_is_due_is_told_by_the_persons_own_clock():
    person = replace(ANA, timezone="Asia/Tokyo")
    one = decided("email", "a", due_at=datetime(2026, 11, 21, 22, tzinfo=UTC))
    [row] = telling.told(person, [], [one], NOW)
    assert row.words[1] == "cap: 10 an hour, due Sun 07:00"


def test_what_is_due_at_several_moments_is_one_row_with_the_first():
    found = [decided("email", f"{n}", due_at=NOW + timedelta(seconds=120 - n)) for n in range(3)]
    [row] = telling.told(ANA, [], found, NOW)
    assert (row.count, row.words[1]) == (3, "cap: 10 an hour, due in 2 min")


def test_people_to_whom_the_same_happened_share_their_rows():
    row = Row(("email",), 1, "skipped", ("Blocked.", "block: ben"))
    lines = list(
        map(click.unstyle, telling.printed({"Fay": [row], "Gus": [row], "Hal": [], "Ida": [replace(row, count=2)]}))
    )
    assert [line.split()[:3] for line in lines[::2]] == [["Fay,", "Gus", "email"], ["Ida", "email", "2"]]


def test_what_was_told_is_news_again_only_where_it_changed():
    before = decided("email", "a")
    sent = decided("email", "b", state=State.SENT)
    now = [before, decided("email", "a", state=State.CANCELLED), sent, replace(sent, sent_too_early=True)]
    assert telling.fresh(now, {before}) == [now[1], now[3]]
    assert telling.told(ANA, [], [now[3]], NOW)[0].what == telling.STAYS
