"""`notifier schedules` and `notifier announce`, as an operator types them where nothing runs."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from notifier.app.acts import BUILT_IN, built_in, kinds_of
from notifier.pipeline.runs import Runner
from notifier.store.database import Database
from notifier.store.models import Audit
from tests.cli.conftest import Terminal


@pytest.fixture
def place(resting: Terminal, rows: Database) -> Terminal:
    """A terminal whose database has the built-in schedules."""
    nothing = (lambda: pytest.fail("nothing runs here"),) * 6
    kinds = kinds_of(*nothing)
    clock = lambda: datetime.now(UTC)  # noqa: E731 (a clock)
    Runner(rows, kinds, "one", clock).keep(built_in(kinds, clock()))
    return resting


def shown(place: Terminal, name: str) -> Any:
    return json.loads(place.done("schedules show --json", name))


def test_a_schedule_is_made_shown_changed_and_removed(place: Terminal, rows: Database):
    line = 'schedules add early --kind digests --cron "0 6 * * mon-fri" --zone Europe/Berlin'
    assert "at 06:00, Monday to Friday (Europe/Berlin)" in place.done(line)
    assert (shown(place, "early")["cron"], shown(place, "early")["runs"]) == ("0 6 * * mon-fri", [])
    assert shown(place, shown(place, "early")["id"])["name"] == "early"
    assert "paused" in place.done("schedules pause early")
    assert "next" in place.done("schedules resume early")
    assert "every 15 minutes" in place.done("schedules edit early --every 15m --name often")
    assert json.loads(place.done("schedules run often --json"))["outcome"] == "asked"
    assert "asked" in place.done("schedules show often")
    assert "often" in place.done("schedules list")
    assert "often is removed" in place.done("schedules remove often")
    assert "often" not in place.done("schedules list")
    with rows.read() as connection:
        noted = connection.execute(select(Audit.action, Audit.who)).all()
    assert len(noted) == 6
    assert all(who.endswith("(command line)") for _, who in noted)


def test_the_list_is_what_the_api_answers(place: Terminal):
    listed = json.loads(place.done("schedules list --json"))
    assert [one["name"] for one in listed] == list(BUILT_IN)
    assert listed[0] == {key: value for key, value in shown(place, "sweep").items() if key != "runs"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('add x --kind digests --cron "0 25 * * *"', "--cron: The second field (hour) is '25'"),
        ("add x --kind digests", "--cron: Say when"),
        ("add x --kind digests --every 30s", "--every: An interval has 60"),
        ("add x --kind digests --every soon", "'soon' is not a length of time such as 15m"),
        ("add x --kind party --at now", "--kind: This must be one of: digests"),
        ("add x --kind digests --at now --zone Mars", "'Mars' is not a name of the tz database"),
        ("add x --kind digests --at now --arguments [1]", "is not a JSON object"),
        ("""add x --kind digests --at now --arguments '{"loud": true}'""", "--arguments/loud: This kind takes none"),
        ("add purge --kind digests --at now", "NAME: This name is that of a built-in"),
        ("edit digests", "Say what is to be different"),
        ("edit digests --name other", "built in"),
        ("pause sweep", "sweep keeps the service alive"),
        ("remove digests", "cannot be removed"),
        ("run nothing", "There is no schedule 'nothing'"),
        ("show sch_0193a7b2c3d47e5f8a9b0c1d2e3f4a5b", "There is no schedule"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(place: Terminal, line: str, said: str):
    result = place.type(f"schedules {line}")
    assert result.exit_code in (1, 2)
    assert said.replace("takes none", "takes no arguments") in result.output


def test_an_announcement_goes_out_at_once_or_when_it_is_to(place: Terminal):
    at_once = json.loads(place.done("announce 'Hello, all' --content 'We moved.' --json"))
    assert at_once["arguments"] == {"title": "Hello, all", "content": "We moved.", "everyone": True}
    assert at_once["kind"] == "announcement"
    assert at_once["name"].startswith("Hello, all ")
    assert datetime.fromisoformat(at_once["next_run_at"]) <= datetime.now(UTC)
    later = json.loads(
        place.done("announce Eve --to-followers-of ana --at '2096-12-24 18:00' --zone Europe/Berlin --json")
    )
    assert (later["next_run_at"], later["arguments"]) == (
        "2096-12-24T17:00:00.000Z",
        {"title": "Eve", "followers_of": "ana"},
    )
    local = json.loads(place.done("announce Eve --at 2096-12-24T18:00 --local --to bob --json"))
    assert (local["local"], local["timezone"], local["next_run_at"]) == (True, None, "2096-12-24T04:00:00.000Z")
    weekly = place.done("announce News --cron '0 9 * * mon' --name news")
    assert "news: next" in weekly
    wrong = place.type("announce ''")
    assert (wrong.exit_code, "TITLE: " in wrong.output) == (2, True)
