"""The pages of the API: its documentation, and what each problem means."""

import gzip
import html
import json
import re

import pytest

from notifier.web.answers import ANSWERS
from notifier.web.examples import EXAMPLES, SIGNED, samples
from notifier.web.problem_pages import ADVICE
from notifier.web.problems import TITLES
from tests.web.api import Api
from tests.web.test_openapi import COMMITTED, operations

MAIN = {
    *("events.receive", SIGNED, "batches.receive_batch", "explain.explain", "explain.dry_run", "deliveries.page"),
    *("users.save", "preferences.choose", "tokens.make", "feed.page", "deliveries.retry_many", "digests.send"),
    *("schedules.add", "schedules.remove", "users.erase", "relations.unmute", "devices.drop_device"),
}


def test_the_documentation_shows_every_call_without_a_script_or_anything_from_elsewhere(api: Api):
    answer = api.call("GET", "/docs", authorization="")
    assert answer.status_code == 200
    for path, method, told in operations():
        assert f'<h3 id="{told["operationId"]}"><span class="method">{method.upper()}</span> <code>{path}</code>' in (
            answer.text
        )
    assert "<script" not in answer.text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert " style=" not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'; script-src 'self'; style-src")


def test_the_documentation_is_told_by_chapters_that_have_names(api: Api):
    page = api.call("GET", "/docs", authorization="").text
    chapters = re.findall(r'<li><a href="#(\w+)">([^<]+)</a></li>', page)
    assert {tag for tag, _ in chapters} == {told["tags"][0] for _, _, told in operations()}
    assert dict(chapters)["relations"] == "Mutes and blocks"
    for tag, _ in chapters:
        assert f'<h2 id="{tag}">' in page


def test_every_main_call_has_an_example_in_curl_and_in_python():
    assert {*EXAMPLES, SIGNED} >= MAIN
    for _, _, told in operations():
        endpoint = told["operationId"].replace("_", ".", 1)
        assert told.get("x-codeSamples", []) == [
            {"lang": one.lang, "label": one.label, "source": one.source} for one in samples(endpoint)
        ]
    for endpoint in (*EXAMPLES, SIGNED):
        assert [sample.label for sample in samples(endpoint)] == ["curl", "Python"]


def test_an_example_calls_the_operation_that_it_stands_with():
    for path, method, told in operations():
        example = EXAMPLES.get(told["operationId"].replace("_", ".", 1))
        if example:
            assert example.method == method.upper()
            assert re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), example.path.partition("?")[0]), path
            assert (example.body is None) or "requestBody" in told


def test_every_operation_says_what_it_answers():
    for path, method, told in operations():
        [status] = [code for code in told["responses"] if code != "default"]
        assert 200 <= int(status) < 300, (path, method)
    assert set(ANSWERS) == {told["operationId"].replace("_", ".", 1) for _, _, told in operations()}
    assert COMMITTED["openapi"].startswith("3.1")


@pytest.mark.parametrize("slug", TITLES)
def test_every_problem_has_a_page_that_says_what_to_do(api: Api, slug: str):
    answer = api.call("GET", f"/problems/{slug}", authorization="")
    assert answer.status_code == 200
    assert TITLES[slug] in html.unescape(answer.text)
    advice = ADVICE[slug]
    example = json.loads(json.dumps(advice.example(slug)))
    assert (example["type"], example["status"]) == (f"/problems/{slug}", advice.status)
    assert advice.do


def test_there_is_no_page_of_a_problem_that_there_is_not(api: Api):
    assert set(ADVICE) == set(TITLES)
    assert api.call("GET", "/problems/nonsense", authorization="").status_code == 404


def test_a_refusal_names_a_page_that_is_there(api: Api):
    body = api.post({"type": "like"}).get_json(force=True)
    page = api.call("GET", body["type"], authorization="")
    assert page.status_code == 200
    assert body["title"] in html.unescape(page.text)


def test_the_page_comes_compressed_where_the_browser_takes_it(api: Api):
    browser = api.server.test_client()
    plain = browser.get("/docs")
    small = browser.get("/docs", headers={"Accept-Encoding": "gzip"})
    assert (plain.content_encoding, small.content_encoding) == (None, "gzip")
    assert gzip.decompress(small.data) == plain.data
    assert len(small.data) < 50_000
