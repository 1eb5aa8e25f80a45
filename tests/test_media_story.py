"""A photo from the upload to the mail that shows it, on the whole service, whose worker is killed in the middle."""

import os
import signal
import uuid
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.media.pictures import SECRET, photo
from tests.stack import Stack, eventually


def upload(stack: Stack, octets: bytes) -> str:
    """Upload it as an app does; the asset's id."""
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
    body = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + octets + f"\r\n--{mark}--\r\n".encode()
    key = stack.ready["app"]["key"]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": f"multipart/form-data; boundary={mark}"}
    request = Request(f"{stack.ready['url']}/v1/assets", body, headers)  # noqa: S310 (our own http)
    with urlopen(request, timeout=30) as answer:  # noqa: S310 (our own http)
        assert answer.status == 202
        return answer.headers["Location"].rpartition("/")[2]


def shown(stack: Stack, asset: str) -> Any:
    return stack.call("GET", f"/v1/assets/{asset}").json


def test_a_photo_is_made_whoever_is_killed_and_a_post_never_waits_for_it(tmp_path: Path):
    patience = {"MEDIA_WAIT_IMAGE": "300"}  # the machine may be slow, and is not what is tested
    with Stack(tmp_path, LEASE_SECONDS="2", MEDIA_ALLOW_LOOPBACK="true", **patience) as stack:
        stack.person("bob")
        stack.call("PUT", "/v1/users/bob/preferences", {"types": {"post": {"email": "instant"}}})
        asset = upload(stack, photo(6, 3000, 4000))
        lost = f"{stack.ready['url']}/nowhere.jpg"
        media = [{"asset": asset, "alt": "The sea"}, {"url": lost}]
        thing = {"id": "post-7", "type": "post", "media": media}
        event = {"type": "post.created", "data": {"actor": {"id": "ana"}, "object": thing, "to": ["bob"]}}
        posted = stack.call("POST", "/v1/events", event)
        assert posted.status == 202
        eventually(lambda: any(one["progress"] for one in shown(stack, asset)["renditions"]))
        for pid in stack.pids["worker"]:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: stack.deliveries(event=posted.json["id"], channel="feed", state="sent"))
        [first, other] = stack.call("GET", f"/v1/events/{posted.json['id']}").json["media"]
        assert (first, shown(stack, other)["url"]) == (asset, lost)
        (waits,) = eventually(lambda: stack.deliveries(channel="email", reason="rendition"))
        assert waits["state"] == "waiting"
        assert stack.mail.mails == []
        made = eventually(lambda: (found := shown(stack, asset))["state"] == "ready" and found, within=60)
        done = {one["spec"]: one for one in made["renditions"] if one["state"] == "done"}
        assert set(done) == {
            *(f"w{width}.jpeg" for width in (2048, 1080, 640, 320)),
            *(f"w{width}.webp" for width in (2048, 1080, 640)),
            "square150.jpeg",
        }
        assert (made["width"], made["height"], done["w2048.jpeg"]["width"]) == (3000, 4000, 2048)
        with urlopen(done["w640.jpeg"]["url"], timeout=30) as answer:  # noqa: S310 (our own http)
            octets = answer.read()
            assert answer.headers["ETag"]
        assert len(octets) == done["w640.jpeg"]["bytes"]
        assert SECRET not in octets
        (mail,) = eventually(lambda: stack.mail.mails)
        parts = message_from_bytes(mail.content, policy=policy.default).walk()
        (html,) = [part.get_content() for part in parts if part.get_content_type() == "text/html"]
        assert f'src="{done["w640.jpeg"]["url"]}" width="534" height="712" alt="The sea"' in html
        assert stack.at_rest()["balanced"]
        eventually(lambda: not list((stack.data_dir / "media" / "work").iterdir()))
