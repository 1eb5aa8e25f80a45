"""The admin pages of templates: every type in every language, nothing that a mail brings along can act, and checks."""

import re
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from notifier.app.home import CATALOGUE
from notifier.app.parts import now
from notifier.channels.preview import Preview, Shown, checks
from notifier.channels.samples import Setting, sample
from notifier.languages import Languages
from notifier.policy.catalogue import read_catalogue
from notifier.policy.naming import recipients_of
from notifier.store.admins import Role
from notifier.store.models import Audit
from tests.smtp_server import SmtpServer
from tests.web.api import Api, make_parts
from tests.web.test_admin import signed_in, token_of

CATALOGUE_READ = read_catalogue(CATALOGUE.read_text())
TYPES = [kind.short for kind in CATALOGUE_READ.heard]
SETTING = Setting("en", "http://127.0.0.1:8000", now())


@pytest.fixture
def admin(api: Api) -> FlaskClient:
    return signed_in(api, Role.OPERATOR)


def test_the_matrix_shows_every_type_in_every_language(admin: FlaskClient):
    page = admin.get("/admin/templates").text
    for name in (*TYPES, "digest", "summary"):
        assert page.count(f'href="/admin/templates/{name}?lang=') == len(Languages().tags)
    assert "missing" not in re.sub(r"<p.*?</p>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize("locale", Languages().tags)
@pytest.mark.parametrize("name", [*TYPES, "digest", "summary"])
def test_every_sample_passes_every_check_in_every_language(admin: FlaskClient, name: str, locale: str):
    page = admin.get(f"/admin/templates/{name}?lang={locale}").text
    assert "look at it" not in page
    assert page.count("fine</span>") == 7
    page = admin.get(f"/admin/templates/{name}?lang={locale}&several=1").text
    # Of many names, a subject becomes long in some languages; that is what the check is there to say.
    assert re.findall(r'<th scope="row">([\w ]+)</th><td><span class="state failed">', page) in ([], ["Subject"])
    mail = admin.get(f"/admin/templates/{name}/mail?lang={locale}")
    assert mail.status_code == 200
    assert f'lang="{locale}' in mail.text


@pytest.mark.parametrize("kind", CATALOGUE_READ.heard, ids=TYPES)
def test_the_reader_of_a_sample_is_one_of_those_who_are_told(kind):
    event = sample(kind, SETTING).events[0]
    assert sample(kind, SETTING).person.id in recipients_of(event, kind) or "followers" in kind.told


def test_a_mail_in_its_frame_can_do_nothing(admin: FlaskClient):
    answer = admin.get("/admin/templates/comment/mail")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    page = admin.get("/admin/templates/comment")
    assert re.search(r'<iframe [^>]*sandbox src="/admin/templates/comment/mail', page.text)
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def real_event(api: Api, **content: str) -> str:
    thing = {"id": f"c-{uuid.uuid4().hex}", "type": "comment", **content}
    body = {"actor": {"id": "zoe", "name": "Zoe"}, "object": thing, "target": {"id": "p", "owner": "bob"}}
    answer = api.post({"type": "comment", "data": body})
    return str(answer.get_json()["id"])


def test_a_real_event_is_shown_escaped_and_that_somebody_looked_is_on_record(api: Api, admin: FlaskClient):
    event = real_event(api, content="<script>alert(1)</script> hello")
    page = admin.get(f"/admin/templates/comment?event={event}").text
    assert "Zoe" in page
    mail = admin.get(f"/admin/templates/comment/mail?event={event}").text
    assert "&lt;script&gt;" in mail
    assert "<script>" not in mail
    with api.parts.database.read() as connection:
        noted = connection.scalars(select(Audit.subject).where(Audit.action == "template.preview")).all()
    assert noted.count(f"comment {event}") == 1, "once for the page, its frame included"


def test_viewers_see_samples_and_no_real_event(api: Api):
    viewer = signed_in(api, Role.VIEWER)
    assert viewer.get("/admin/templates/comment").status_code == 200
    for path in ("comment", "comment/mail"):
        assert viewer.get(f"/admin/templates/{path}?event={real_event(api)}").status_code == 403


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("nonesuch", "no template"),
        ("comment?lang=xx", "there are ar, de"),
        ("comment?event=evt_1", "32 letters and digits"),
        (f"comment?event=evt_{'0' * 32}", "may have been purged"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(admin: FlaskClient, path: str, right: str):
    answer = admin.get(f"/admin/templates/{path}")
    assert answer.status_code == 404
    assert right in answer.text


def test_an_event_of_another_type_has_its_own_template(api: Api, admin: FlaskClient):
    answer = admin.get(f"/admin/templates/like?event={real_event(api)}")
    assert answer.status_code == 404
    assert "comment.created" in answer.text


def test_pictures_of_a_mail_are_not_fetched(admin: FlaskClient):
    mail = admin.get("/admin/templates/comment/mail").text
    assert mail.count("<img") == mail.count('src="data:image/gif') == 2


def test_an_admin_sends_a_mail_to_themselves_alone(tmp_path: Path):
    with SmtpServer() as relay:
        around = {"mail_server": "127.0.0.1", "mail_port": relay.port}
        made = make_parts(tmp_path)
        api = Api(replace(made, around=replace(made.around, **around))).migrate()
        admin = signed_in(api, Role.OPERATOR)
        answer = admin.post("/admin/templates/like/send?lang=de", data={"csrf_token": token_of(admin)})
        [mail] = relay.wait_for(1)
        assert answer.location == "/admin/templates/like?lang=de"
        assert "is on its way" in admin.get(answer.location).text
        with api.parts.database.read() as connection:
            [who] = connection.scalars(select(Audit.who).where(Audit.action == "template.send"))
        assert mail.recipients == (who,)
        assert admin.get("/admin/templates/like/send").status_code == 405
        api.parts.database.close()


BAD = Preview(
    subject="x" * 100,
    text=" ",
    html=f"<p>{{{{ name }}}}<img src='a'><img src='b' alt=''>{'y' * 110_000}</p>",
    raw=b"Subject: x\r\n\r\n",
    push=Shown("t", "b", "", 5_000),
    lang="en",
)


def test_each_check_finds_what_it_looks_for():
    found = {check.name: check for check in checks(sample(CATALOGUE_READ.heard[1], SETTING), BAD)}
    assert not [name for name, check in found.items() if check.fine]
    assert found["Alternative texts"].says == "1 of 2 lack one"
    assert "{{" in found["Variables"].says
    assert "107" in found["Size"].says


def test_what_a_language_lacks_and_which_templates_are_ones_own_is_marked(tmp_path: Path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "like.jinja").write_text("{% block sentence %}{{ who }} adores it{% endblock %}")
    (own / "fr.po").write_text('msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n')
    api = Api(make_parts(tmp_path / "data", TEMPLATES_DIR=own)).migrate()
    admin = signed_in(api, Role.VIEWER)
    page = admin.get("/admin/templates").text
    assert "your like.jinja" in page
    assert re.search(r'lang=fr"><span class="state failed"><span aria-hidden="true">✖</span> \d+ missing', page)
    shown = admin.get("/admin/templates/comment?lang=fr").text
    assert "fr lacks words, so English is spoken." in shown
    assert "adores it" in admin.get("/admin/templates/like").text
    api.parts.database.close()
