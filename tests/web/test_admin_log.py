"""The admin pages of the log: what they show to whom, what a filter finds, and what they do to many deliveries."""

import csv
import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from notifier.policy.words import Reason, State
from notifier.store.admins import Role
from notifier.store.models import Address, Attempt, Audit, Delivery
from notifier.store.sql import insert
from notifier.store.types import new_id
from tests.web.api import Api, like
from tests.web.test_admin import signed_in, token_of

LOG = "/admin/deliveries"
ROW = re.compile(r'<tr id="(dlv_[0-9a-f]{32})">')


@pytest.fixture(autouse=True)
def fresh(api: Api) -> None:
    """Nothing of the tests before."""
    with api.parts.database.write() as connection:
        for table in (
            "deliveries",
            "attempts",
            "jobs",
            "put_away",
            "recent_figures",
            "hourly_figures",
            "snapshots",
            "audit",
        ):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 (our own words)
        connection.execute(text("UPDATE counters SET value = -1 WHERE name = 'pulsed'"))
        connection.execute(text("DELETE FROM tallies"))


def comment(api: Api, user: str = "bob", content: str = "What a <b>sky</b>!") -> dict[str, str]:
    """A comment that was planned for somebody with a mailbox; the ids of its deliveries by channel."""
    api.call("PUT", f"/v1/users/{user}", {"email": f"{user}@app.example", "name": user.title()})
    thing = {"id": new_id("evt"), "type": "comment", "content": content}
    target = {"id": "p-1", "owner": user, "image": "https://app.example/p.jpg"}
    data = {"actor": {"id": "ana", "name": "Ana"}, "object": thing, "target": target}
    event = api.post({"type": "comment", "data": data}).get_json()["id"]
    list(api.parts.steps.planner.plan([event]))
    found = api.call("GET", f"/v1/deliveries?event={event}").get_json()["data"]
    return {one["channel"]: one["id"] for one in found}


def fail(api: Api, delivery: str, reason: Reason = Reason.GAVE_UP, code: str = "421", said: str = "try later") -> None:
    """Let it have failed with one try."""
    now = api.parts.clock()
    with api.parts.database.write() as connection:
        connection.execute(
            update(Delivery)
            .where(Delivery.id == delivery)
            .values(state=State.FAILED, reason=reason, last_code=code, tries=1, due_at=None)
        )
        row = {"id": new_id("att"), "delivery_id": delivery, "started_at": now, "ms": 12, "outcome": "deferred"}
        connection.execute(insert(connection, Attempt).values(row | {"code": code, "text": said, "worker": "w:1"}))


def shown(browser: FlaskClient, query: str = "") -> list[str]:
    """The deliveries that the log shows."""
    page = browser.get(f"{LOG}?{query}")
    assert page.status_code == 200, page.text
    return ROW.findall(page.text)


def post(browser: FlaskClient, path: str, **form: Any) -> Any:
    return browser.post(path, data={"csrf_token": token_of(browser), **form})


def audited(api: Api) -> list[tuple[str, str]]:
    with api.parts.database.read() as connection:
        rows = connection.execute(select(Audit.action, Audit.subject).order_by(Audit.id))
        return [(action, subject) for action, subject in rows if action != "sign-in"]


def test_each_filter_of_the_address_narrows_the_log_and_is_said_in_words(api: Api):
    one, other = comment(api), comment(api, "eve")
    fail(api, one["email"])
    browser = signed_in(api, Role.VIEWER)
    assert set(shown(browser)) == {*one.values(), *other.values()}
    assert shown(browser, "state=failed") == [one["email"]]
    assert shown(browser, "code=421&window=all") == [one["email"]]
    assert shown(browser, "reason=gave_up&channel=email") == [one["email"]]
    assert set(shown(browser, "q=eve")) == set(other.values())
    assert shown(browser, f"q={other['feed']}") == [other["feed"]]
    assert set(shown(browser, "state=failed&state=queued")) == {one["email"], other["email"]}
    assert shown(browser, "until=2026-01-01T00:00") == []
    page = browser.get(f"{LOG}?state=failed&channel=email&type=comment&window=7d").text
    assert "Failed email deliveries of the type comment, last 7 days" in page


def test_the_log_and_a_delivery_lead_to_the_person_whatever_their_id_is(api: Api):
    data = {"actor": {"id": "ana"}, "object": {"id": "p-1"}, "to": ["a/b?"]}
    event = api.post({"type": "mention", "data": data}).get_json()["id"]
    list(api.parts.steps.planner.plan([event]))
    browser = signed_in(api, Role.VIEWER)
    [delivery, *_] = shown(browser, f"event={event}")
    for page in (LOG, f"{LOG}/{delivery}"):
        [path] = set(re.findall(r'href="(/admin/people/[^"]+)"', browser.get(page).text))
        assert browser.get(path, environ_overrides={"RAW_URI": path}).status_code == 200


def test_a_wrong_filter_is_told_with_what_would_be_right(api: Api):
    browser = signed_in(api, Role.VIEWER)
    answer = browser.get(f"{LOG}?app=x&state=lost")
    assert answer.status_code == 422
    assert "state" in answer.text
    assert browser.get(f"{LOG}/rows?newest=x&oldest=y").status_code == 400
    assert browser.get(f"{LOG}/export.csv?app=x").status_code == 422
    first, last = f"dlv_{'0' * 32}", f"dlv_{'f' * 32}"
    assert browser.get(f"{LOG}/rows?newest={last}&oldest={first}").status_code == 200


def test_the_window_that_was_chosen_last_is_remembered_and_a_search_looks_at_all_times(api: Api):
    ids = comment(api)
    with api.parts.database.write() as connection:
        connection.execute(text("DELETE FROM deliveries WHERE channel <> 'email'"))
        old = "dlv_01900000" + ids["email"][12:]
        connection.execute(update(Delivery).where(Delivery.id == ids["email"]).values(id=old))
    browser = signed_in(api, Role.VIEWER)
    assert shown(browser) == []
    assert shown(browser, "q=bob") == [old]
    assert shown(browser, "window=all") == [old]
    assert shown(browser) == [old]
    assert shown(browser, "window=1h") == []


def test_an_empty_log_says_why_and_what_to_do(api: Api):
    browser = signed_in(api, Role.VIEWER)
    assert "make demo" in browser.get(LOG).text
    assert "clear the filter" in browser.get(f"{LOG}?state=bounced").text


def test_newer_and_older_lead_through_all_pages_and_back(api: Api):
    events = [api.post(like(of=f"reader-{number}")).json["id"] for number in range(45)]
    list(api.parts.steps.planner.plan(events))
    browser = signed_in(api, Role.VIEWER)

    def walk(rel: str, page: str) -> list[list[str]]:
        found = []
        while True:
            found.append(ROW.findall(page))
            link = re.findall(rf'rel="{rel}" href="([^"]+)"', page)
            if not link:
                return found
            page = browser.get(link[0].replace("&amp;", "&")).text

    older = walk("next", browser.get(f"{LOG}?window=all").text)
    every = [one for page in older for one in page]
    assert len(every) == len(set(every)) == 135
    last = browser.get(f"{LOG}?window=all").text
    while link := re.findall(r'rel="next" href="([^"]+)"', last):
        last = browser.get(link[0].replace("&amp;", "&")).text
    newer = walk("prev", last)
    assert [one for page in reversed(newer) for one in page] == every


def test_a_live_page_shows_its_rows_as_they_stand_now_and_counts_what_is_new(api: Api):
    ids = comment(api)
    browser = signed_in(api)
    assert "hx-get" not in browser.get(LOG).text
    page = browser.get(f"{LOG}?live=1").text
    [poll] = re.findall(r'hx-get="([^"]+)"', page)
    assert "hx-get" in browser.get(LOG).text  # remembered
    fail(api, ids["email"])
    comment(api, "eve")
    part = browser.get(poll.replace("&amp;", "&")).text
    assert set(ROW.findall(part)) == set(ids.values())
    assert "try later" in part
    assert re.search(r">3 new</a>", part)
    assert "hx-get" not in browser.get(f"{LOG}?live=0").text


def test_the_file_has_every_row_and_nothing_that_a_spreadsheet_would_run(api: Api):
    ids = comment(api)
    comment(api, "=cmd()")
    browser = signed_in(api, Role.VIEWER)
    answer = browser.get(f"{LOG}/export.csv?window=all")
    assert answer.is_streamed
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 6
    assert {row["user"] for row in rows} == {"bob", "'=cmd()"}
    assert {row["address"] for row in rows if row["id"] == ids["email"]} == {"b•••@app.example"}
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert audited(api) == [("deliveries.export", "all")]


def test_many_are_sent_again_after_a_confirmation_that_says_how_many(api: Api):
    dead = [comment(api, f"p{number}")["email"] for number in range(3)]
    for one in dead:
        fail(api, one)
    browser = signed_in(api, Role.OPERATOR)
    asked = post(browser, "/admin/jobs/ask", act="retry-all", filter="state=failed&window=all")
    assert "Send 3 deliveries again?" in asked.text
    assert audited(api) == []
    begun = post(browser, "/admin/jobs", act="retry-all", filter="state=failed&window=all")
    job = begun.location.rpartition("/")[2]
    assert "0 of 3" in browser.get(begun.location).text
    api.parts.steps.working.work(job)
    assert re.search(r"3 of\s+3", browser.get(f"{begun.location}/progress").text)
    assert audited(api) == [("deliveries.retry", f"{job}: states=failed")]
    assert set(shown(browser, "state=failed&window=all")) == set(dead)  # a final state is never overwritten
    with api.parts.database.read() as connection:
        again = connection.scalars(select(Delivery.retry_of).where(Delivery.retry_of.is_not(None))).all()
    assert set(again) == set(dead)


def test_only_the_ticked_ones_are_cancelled_and_nothing_ticked_is_nothing(api: Api):
    ticked, left = comment(api)["email"], comment(api, "eve")["email"]
    browser = signed_in(api, Role.OPERATOR)
    nothing = post(browser, "/admin/jobs/ask", act="cancel-ticked", filter="window=all")
    assert nothing.status_code == 302
    begun = post(browser, "/admin/jobs", act="cancel-ticked", ids=ticked, filter="window=all")
    api.parts.steps.working.work(begun.location.rpartition("/")[2])
    states = {one: api.call("GET", f"/v1/deliveries/{one}").get_json()["state"] for one in (ticked, left)}
    assert states == {ticked: "cancelled", left: "queued"}


def test_a_job_can_be_stopped_and_only_an_operator_begins_or_stops_one(api: Api):
    fail(api, comment(api)["email"])
    viewer, operator = signed_in(api, Role.VIEWER), signed_in(api, Role.OPERATOR)
    assert post(viewer, "/admin/jobs", act="retry-all").status_code == 403
    begun = post(operator, "/admin/jobs", act="retry-all", filter="")
    assert post(viewer, f"{begun.location}/stop").status_code == 403
    assert viewer.get(begun.location).status_code == 200
    post(operator, f"{begun.location}/stop")
    assert "stopped" in viewer.get("/admin/jobs").text
    assert post(operator, "/admin/jobs", act="drop-all").status_code == 400
    assert viewer.get(f"/admin/jobs/{new_id('job')}").status_code == 404


def test_the_api_retries_in_the_same_chunks_and_tells_of_its_job(api: Api):
    dead = [comment(api, f"p{number}")["email"] for number in range(3)]
    for one in dead:
        fail(api, one)
    answer = api.call("POST", "/v1/deliveries/retry", {"channel": "email"})
    said = answer.get_json()
    assert (answer.status_code, said["retried"], said["done"]) == (202, 3, True)
    job = api.call("GET", f"/v1/jobs/{said['job']}").get_json()
    assert (job["act"], job["state"], job["expected"], job["done"]) == ("retry", "done", 3, 3)
    assert api.call("GET", f"/v1/jobs/{new_id('job')}").status_code == 404


def test_the_timeline_tells_the_way_from_the_event_to_the_end(api: Api):
    ids = comment(api)
    fail(api, ids["email"], said="Mailbox <full>")
    page = signed_in(api, Role.VIEWER).get(f"{LOG}/{ids['email']}").text
    for words in ("event accepted", "because <strong>default</strong> = instant", "attempt 1", "Mailbox &lt;full&gt;"):
        assert words in page
    assert "gives up at" not in page
    waits = signed_in(api, Role.VIEWER).get(f"{LOG}/{comment(api, 'eve')['email']}").text
    assert "gives up at" in waits


def test_a_viewer_sees_nothing_of_what_a_message_says(api: Api):
    ids = comment(api, content="Our secret")
    viewer, path = signed_in(api, Role.VIEWER), f"{LOG}/{ids['email']}"
    for tab in ("html", "text", "raw", "headers"):
        page = viewer.get(f"{path}?tab={tab}").text
        assert "Our secret" not in page
        assert "bob@app.example" not in page
    assert viewer.get(f"{path}/message.html").status_code == 403
    assert viewer.get(f"{path}/message.eml").status_code == 403
    assert audited(api) == []


def test_an_operator_sees_the_message_and_that_is_on_record(api: Api):
    ids = comment(api, content="Our <script>alert(1)</script> secret")
    operator, path = signed_in(api, Role.OPERATOR), f"{LOG}/{ids['email']}"
    assert "Our" not in operator.get(path).text
    assert audited(api) == []
    assert "Our &lt;script&gt;" in operator.get(f"{path}?tab=text").text
    assert "List-Unsubscribe" in operator.get(f"{path}?tab=headers").text
    raw = operator.get(f"{path}/message.eml")
    assert raw.mimetype == "message/rfc822"
    assert raw.data.startswith(b"From: ")
    assert f'filename="{ids["email"]}.eml"' in raw.headers["Content-Disposition"]
    assert set(audited(api)) == {("delivery.preview", ids["email"])}
    assert len(audited(api)) == 3
    operator.get(f"{path}?tab=html")
    assert len(audited(api)) == 3  # it shows but a frame, whose content is noted when it is asked for
    operator.get(f"{path}/message.html")
    assert len(audited(api)) == 4


def test_the_frame_of_a_message_runs_and_fetches_nothing(api: Api):
    ids = comment(api)
    operator, path = signed_in(api, Role.OPERATOR), f"{LOG}/{ids['email']}"
    page = operator.get(f"{path}?tab=html").text
    assert re.search(r'<iframe class="message desktop" sandbox [^>]*src="[^"]*/message.html"', page)
    assert 'class="message phone"' in operator.get(f"{path}?tab=html&width=phone").text
    policy = operator.get(f"{path}/message.html").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "script" not in policy
    with_images = operator.get(f"{path}/message.html?images=1").headers["Content-Security-Policy"]
    # Our own pictures too, which come without TLS in development.
    assert "img-src data: https: http://127.0.0.1:8000;" in with_images


def test_a_feed_item_is_worded_and_what_was_taken_back_is_not(api: Api):
    ids = comment(api, content="A lake")
    operator = signed_in(api, Role.OPERATOR)
    assert "Ana" in operator.get(f"{LOG}/{ids['feed']}?tab=text").text
    with api.parts.database.write() as connection:
        connection.execute(text("UPDATE notification_events SET undone_at = '2026-11-21 10:00:00'"))
    assert "taken back or deleted" in operator.get(f"{LOG}/{ids['email']}?tab=text").text


def test_without_an_address_there_is_no_message_but_a_sentence(api: Api):
    ids = comment(api)
    with api.parts.database.write() as connection:
        connection.execute(update(Address).where(Address.user_id == "bob").values(value="nobody"))
    page = signed_in(api, Role.OPERATOR).get(f"{LOG}/{ids['email']}?tab=html")
    assert (page.status_code, "cannot be worded" in page.text) == (200, True)


def test_dead_letters_are_sent_again_or_put_away_with_a_reason(api: Api):
    one, other = comment(api)["email"], comment(api, "eve")["email"]
    fail(api, one, Reason.ADDRESS_GONE, "550 5.1.1", said="Nobody lives here")
    fail(api, other)
    viewer, operator = signed_in(api, Role.VIEWER), signed_in(api, Role.OPERATOR)
    page = viewer.get("/admin/dead").text
    assert page.count("Pointless to send again") == 1
    assert "Nobody lives here" in page
    assert "Put away</button>" not in page
    gone = {"channel": "email", "reason": "address_gone", "code": "550 5.1.1"}
    assert post(viewer, "/admin/dead/discard", why="x", **gone).status_code == 403
    post(operator, "/admin/dead/discard", why=" ", **gone)
    assert "address_gone" in viewer.get("/admin/dead").text
    post(operator, "/admin/dead/discard", why="moved away", **gone)
    begun = post(operator, "/admin/dead/retry", channel="email", reason="gave_up", code="421")
    api.parts.steps.working.work(begun.location.rpartition("/")[2])
    assert "No dead letters" in viewer.get("/admin/dead").text
    assert [action for action, _ in audited(api)] == ["dead.discard", "deliveries.retry"]
    assert "moved away" in audited(api)[0][1]
    assert post(operator, "/admin/dead/retry", channel="email", reason="gave_up", code="421").status_code == 404
    assert post(operator, "/admin/dead/retry", reason="no reason").status_code == 400
    assert set(shown(viewer, "state=failed")) == {one, other}


def test_the_link_of_a_cause_leads_to_its_deliveries_in_the_log(api: Api):
    one = comment(api)["email"]
    fail(api, one, Reason.REFUSED, "550 5.7.1")
    fail(api, comment(api, "eve")["email"], Reason.REFUSED, "554")
    viewer = signed_in(api, Role.VIEWER)
    [link] = re.findall(r'href="([^"]+code=550[^"]+)"', viewer.get("/admin/dead").text)
    assert ROW.findall(viewer.get(link.replace("&amp;", "&")).text) == [one]


def test_the_first_page_tells_what_was_sent_and_what_is_wrong(api: Api):
    ids = comment(api)
    fail(api, ids["email"])
    api.parts.pulse.beat()
    viewer = signed_in(api, Role.VIEWER)
    page = viewer.get("/admin").text
    assert re.search(r"<dt>Unaccounted</dt><dd>\s*<a[^>]*>0</a>", page)
    assert re.search(r"<dt>Failed</dt><dd>\s*<a[^>]*>1</a>", page)
    assert "scheduler is never heard of" in page
    assert "gave_up" in page
    assert 'aria-label="email, last 24 hours: 0 delivered, 1 failed' in page
    assert ROW.findall(page)
    assert 'aria-current="true">last 7 days' in viewer.get("/admin?window=7d").text
    assert 'aria-current="true">last 7 days' in viewer.get("/admin").text
    assert viewer.get("/admin?window=none").status_code == 200


def test_books_that_do_not_balance_are_told_on_the_first_page(api: Api):
    comment(api)
    with api.parts.database.write() as connection:
        connection.execute(text("DELETE FROM deliveries WHERE channel = 'feed'"))
    operator = signed_in(api, Role.OPERATOR)
    assert post(operator, "/admin/books").location == "/admin"
    assert "1 deliveries are unaccounted for" in operator.get("/admin").text
    assert post(signed_in(api, Role.VIEWER), "/admin/books").status_code == 403


def test_the_first_steps_are_shown_until_an_owner_dismisses_them(api: Api):
    owner = signed_in(api)
    assert "First steps" in owner.get("/admin").text
    assert post(signed_in(api, Role.OPERATOR), "/admin/first-steps/dismiss").status_code == 403
    post(owner, "/admin/first-steps/dismiss")
    assert "Set your mail server" not in owner.get("/admin").text


def test_no_page_of_the_log_needs_more_than_its_own_styles_and_scripts(api: Api):
    fail(api, comment(api)["email"])
    api.parts.pulse.beat()
    operator = signed_in(api, Role.OPERATOR)
    for path in ("/admin", LOG, f"{LOG}?live=1", "/admin/dead", "/admin/jobs"):
        answer = operator.get(path)
        assert "script-src 'self'; style-src 'self'" in answer.headers["Content-Security-Policy"]
        assert not re.search(r"<[^>]+\s(style|on\w+|hx-on[^=]*)=", answer.text), path
        assert "<style" not in answer.text
