"""The examples of the documentation, pasted as they stand, against the service as a user runs it."""

import html
import os
import quopri
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from notifier.web.answers import ANSWERS
from notifier.web.examples import EXAMPLES, SIGNED, samples
from tests.stack import Stack, comment, eventually


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service, with bob and one comment that he was told of."""
    with Stack(tmp_path_factory.mktemp("stack")) as made:
        made.person("bob")
        yield made


@pytest.fixture(scope="module")
def given(stack: Stack) -> dict[str, str]:
    """What the examples read from the environment."""
    event = stack.post(comment())
    [mail] = eventually(lambda: stack.deliveries(event=event, channel="email", state="sent"))
    app = stack.ready["app"]
    return {
        "PATH": os.environ["PATH"],
        "NOTIFIER_URL": stack.ready["url"],
        "NOTIFIER_KEY": app["key"],
        "NOTIFIER_APP": app["id"],
        "NOTIFIER_SECRET": app["secret"],
        "EVENT": event,
        "DELIVERY": mail["id"],
        "TOKEN": stack.call("POST", "/v1/users/bob/token").json["token"],
    }


def pasted(command: list[str], source: str, given: dict[str, str]) -> str:
    """What the example prints; it must end well."""
    ended = subprocess.run(command, input=source, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("endpoint", [*EXAMPLES, SIGNED])
def test_an_example_works_when_it_is_pasted(endpoint: str, given: dict[str, str]):
    curl, python = samples(endpoint)
    answer = pasted(["bash", "-eu", "-o", "pipefail"], curl.source, given)
    assert answer.startswith("{"), answer
    status, _, answer = pasted([sys.executable, "-"], python.source, given).partition(" ")
    assert int(status) == ANSWERS[endpoint].status
    assert answer.startswith("{"), answer


def test_the_first_lines_of_the_documentation_find_the_credentials(stack: Stack, given: dict[str, str], tmp_path: Path):
    page = stack.call("GET", "/docs").text
    [block] = re.findall(r"<code>(credential\(\).*?)</code>", page, re.DOTALL)
    (tmp_path / "instance").symlink_to(stack.data_dir)
    names = ("URL", "KEY", "APP", "SECRET")
    source = html.unescape(block) + "\necho " + " ".join(f"$NOTIFIER_{name}" for name in names) + "\n"
    ended = subprocess.run(
        ["bash", "-eu"], input=source, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert ended.stdout.split() == [given[f"NOTIFIER_{name}"] for name in names]


def opened(url: str, data: bytes | None = None) -> tuple[int, str]:
    """The page of a link, which needs no login."""
    try:
        with urlopen(Request(url, data), timeout=30) as answer:  # noqa: S310 (our own address)
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


def test_every_mail_leads_to_the_settings_to_why_it_came_and_to_where_it_stops(stack: Stack, given: dict[str, str]):
    [mail] = [mail for mail in stack.mail.mails if f"<{given['DELIVERY']}@".encode() in mail.content]
    text = quopri.decodestring(mail.content).decode()
    links = dict(re.findall(rf"{given['NOTIFIER_URL']}/(p|u|why)/([\w-]{{43}})", text))
    assert set(links) == {"p", "u", "why"}
    says = {"p": "Notifications for", "u": "Stop mail about", "why": "Ana commented on your post"}
    for path, token in links.items():
        status, page = opened(f"{given['NOTIFIER_URL']}/{path}/{token}")
        assert (status, says[path] in page) == (200, True), page
