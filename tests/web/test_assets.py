"""Scripts and styles: those of others are theirs unchanged, and browsers keep what cannot change."""

import base64
import gzip
import hashlib
import json
import re

import pytest
from flask.testing import FlaskClient

from notifier.languages import Languages
from notifier.web.assets import FOLDER, FOR_APPS
from tests.web.api import Api

PUBLISHED = {"htmx-4.0.1.min.js": "Qp9rdC8H7EqOoX+nR0P3RPG2Noji+qdwJlGpfzwQJsfOpp3sGwIdSP9xO3+UlEhn"}


def test_the_files_of_others_are_as_they_were_published():
    for name, digest in PUBLISHED.items():
        assert base64.b64encode(hashlib.sha384((FOLDER / "vendor" / name).read_bytes()).digest()).decode() == digest
    assert {path.name for path in (FOLDER / "vendor").glob("*.js")} == set(PUBLISHED)


def kept(browser: FlaskClient, path: str) -> str:
    """How long browsers keep it; the file is closed."""
    with browser.get(path) as answer:
        return answer.headers["Cache-Control"]


def test_a_file_asked_for_by_its_version_is_kept_by_browsers_and_another_is_not(api: Api):
    browser = api.server.test_client()
    page = browser.get("/admin/login").text
    assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(assets) == 3
    for path in assets:
        assert "immutable" in kept(browser, path)
        assert "immutable" not in kept(browser, path.partition("?")[0])


def served(api: Api, name: str, **headers: str) -> tuple[bytes, dict[str, str]]:
    """A script as the page of an app is given it."""
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    with api.server.test_client().get(f"/static/{name}", headers=given) as answer:
        assert answer.status_code == 200
        return answer.data, dict(answer.headers)


def test_the_bell_and_all_that_it_needs_come_in_ten_kilobytes(api: Api):
    sizes = [len(served(api, name, accept_encoding="gzip, br")[0]) for name in ("notifier.js", "notifier-bell.js")]
    assert sum(sizes) <= 10_000
    assert len(served(api, "notifier-sw.js", accept_encoding="gzip")[0]) <= 2_000


@pytest.mark.parametrize("name", FOR_APPS)
def test_a_script_for_apps_is_the_same_compressed_or_not_and_no_cache_mixes_them_up(api: Api, name: str):
    plain, told = served(api, name)
    small, told_small = served(api, name, accept_encoding="gzip")
    assert plain == (FOLDER / name).read_bytes() == gzip.decompress(small)
    assert "Content-Encoding" not in told
    assert told_small["Content-Encoding"] == "gzip"
    assert told_small["Content-Length"] == str(len(small))
    assert "Accept-Encoding" in told["Vary"]
    assert "Accept-Encoding" in told_small["Vary"]
    assert served(api, name, accept_encoding="gzip;q=0")[0] == plain


@pytest.mark.parametrize("name", FOR_APPS)
def test_pages_of_any_origin_may_load_the_scripts_for_apps_and_their_workers_may_serve_a_whole_site(
    api: Api, name: str
):
    _, told = served(api, name, origin="https://app.example")
    assert told["Access-Control-Allow-Origin"] == "*"
    assert told["Service-Worker-Allowed"] == "/"
    assert told["Content-Type"].startswith("text/javascript")
    assert told["Cache-Control"] == "public, max-age=3600"


def test_the_scripts_of_our_own_pages_are_for_them_alone(api: Api):
    _, told = served(api, "admin.js", origin="https://app.example", accept_encoding="gzip")
    assert not {"Access-Control-Allow-Origin", "Service-Worker-Allowed"} & set(told)


def test_a_script_that_a_browser_has_is_not_sent_again(api: Api):
    browser = api.server.test_client()
    with browser.get("/static/notifier.js", headers={"Accept-Encoding": "gzip"}) as first:
        mark = first.headers["ETag"]
    with browser.get("/static/notifier.js", headers={"If-None-Match": mark}) as again:
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["Access-Control-Allow-Origin"] == "*"


def test_the_bell_speaks_every_language_that_we_speak():
    script = (FOLDER / "notifier-bell.js").read_text()
    words = dict(re.findall(r'^  (\w+): (\[".*"\]),$', script, re.MULTILINE))
    assert set(words) == {tag.partition("_")[0] for tag in Languages(None).tags}
    for lang, said in words.items():
        texts = json.loads(said)
        assert len(texts) == 7, lang
        assert all(texts), lang
        assert "#" in texts[1], lang
        assert lang == "en" or not set(texts) & set(json.loads(words["en"])), lang


@pytest.mark.parametrize("name", FOR_APPS)
def test_the_scripts_for_apps_run_under_a_strict_policy(name: str):
    script = (FOLDER / name).read_text()
    assert not re.search(
        r"innerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|\.style\b|setAttribute\(.on", script
    )
