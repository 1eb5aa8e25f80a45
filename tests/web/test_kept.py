"""The API and the pages say how long things are kept, and that something is not there any more."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from notifier.policy.words import Reason, State
from notifier.store.models import Event
from notifier.store.types import id_at
from tests.store.past import Past
from tests.web.api import Api
from tests.web.test_admin import signed_in


def ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def test_what_was_purged_is_not_found_and_the_answer_says_why(api: Api):
    for path, words in (
        ("/v1/events/{}", "Events are kept for 90 days"),
        ("/v1/events/{}/explain", "Events are kept for 90 days"),
    ):
        assert words in api.call("GET", path.format(id_at("evt", ago(91)))).get_json()["detail"]
        young = api.call("GET", path.format(id_at("evt", ago(1))))
        assert (young.status_code, "kept" in young.get_json()["detail"]) == (404, False)
    for act, method in (("", "GET"), ("/retry", "POST"), ("/cancel", "POST")):
        detail = api.call(method, f"/v1/deliveries/{id_at('dlv', ago(20))}{act}").get_json()["detail"]
        assert "skipped ones for 14 days" in detail
    nobodys = api.call("GET", f"/v1/events/evt_{'f' * 32}")
    assert nobodys.status_code == 404


def test_a_reader_of_changes_who_was_away_for_long_is_told_so(api: Api):
    past, mine = Past(api.parts.database, now=datetime.now(UTC)), api.make_app("log")
    for days in (100, 1):
        [delivery] = past.told(ago(days), ("email", State.SENT), app_id=mine.app)
        with api.parts.database.write() as connection:
            its = update(Event).where(Event.id == past.event_of(delivery))
            connection.execute(its.values(app_id=mine.app))
    key = mine.key
    first = api.call("GET", "/v1/changes?limit=1", key=key).get_json()
    everything = api.call("GET", "/v1/changes", key=key).get_json()
    assert len(everything["data"]) == 4
    assert past.purge().purged.deliveries >= 1
    gone = api.call("GET", f"/v1/changes?after={first['next_cursor']}", key=key)
    assert (gone.status_code, gone.get_json()["type"]) == (410, "/problems/gone")
    assert "kept for 14 days at least" in gone.get_json()["detail"]
    again = api.call("GET", "/v1/changes", key=key).get_json()
    assert len(again["data"]) == 2
    assert api.call("GET", f"/v1/changes?after={everything['next_cursor']}", key=key).status_code == 200


def test_the_pages_say_how_long_things_are_kept(api: Api):
    past, browser = Past(api.parts.database, now=datetime.now(UTC)), signed_in(api)
    assert (
        "Deliveries are kept for 30 days, failed and bounced ones for 90 days" in browser.get("/admin/deliveries").text
    )

    def page(*outcome: object) -> str:
        [made] = past.told(ago(2), outcome)
        return browser.get(f"/admin/deliveries/{made}").text

    assert "Kept for 30 days from when it was to go out." in page("email", State.SENT)
    assert "Kept for 90 days from when it was to go out, its attempts for 30 days." in page(
        "email", State.FAILED, Reason.REFUSED, 2
    )
    assert "Kept for 14 days" in page("push", State.SKIPPED, Reason.NO_ADDRESS)
    assert "Kept for 90 days" in page("feed", State.SENT)
    assert "Kept until it has come to its end" in page("email", State.WAITING)
    assert "skipped ones for 14 days" in browser.get(f"/admin/deliveries/{id_at('dlv', ago(20))}").text
