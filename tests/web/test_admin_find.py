"""The find box: the id of anything leads to its page, and what is not known leads to the log with a sentence."""

import uuid
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from notifier.store.admins import Role
from notifier.store.models import Address, Attempt, Delivery
from notifier.store.sql import insert
from notifier.store.types import new_id
from tests.web.api import Api
from tests.web.test_admin import signed_in

NOBODYS = "01a2242dedd47602b8ebbb1acb13ef32"  # no id of this run


@pytest.fixture
def operator(api: Api) -> FlaskClient:
    return signed_in(api, Role.OPERATOR)


@pytest.fixture
def bob(api: Api) -> str:
    """Somebody with a mailbox, who was told of something."""
    user = f"bob/{uuid.uuid4().hex}"
    api.call("PUT", f"/v1/users/{quote(user, safe='')}", {"email": f"{user[4:]}@App.example"})
    event = {"type": "mention", "data": {"actor": {"id": "ana"}, "object": {"id": "c-1"}, "to": [user]}}
    made = api.post(event, idempotency_key=f"key of {user}").get_json()["id"]
    list(api.parts.steps.planner.plan([made]))
    return user


def found(browser: FlaskClient, text: str) -> str:
    answer = browser.get("/admin/find", query_string={"q": text})
    assert answer.status_code == 302
    return answer.location


@pytest.mark.parametrize(
    ("prefix", "page"),
    [
        ("evt", "events"),
        ("dlv", "deliveries"),
        ("dig", "digests"),
        ("app", "apps"),
        ("sch", "schedules"),
        ("job", "jobs"),
    ],
)
def test_an_id_leads_to_its_page(operator: FlaskClient, prefix: str, page: str):
    id_ = new_id(prefix)
    assert found(operator, f" {id_} ") == f"/admin/{page}/{id_}"


def test_what_has_no_page_of_its_own_leads_to_where_it_belongs(api: Api, operator: FlaskClient, bob: str):
    with api.parts.database.write() as connection:
        its = select(Delivery.id, Delivery.notification_id).where(Delivery.user_id == bob)
        delivery = connection.execute(its.order_by(Delivery.id.desc())).first()
        assert delivery is not None
        attempt = new_id("att")
        tried = {"id": attempt, "delivery_id": delivery.id, "started_at": api.parts.clock(), "ms": 1, "outcome": "sent"}
        connection.execute(insert(connection, Attempt).values(**tried, code="250", text="ok", worker="w"))
        address = connection.scalar(select(Address.id).where(Address.user_id == bob))
    page = f"/admin/deliveries/{delivery.id}"
    assert found(operator, attempt) == page
    assert found(operator, delivery.notification_id) == page
    assert found(operator, f"<{delivery.id}@app.example>") == page
    assert found(operator, address or "") == f"/admin/people/{quote(bob, safe='')}"


def test_a_person_is_found_by_id_by_key_of_an_event_and_by_operators_by_mailbox(
    api: Api, operator: FlaskClient, bob: str
):
    page = f"/admin/people/{quote(bob, safe='')}"
    assert found(operator, bob) == page
    assert found(operator, f"{bob[4:]}@app.EXAMPLE") == page
    assert found(operator, f"key of {bob}").startswith("/admin/events/evt_")
    viewer = signed_in(api, Role.VIEWER)
    assert found(viewer, bob) == page
    assert found(viewer, f"{bob[4:]}@app.example") == "/admin/deliveries"
    assert "Only operators" in viewer.get("/admin/deliveries").text


def test_a_mailbox_of_several_leads_to_the_list_of_people(api: Api, operator: FlaskClient):
    mailbox = f"{uuid.uuid4().hex}@app.example"
    for _ in range(2):
        api.call("PUT", f"/v1/users/{uuid.uuid4().hex}", {"email": mailbox})
    assert found(operator, mailbox) == f"/admin/people?q={quote(mailbox, safe='')}"


@pytest.mark.parametrize(
    "text", ["nobody at all", "<script>", "run_0", "x@y", "a" * 300, f"att_{NOBODYS}", f"sub_{NOBODYS}"]
)
def test_what_leads_nowhere_leads_to_the_log_with_a_sentence(operator: FlaskClient, text: str):
    log = found(operator, text)
    assert log == f"/admin/deliveries?{'q=' + quote(text[:255], safe='@').replace('%20', '+')}"
    page = operator.get(log).text
    assert "Nothing has this id" in page
    assert "<script>" not in page


def test_nothing_leads_to_the_log(operator: FlaskClient):
    assert found(operator, " ") == "/admin/deliveries"
    assert found(operator, "a\x00b") == "/admin/deliveries"


def test_the_box_stands_on_every_page(operator: FlaskClient):
    for path in ("deliveries", "events", "apps", "digests", "schedules", f"events/{new_id('evt')}"):
        assert 'action="/admin/find"' in operator.get(f"/admin/{path}").text
