"""The examples of the documentation, pasted as they stand, against the service as a user runs it."""

import html
import os
import quopri
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from notifier.web.answers import ANSWERS
from notifier.web.examples import EXAMPLES, SIGNED, samples
from tests.push_server import PushServer
from tests.stack import Stack, comment, eventually
from tests.web.api import like


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
    stack.post(like(of="bob"))
    [digest] = eventually(lambda: stack.call("GET", "/v1/users/bob/digest").json["data"])
    with PushServer() as server:
        device = server.subscribe() | {"endpoint": f"https://fcm.googleapis.com/fcm/send/{uuid.uuid4().hex}"}
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
        "DIGEST": digest["id"],
        "TOMORROW": f"{datetime.now(UTC) + timedelta(days=1):%FT%TZ}",
        "DEVICE": stack.call("POST", "/v1/users/bob/push-subscriptions", device).json["id"],
    }


def fresh(stack: Stack, endpoint: str) -> dict[str, str]:
    """What an example of a schedule finds: one of its own, and none that it would make a second time."""
    if not endpoint.startswith("schedules."):
        return {}
    body = EXAMPLES["schedules.add"].body
    for one in stack.call("GET", "/v1/schedules?limit=200").json["data"]:
        if not one["built_in"]:
            stack.call("DELETE", f"/v1/schedules/{one['id']}")
    made = stack.call("POST", "/v1/schedules", body | {"name": "Tidy at noon", "cron": "0 12 * * *"}).json
    return {"SCHEDULE": made["id"]}


def pasted(command: list[str], source: str, given: dict[str, str]) -> str:
    """What the example prints; it must end well."""
    ended = subprocess.run(command, input=source, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("endpoint", [*EXAMPLES, SIGNED])
def test_an_example_works_when_it_is_pasted(endpoint: str, stack: Stack, given: dict[str, str]):
    curl, python = samples(endpoint)
    said = [pasted(["bash", "-eu", "-o", "pipefail"], curl.source, given | fresh(stack, endpoint))]
    status, _, answer = pasted([sys.executable, "-"], python.source, given | fresh(stack, endpoint)).partition(" ")
    gives = ANSWERS[endpoint]
    # What waited for the digest went out at the first word.
    assert int(status) == (200 if endpoint == "digests.send" else gives.status)
    for text in (*said, answer):
        assert text.startswith("{") if gives.model else not text.strip(), text


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
