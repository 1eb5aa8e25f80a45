"""The admin pages of schedules: who looks, who acts, and what the forms do."""

import re

import pytest
from sqlalchemy import text

from notifier.app.acts import built_in
from notifier.app.parts import now
from notifier.pipeline.runs import Runner
from notifier.pipeline.scheduling import LEASE
from notifier.policy.schedules import Draft, Timing
from notifier.store.admins import Role
from notifier.store.leases import Leases
from notifier.store.schedules import ScheduleEntry
from notifier.store.types import new_id
from tests.web.api import Api
from tests.web.test_admin import signed_in, token_of

PATH = "/admin/schedules"
CRON = {
    "way": "cron",
    "cron": "0 6 * * mon-fri",
    "timezone": "Europe/Berlin",
    "at": "",
    "interval": "",
    "unit": "minutes",
}


@pytest.fixture(autouse=True)
def runner(api: Api) -> Runner:
    """Only the built-in schedules."""
    kinds = api.parts.kinds
    with api.parts.database.write() as connection:
        connection.execute(text("DELETE FROM schedules"))
        connection.execute(text("DELETE FROM leases"))
    runner = Runner(api.parts.database, kinds, "one", now)
    runner.keep(built_in(kinds, now()))
    return runner


def named(api: Api, name: str) -> ScheduleEntry:
    found = api.parts.scheduling.named(name)
    assert found, name
    return found


def add(api: Api, name: str = "early") -> ScheduleEntry:
    return api.parts.scheduling.add(
        Draft(name, "announcement", Timing("0 6 * * *"), {"title": "<i>Hi</i>", "everyone": True}), "ann"
    )


def post(api: Api, path: str, role: Role = Role.OWNER, **form: str) -> tuple[int, str]:
    """The answer's status, and the page that follows."""
    browser = signed_in(api, role)
    answer = browser.post(path, data={"csrf_token": token_of(browser), **form})
    return answer.status_code, browser.get(answer.location).text if answer.location else answer.text


def test_the_page_shows_what_runs_when_and_who_leads(api: Api):
    page = signed_in(api, Role.VIEWER).get(PATH).text
    assert "No scheduler leads" in page
    for name in ("sweep", "heartbeat", "digests", "every minute"):
        assert name in page
    assert re.search(r'href="/admin/schedules"[^>]* aria-current="page"', page)
    assert not re.search(r'href="/admin/deliveries"[^>]* aria-current', page)
    assert '<form class="fields"' not in page  # a viewer looks
    with api.parts.database.write() as connection:
        Leases(connection).take(LEASE, "one:7", now=now(), until=now())
    page = signed_in(api).get(PATH).text
    assert ("one:7" in page, "Add a schedule" in page) == (True, True)


def test_an_owner_adds_changes_and_removes_a_schedule(api: Api):
    status, page = post(api, PATH, name="early", kind="digests", arguments="", **CRON)
    assert (status, "early is made." in page, "at 06:00, Monday to Friday" in page) == (302, True, True)
    path = f"{PATH}/{named(api, 'early').id}"
    form = CRON | {"way": "interval", "interval": "2", "unit": "hours"}
    status, page = post(api, path, name="often", arguments="{}", **form)
    assert (status, "every 2 hours" in page, named(api, "often").changed_by) == (302, True, "owner@app.example")
    status, page = post(api, path, name="once", arguments="{}", **CRON | {"way": "at", "at": "2096-12-24T18:00"})
    assert (status, "Monday 24 December 2096" in page) == (302, True)
    assert 'value="2096-12-24T18:00:00"' in page  # and the form says it
    assert post(api, f"{path}/remove")[0] == 302
    assert api.parts.scheduling.named("once") is None


def test_what_is_wrong_in_a_form_is_said_and_what_was_typed_stays(api: Api):
    status, page = post(api, PATH, name="early", kind="digests", arguments="{}", **CRON | {"cron": "0 25 * * *"})
    assert (status, "The second field (hour) is &#39;25&#39;" in page, 'value="0 25 * * *"' in page) == (
        422,
        True,
        True,
    )
    for wrong in (
        {"way": "interval", "interval": "x"},
        {"way": "at"},
        {"way": ""},
        {"timezone": "Mars"},
        {"way": "other"},
    ):
        assert post(api, PATH, name="early", kind="digests", **CRON | wrong)[0] == 422, wrong
    assert post(api, PATH, name="early", kind="digests", arguments="[", **CRON)[0] == 422
    status, page = post(api, f"{PATH}/{add(api).id}", name="early", arguments="{}", **CRON)
    assert (status, "An announcement needs a title." in page) == (422, True)
    assert post(api, PATH, name="early", kind="digests", **CRON)[0] == 409


def test_an_operator_pauses_resumes_and_runs(api: Api, runner: Runner):
    path = f"{PATH}/{add(api).id}"
    assert "It is paused." in post(api, f"{path}/pause", Role.OPERATOR)[1]
    assert not named(api, "early").enabled
    assert "It runs again." in post(api, f"{path}/resume", Role.OPERATOR)[1]
    assert "It is run within a second" in post(api, f"{path}/run", Role.OPERATOR)[1]
    for taken in runner.take():
        runner.perform(taken)
    page = signed_in(api, Role.VIEWER).get(path).text
    assert "operator@app.example" in page
    assert "Announced as evt_" in page
    assert "<i>" not in page
    assert "<form method" not in page.partition("</header>")[2]


def test_each_role_does_what_it_may(api: Api):
    path = f"{PATH}/{add(api).id}"
    owners, operators = (
        (PATH, f"{PATH}/announce", path, f"{path}/remove"),
        (f"{path}/run", f"{path}/pause", f"{path}/resume"),
    )
    for one in owners:
        assert post(api, one, Role.OPERATOR)[0] == 403, one
    for one in (*owners, *operators):
        assert post(api, one, Role.VIEWER)[0] == 403, one


def test_what_keeps_the_service_alive_has_no_buttons_and_what_is_built_in_keeps_its_name(api: Api):
    sweep, digests = named(api, "sweep"), named(api, "digests")
    page = signed_in(api).get(f"{PATH}/{sweep.id}").text
    assert ("It keeps the service alive" in page, "Pause" in page, "Change it" in page) == (True, False, False)
    assert "cannot be changed, paused" in post(api, f"{PATH}/{sweep.id}/pause")[1]
    assert post(api, f"{PATH}/{sweep.id}", **CRON)[0] == 409
    page = signed_in(api).get(f"{PATH}/{digests.id}").text
    assert ("Change it" in page, 'name="name"' in page, "Remove" in page) == (True, False, False)
    assert post(api, f"{PATH}/{digests.id}", **CRON)[0] == 302
    assert named(api, "digests").timetable.cron == CRON["cron"]
    assert "cannot be removed" in post(api, f"{PATH}/{digests.id}/remove")[1]


def test_an_announcement_is_made_at_once_or_for_each_persons_own_evening(api: Api):
    said = {"title": "Hello", "content": "We moved.", "audience": "everyone", "followers_of": ""}
    status, page = post(api, f"{PATH}/announce", way="now", **said)
    assert (status, "It is announced within seconds." in page) == (302, True)
    form = CRON | {"way": "at", "at": "2096-12-24T18:00", "local": "1"} | said
    assert post(api, f"{PATH}/announce", **form | {"audience": "followers_of", "followers_of": "ana"})[0] == 302
    made = [entry for entry in api.parts.scheduling.page("", 50) if entry.kind == "announcement"]
    assert made[0].arguments == {"title": "Hello", "content": "We moved.", "everyone": True}
    assert made[1].arguments == {"title": "Hello", "content": "We moved.", "followers_of": "ana"}
    assert (made[1].timetable.local, made[1].timetable.at.hour) == (True, 18)
    status, page = post(api, f"{PATH}/announce", way="now", title="", content="Kept")
    assert (status, "needs a title" in page, "Kept" in page) == (422, True, True)


def test_what_is_not_there_is_not_found(api: Api):
    path = f"{PATH}/{new_id('sch')}"
    assert signed_in(api).get(path).status_code == 404
    assert post(api, f"{path}/run")[0] == 404
