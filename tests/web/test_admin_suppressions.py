"""The admin pages of suppressions: what is gone and why, found by filters, lifted by operators, exported as CSV."""

import csv
import html
import io
import re
import uuid
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from notifier.store import suppressions
from notifier.store.admins import Role
from notifier.store.gone import REMOVED
from notifier.store.models import Address
from notifier.store.types import new_id
from tests.web.api import Api
from tests.web.test_admin import signed_in
from tests.web.test_admin_people import address_of, audited, path, post, put, said, suppress, text_of
from tests.web.test_people import subscription

PAGE = "/admin/suppressions"


@pytest.fixture
def operator(api: Api) -> FlaskClient:
    return signed_in(api, Role.OPERATOR)


def somebody(api: Api, name: str = "bob") -> str:
    made = f"{name}-{uuid.uuid4().hex}"
    put(api, made, email=f"{made}@app.example")
    return made


def people_in(page: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'<a href="/admin/people/[^"]+">(.*?)</a>', page)]


def test_filters_find_by_channel_cause_and_reason_and_stay_in_the_address(api: Api, operator: FlaskClient):
    refused, removed, device, live = (somebody(api, name) for name in ("refused", "removed", "device", "live"))
    mark = uuid.uuid4().hex
    suppress(api, refused, f"550 5.1.1 User {mark} Unknown 100%")
    api.call("PUT", f"/v1/users/{removed}", {"email": None})
    assert api.call("POST", f"/v1/users/{device}/push-subscriptions", subscription()).status_code == 201
    suppress(api, device, f"410 expired {mark}", "push")
    found = {
        query: set(people_in(text_of(operator.get(f"{PAGE}?{query}")))) & {refused, removed, device, live}
        for query in ("", "channel=push", "cause=refused", "cause=removed", f"q={mark} unknown", "q=100%25", "q=100_")
    }
    assert found == {
        "": {refused, removed, device},
        "channel=push": {device},
        "cause=refused": {refused, device},
        "cause=removed": {removed},
        f"q={mark} unknown": {refused},
        "q=100%25": {refused},
        "q=100_": set(),
    }
    page = text_of(operator.get(f"{PAGE}?channel=email&cause=refused&q=550"))
    assert f'href="{PAGE}/export.csv?channel=email&cause=refused&q=550"' in page


def test_pages_follow_one_another_without_a_gap_where_many_are_gone_at_one_moment(
    api: Api, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
):
    # Before all others: those of this second stand on the first page, where other tests look for theirs.
    mark, first = uuid.uuid4().hex, api.parts.clock() - timedelta(days=1)
    gone = [somebody(api) for _ in range(105)]
    for number, user in enumerate(gone):
        suppress(api, user, f"550 {mark}")
        at = first + timedelta(seconds=number // 40)
        with api.parts.database.write() as connection:
            connection.execute(update(Address).where(Address.user_id == user).values(gone_at=at))
    seen = walked(operator, f"{PAGE}?q={mark}")
    assert len(seen) == len(set(seen)) == 105
    assert set(seen) == set(gone)
    assert [gone.index(user) // 40 for user in seen] == sorted((gone.index(user) // 40 for user in gone), reverse=True)
    monkeypatch.setattr(suppressions, "LOOKED", 30)  # however rare, a page looks at so many and no more
    assert walked(operator, f"{PAGE}?q={mark}") == seen
    assert "Look further back" in operator.get(f"{PAGE}?q={uuid.uuid4().hex}").text


def walked(browser: FlaskClient, page: str) -> list[str]:
    """The people of that page and of all that follow."""
    seen: list[str] = []
    while page:
        answer = browser.get(html.unescape(page)).text
        seen += people_in(answer)
        page = next(iter(re.findall(r'rel="next" href="([^"]+)"', answer)), "")
    return seen


def test_an_operator_lifts_one_after_being_asked_and_messages_go_there_again(api: Api, operator: FlaskClient):
    user = somebody(api)
    gone = suppress(api, user)
    assert "550 5.1.1 User unknown" in text_of(operator.get(f"{PAGE}/{gone}/lift"))
    assert user in people_in(text_of(operator.get(PAGE)))  # asking changes nothing
    answer = post(operator, f"{PAGE}/{gone}/lift")
    assert answer.location == path(user)
    assert "is lifted" in said(operator, answer)
    assert user not in people_in(text_of(operator.get(PAGE)))
    assert audited(api, user) == [("operator@app.example", "suppression.lift")]
    assert post(operator, f"{PAGE}/{gone}/lift").status_code == 404


def test_what_a_person_took_back_themselves_cannot_be_lifted(api: Api, operator: FlaskClient):
    user = somebody(api)
    gone = suppress(api, user, REMOVED)
    assert "cannot be lifted" in text_of(operator.get(f"{PAGE}/{gone}/lift"))
    assert "Nothing was changed" in said(operator, post(operator, f"{PAGE}/{gone}/lift"))
    assert user in people_in(text_of(operator.get(PAGE)))
    assert audited(api, user) == []


def test_the_export_is_all_of_the_filter_with_formulas_made_harmless(api: Api, operator: FlaskClient):
    mark = uuid.uuid4().hex
    evil = f"=cmd|{mark}"
    put(api, evil, email=f"+{mark}@app.example")
    suppress(api, evil, f'@SUM(1) "{mark}"')
    for _ in range(3):
        suppress(api, somebody(api), f"550 {mark}")
    answer = operator.get(f"{PAGE}/export.csv?q={mark}")
    assert answer.content_type == "text/csv; charset=utf-8"
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert head == ["since", "channel", "address", "person", "last_sent_at", "reason"]
    assert len(rows) == 4
    [first] = [row for row in rows if mark in row[3]]
    assert first[2:4] == [f"'+{mark}@app.example", f"'{evil}"]
    assert first[5] == f'\'@SUM(1) "{mark}"'
    assert audited(api, mark) == [("operator@app.example", "suppressions.export")]


def test_an_export_reads_page_after_page(api: Api, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("notifier.store.suppressions.PAGE", 2)
    mark = uuid.uuid4().hex
    gone = [somebody(api) for _ in range(5)]
    for user in gone:
        suppress(api, user, f"550 {mark}")
    rows = list(csv.reader(io.StringIO(operator.get(f"{PAGE}/export.csv?q={mark}").text)))[1:]
    assert sorted(row[3] for row in rows) == sorted(gone)


def test_viewers_look_and_neither_lift_nor_export(api: Api):
    viewer, gone = signed_in(api, Role.VIEWER), suppress(api, somebody(api))
    assert viewer.get(PAGE).status_code == 200
    assert viewer.get(f"{PAGE}/export.csv").status_code == 403
    assert viewer.get(f"{PAGE}/{gone}/lift").status_code == 403
    assert post(viewer, f"{PAGE}/{gone}/lift").status_code == 403


@pytest.mark.parametrize(
    "query", ["channel=fax", "channel=feed", "cause=x", "q=%00", "cursor=x", "cursor=sub_" + "0" * 32]
)
def test_a_filter_that_nothing_can_match_is_refused_with_what_would_be_right(operator: FlaskClient, query: str):
    answer = operator.get(f"{PAGE}?{query}")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    if "cursor" not in query:
        assert operator.get(f"{PAGE}/export.csv?{query}").status_code == 422


def test_nobody_knows_of_an_address_that_is_live_or_unknown(api: Api, operator: FlaskClient):
    live = address_of(api, somebody(api), "email")
    for address in (live, new_id("sub")):
        assert operator.get(f"{PAGE}/{address}/lift").status_code == 404
        assert post(operator, f"{PAGE}/{address}/lift").status_code == 404


def test_an_empty_filter_says_so_and_shows_the_way_out(operator: FlaskClient):
    assert "No such address matches this filter" in text_of(operator.get(f"{PAGE}?q=nothing-like-it"))


def test_what_providers_say_brings_no_tags_into_the_page(api: Api, operator: FlaskClient):
    user = somebody(api)
    gone = suppress(api, user, "550 <script>alert(1)</script>")
    for page in (PAGE, f"{PAGE}/{gone}/lift", path(user)):
        assert "<script>alert" not in operator.get(page).text
