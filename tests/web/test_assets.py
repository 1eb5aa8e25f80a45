"""Scripts and styles: those of others are theirs unchanged, and browsers keep what cannot change."""

import base64
import hashlib
import re

from flask.testing import FlaskClient

from notifier.web.assets import FOLDER
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
