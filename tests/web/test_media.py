"""Uploading pictures, asking what became of them, and getting their files."""

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from notifier.app.parts import now
from notifier.policy.media import RenditionState
from notifier.store.admins import Role
from notifier.store.models import Audit
from notifier.store.types import new_id
from notifier.web.media import FOR_EVER
from tests.disk import Disk
from tests.media.pictures import SECRET, bomb, photo
from tests.web.api import Api, make_parts, problem_of
from tests.web.test_admin import signed_in, token_of

MULTIPART = "multipart/form-data; boundary=x"


def upload(api: Api, octets: bytes, *, name: str = "a.jpg", type_: str = "image/jpeg", key: str = "") -> TestResponse:
    return api.server.test_client().post(
        "/v1/assets",
        data={"file": (io.BytesIO(octets), name, type_)},
        headers={"Authorization": f"Bearer {key or api.app.key}"},
    )


def part(name: str, filename: str = "", octets: bytes = photo()) -> bytes:
    """One part of the body of an upload."""
    named = f'; filename="{filename}"' if filename else ""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + octets + b"\r\n"


def shown(api: Api, asset: str) -> Any:
    answer = api.call("GET", f"/v1/assets/{asset}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_a_photo_is_uploaded_made_and_served_for_ever(api: Api):
    answer = upload(api, photo(6))
    assert answer.status_code == 202, answer.text
    asset = answer.get_json()
    assert answer.headers["Location"] == f"/v1/assets/{asset['id']}"
    assert (asset["state"], asset["progress"], asset["media"], asset["format"]) == ("rendering", 0, "image", "jpeg")
    api.parts.renderer.render([asset["id"]])
    made = shown(api, asset["id"])
    assert (made["state"], made["progress"], made["width"], made["height"]) == ("ready", 100, 400, 300)
    assert len(made["blurhash"]) == 28
    states = {one["spec"]: (one["state"], one["reason"]) for one in made["renditions"]}
    assert states["w640.jpeg"] == (RenditionState.DONE, None)
    assert states["w2048.jpeg"] == (RenditionState.SKIPPED, "source_smaller")
    [webp] = [one for one in made["renditions"] if one["spec"] == "w640.webp"]
    path = webp["url"].removeprefix("http://127.0.0.1:8000")
    got = api.call("GET", path, authorization="")
    assert (got.status_code, got.content_type, len(got.data)) == (200, "image/webp", webp["bytes"])
    assert got.headers["Cache-Control"] == FOR_EVER
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in got.headers["Content-Security-Policy"]
    assert SECRET not in got.data
    again = api.call("GET", path, authorization="", if_none_match=got.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    part = api.call("GET", path, authorization="", range="bytes=10-19")
    assert (part.status_code, part.data) == (206, got.data[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{webp['bytes']}"
    assert api.call("GET", path, authorization="", range="bytes=-5").data == got.data[-5:]
    assert api.call("GET", path, authorization="", range="bytes=9999999-").status_code == 416


def test_what_was_posted_itself_is_never_served_nor_anything_that_is_no_file(api: Api):
    asset = upload(api, photo()).get_json()["id"]
    [original] = [path.name for path in (api.parts.home.folder / "media").glob("??/*") if "." not in path.name][:1]
    for name in (
        original,
        f"{original}.jpg",
        f"{original}.",
        "..%2f..%2fsecret.jpg",
        f"{'0' * 64}.jpg",
        "x.jpg",
        "a.b.jpg",
    ):
        assert api.call("GET", f"/media/{name}", authorization="").status_code == 404, name
    assert asset


@pytest.mark.parametrize(
    ("octets", "type_", "code"),
    [
        (b"", "image/jpeg", "empty"),
        (photo()[:60], "image/jpeg", "broken"),
        (photo(), "image/png", "mislabelled"),
        (b"<svg/>", "image/svg+xml", "unknown_format"),
        (bomb(20_000, 20_000), "image/png", "too_many_pixels"),
    ],
    ids=["empty", "cut", "mislabelled", "svg", "bomb"],
)
def test_what_is_no_picture_is_refused_at_once_and_nothing_is_kept(api: Api, octets: bytes, type_: str, code: str):
    body = problem_of(upload(api, octets, type_=type_), 422, "invalid")
    assert [(fault["pointer"], fault["code"]) for fault in body["errors"]] == [("/file", code)]
    assert not list((api.parts.home.folder / "media" / "work").iterdir())


def test_too_much_is_refused(api: Api):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = head + photo() + bytes(21 * 1024 * 1024) + b"\r\n--x--\r\n"
    multipart = {"content_type": "multipart/form-data; boundary=x"}
    problem_of(api.call("POST", "/v1/assets", body, **multipart), 413, "too-large")
    answer = api.server.test_client().post(
        "/v1/assets",
        data=b"--x",
        headers={"Authorization": f"Bearer {api.app.key}", "Content-Type": "multipart/form-data; boundary=x"},
        environ_overrides={"CONTENT_LENGTH": str(10**10)},  # refused before a byte is read
    )
    problem_of(answer, 413, "too-large")
    # What has no filename is no file, and is not kept in memory without end.
    body = part("file", octets=bytes(600_000)) + b"--x--"
    assert (
        "has a filename"
        in problem_of(api.call("POST", "/v1/assets", body, content_type=MULTIPART), 413, "too-large")["detail"]
    )


def test_a_picture_that_is_sent_as_itself_is_told_how_to_be_sent(api: Api):
    answer = api.call("POST", "/v1/assets", photo(), content_type="image/jpeg")
    assert "multipart/form-data" in problem_of(answer, 415, "unsupported-media-type")["detail"]


def test_an_upload_is_one_part_named_file_and_nothing_is_left_out_unsaid(api: Api):
    folder = api.parts.home.folder / "media"
    before, file, twice = set(folder.glob("*/*")), part("file", "a.jpg"), ("/file", "too_many")
    for body, *found in (
        (b"", ("/file", "missing")),
        (part("photo", "a.jpg"), ("/file", "missing")),
        (part("file"), ("/file", "missing")),
        (file + file, twice),
        (part("photo", "a.jpg") + file, twice),
        (file + part("a/lt"), ("/a~1lt", "unknown_field")),
        (part("file", "a.jpg") + file + part("alt"), ("/alt", "unknown_field"), twice),
    ):
        answer = api.call("POST", "/v1/assets", body + b"--x--", content_type=MULTIPART)
        faults = problem_of(answer, 422, "invalid")["errors"]
        assert [(fault["pointer"], fault["code"]) for fault in faults] == found
        assert all("part named file" in fault["detail"] for fault in faults)
    assert set(folder.glob("*/*")) == before


@pytest.mark.parametrize(
    "url", ["http://app.example/a.jpg", "https://127.0.0.1/a.jpg", "https://localhost/a.jpg", "ftp://x", ""]
)
def test_an_address_that_may_not_be_fetched_is_refused(api: Api, url: str):
    body = problem_of(api.call("POST", "/v1/assets", {"url": url}), 422, "invalid")
    assert body["errors"][0]["pointer"] == "/url"


def test_a_named_picture_waits_to_be_fetched_and_can_be_tried_again(api: Api):
    made = api.call("POST", "/v1/assets", {"url": "https://pictures.example/a.jpg"})
    assert (made.status_code, made.get_json()["state"], made.get_json()["renditions"]) == (202, "waiting", [])
    again = api.call("POST", f"/v1/assets/{made.get_json()['id']}/retry")
    assert again.status_code == 202


def test_an_upload_onto_a_full_disk_is_to_come_again_and_leaves_nothing(tmp_path: Path, disk: Disk):
    api = Api(make_parts(tmp_path, MEDIA_STORAGE=str(disk.folder / "media"))).migrate()
    large = photo(width=1000, height=800)
    for pages in (0, 1):
        disk.fill(but=pages)
        for sent in (large, large + bytes(600_000)):  # what is longer than 500 kB is written down as it comes
            body = part("file", "a.jpg", sent) + b"--x--"
            answer = api.call("POST", "/v1/assets", body, content_type=MULTIPART)
            assert "full" in problem_of(answer, 503, "away")["detail"]
            assert answer.headers["Retry-After"]
    left = {path.name for path in disk.folder.rglob("*") if path.is_file()}
    assert left == {"filler"}
    assert (api.parts.renderer.due(), list((disk.folder / "media" / "work").iterdir())) == ([], [])
    disk.make_room()
    assert upload(api, large).status_code == 202
    api.parts.database.close()


def test_another_apps_assets_are_none_of_ones_business(api: Api):
    theirs = upload(api, photo(), key=api.make_app("events").key).get_json()["id"]
    for method, path in (("GET", ""), ("POST", "/retry"), ("DELETE", "")):
        problem_of(api.call(method, f"/v1/assets/{theirs}{path}"), 404, "not-found")
    problem_of(upload(api, photo(), key=api.make_app("log").key), 403, "forbidden")


def test_an_asset_that_is_removed_is_gone(api: Api):
    asset = upload(api, photo()).get_json()["id"]
    assert api.call("DELETE", f"/v1/assets/{asset}").status_code == 204
    problem_of(api.call("GET", f"/v1/assets/{asset}"), 404, "not-found")


def post(api: Api, media: Any) -> TestResponse:
    thing = {"id": new_id("x"), "type": "post", "media": media}
    return api.post({"type": "post.created", "data": {"actor": {"id": "ana"}, "object": thing}})


def test_a_posts_media_are_checked_at_the_door(api: Api):
    assert (
        post(api, [{"url": "https://app.example/a.jpg", "alt": "The sea"}, {"asset": new_id("ast")}]).status_code == 202
    )
    for media, pointer in (
        ([{}], "/data/object/media/0"),
        ([{"url": "https://a.example/b", "asset": new_id("ast")}], "/data/object/media/0"),
        ([{"asset": "ast_7"}], "/data/object/media/0/asset"),
        ([{"url": "javascript:alert(1)"}], "/data/object/media/0/url"),
        ([{"url": "https://app.example/a.jpg"}] * 21, "/data/object/media"),
        ("a.jpg", "/data/object/media"),
    ):
        body = problem_of(post(api, media), 422, "invalid")
        assert [fault["pointer"] for fault in body["errors"]] == [pointer]


def test_the_admin_pages_show_how_far_it_is_and_what_failed_is_restarted(api: Api):
    cut = upload(api, photo()[:-3000]).get_json()["id"]
    viewer, operator = signed_in(api, Role.VIEWER), signed_in(api, Role.OPERATOR)
    assert "8 versions" in viewer.get(f"/admin/media/{cut}").text.replace("0 of 8", "8")
    api.parts.renderer.render([cut])
    page = viewer.get(f"/admin/media/{cut}").text
    assert "It breaks off or cannot be decoded." in page
    assert "Restart" not in page
    assert f"/admin/media/{cut}" in viewer.get("/admin/media?failed=1").text
    assert viewer.post(f"/admin/media/{cut}/retry", data={"csrf_token": token_of(viewer)}).status_code == 403
    answer = operator.post(f"/admin/media/{cut}/retry", data={"csrf_token": token_of(operator)})
    assert "parts of it will be tried again" in operator.get(answer.location).text
    assert f"/admin/media/{cut}" not in viewer.get("/admin/media?failed=1").text
    with api.parts.database.read() as connection:
        assert connection.scalar(select(Audit.action).where(Audit.subject == cut)) == "media.retry"
    made = upload(api, photo()).get_json()["id"]
    api.parts.renderer.render([made])
    assert '<img class="shown" src="/media/' in viewer.get(f"/admin/media/{made}").text
    assert '<img class="thumb" src="/media/' in viewer.get("/admin/media").text
    assert viewer.get(f"/admin/find?q={made}").location == f"/admin/media/{made}"
    assert viewer.get(f"/admin/media/{new_id('ast')}").status_code == 404


def test_what_is_missing_is_asked_for_after_the_table_was_changed(api: Api, tmp_path: Path):
    asset = upload(api, photo(4)).get_json()["id"]
    api.parts.renderer.render([asset])
    own = tmp_path / "renditions.toml"
    own.write_text("[images.w96]\nwidth = 96\nquality = 70")
    changed = make_parts(
        api.parts.home.folder, api.parts.database.url.render_as_string(hide_password=False), RENDITIONS_FILE=own
    )
    before = shown(api, asset)["renditions"]
    asked = list(changed.rebuilder.rebuild())
    assert asked[-1].versions == asked[-1].assets == changed.rebuilder.count()
    assert list(changed.rebuilder.rebuild())[-1].versions == 0
    changed.renderer.render([asset])
    added = [one for one in shown(api, asset)["renditions"] if one not in before]
    assert [(one["spec"], one["state"], one["width"]) for one in added] == [("w96.jpeg", "done", 96)]
    changed.database.close()


def test_files_of_what_is_gone_are_deleted_by_and_by(api: Api):
    asset = upload(api, photo(7)).get_json()["id"]
    api.parts.renderer.render([asset])
    [path] = [
        one["url"].removeprefix("http://127.0.0.1:8000")
        for one in shown(api, asset)["renditions"]
        if one["spec"] == "w320.jpeg"
    ]
    api.call("DELETE", f"/v1/assets/{asset}")
    api.parts.dropper.drop()
    assert api.call("GET", path, authorization="").data
    later = replace(api.parts.dropper, clock=lambda: now() + timedelta(hours=2))
    assert later.drop() >= 1
    assert later.drop() == 0
    assert api.call("GET", path, authorization="").status_code == 404


def test_the_log_and_its_pages_say_which_picture_is_waited_for_and_the_feed_shows_it(api: Api):
    api.call("PUT", "/v1/users/ivy", {"email": "ivy@app.example"})
    api.call("PUT", "/v1/users/ivy/preferences", {"types": {"post": {"email": "instant"}}})
    asset = upload(api, photo()).get_json()["id"]
    thing = {"id": new_id("evt"), "type": "post", "media": [{"asset": asset}]}
    posted = {"type": "post", "data": {"actor": {"id": "ana"}, "object": thing, "to": ["ivy"]}}
    dry = api.call("POST", "/v1/events/explain", posted).get_json()["lines"]
    event = api.post(posted).get_json()["id"]
    list(api.parts.steps.planner.plan([event]))
    (waits,) = api.call("GET", "/v1/deliveries?reason=rendition&user=ivy").get_json()["data"]
    lines = api.call("GET", f"/v1/events/{event}/explain").get_json()["lines"]
    for line in (one for one in (*dry, *lines) if one["channel"] == "email"):
        assert (line["state"], line["reason"], line["sentence"]) == (
            "waiting",
            "rendition",
            "Waiting for the post's picture.",
        )
        assert line["value"].startswith(f"{asset} until ")
    browser = signed_in(api, Role.VIEWER)
    assert f'href="/admin/media/{asset}"' in browser.get(f"/admin/deliveries/{waits['id']}").text
    assert event in browser.get(f"/admin/media/{asset}").text
    feed = "/v1/users/ivy/feed"
    assert api.call("GET", feed).get_json()["data"][0]["image"] is None
    api.parts.renderer.render([asset])
    assert api.call("GET", f"/v1/deliveries/{waits['id']}").get_json()["state"] == "queued"
    files = {one["spec"]: one["url"] for one in shown(api, asset)["renditions"]}
    assert api.call("GET", feed).get_json()["data"][0]["image"] == files["w320.jpeg"]
