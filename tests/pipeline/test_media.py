"""The media of posts: begun with the plan, never in its way, and gone with the post or its author."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from notifier.pipeline.erase import Eraser
from notifier.policy.media import AssetState, Media
from notifier.policy.pictures import Picture, Standing
from notifier.store.assets import Assets
from notifier.store.export import export_text
from notifier.store.models import Asset, DroppedFile, Event, PostMedia, Rendition
from notifier.store.pictures import Pictures
from notifier.store.types import new_id
from tests.media.pictures import photo
from tests.media.studio import Studio
from tests.pipeline.line import Line

URL = "https://app.example/7.jpg"


@pytest.fixture
def studio(line: Line, tmp_path: Path) -> Studio:
    return Studio(line.database, tmp_path / "media", now=line.clock())


def post(line: Line, *media: Any, thing: str = "post-7") -> str:
    return line.accept("post.created", object={"id": thing, "type": "post", "media": list(media)})


def assets(line: Line) -> list[Any]:
    with line.database.read() as connection:
        return list(connection.execute(select(Asset).order_by(Asset.id)))


def picture_of(line: Line, event: str) -> Picture | None:
    with line.database.read() as connection:
        return Pictures(connection).first([event]).get(event)


def test_a_posts_media_are_begun_with_its_plan_once(line: Line):
    event = post(
        line, {"url": URL, "alt": "The sea\nat night"}, {"url": f"{URL}?2"}, {"asset": new_id("ast")}, "nonsense"
    )
    line.plan([event])
    line.plan([event])
    found = assets(line)
    assert [(one.url, one.state, one.app_id) for one in found] == [
        (URL, AssetState.WAITING, line.app),
        (f"{URL}?2", AssetState.WAITING, line.app),
    ]
    assert picture_of(line, event) == Picture(found[0].id, None, Standing.WAITING, alt="The sea at night")
    assert not picture_of(line, event).is_settled


def test_an_uploaded_asset_is_shown_by_the_posts_of_its_own_app_alone(line: Line, studio: Studio):
    storage = studio.storage
    storage.work.mkdir(parents=True)
    (storage.work / "x").write_bytes(photo())
    mine = studio.uploading.upload(line.app, storage.work / "x")
    theirs = studio.upload(photo(3))
    event, stolen = post(line, {"asset": mine}), post(line, {"asset": theirs})
    line.plan([event, stolen])
    assert picture_of(line, stolen) is None
    studio.worker().render([mine])
    shown = picture_of(line, event)
    assert shown
    assert (shown.asset, shown.media, shown.standing, shown.is_settled) == (mine, Media.IMAGE, Standing.READY, True)
    sizes = {spec: shown.fitting(spec).spec for spec in (100, 300, 320, 500, 9_999)}
    assert sizes == {100: "w320.jpeg", 300: "w320.jpeg", 320: "w320.jpeg", 500: "w640.jpeg", 9_999: "w640.jpeg"}
    assert shown.fitting(192, square=True).spec == "square150.jpeg"
    assert shown.fitting(500, formats=("webp", "jpeg")).width == 400
    assert shown.fitting(500, most_octets=10) is None


def test_a_post_that_is_deleted_takes_what_was_fetched_for_it_along(line: Line):
    line.plan([post(line, {"url": URL}), post(line, {"url": f"{URL}?other"}, thing="post-8")])
    line.clock.move(seconds=5)
    line.plan([line.accept("like.created", object={"id": "post-7", "owner": "bob"})])
    line.plan([line.accept("like.deleted", object={"id": "post-7"})])
    assert len(assets(line)) == 2
    line.plan([line.accept("post.deleted", object={"id": "post-7", "type": "post"})])
    assert [one.url for one in assets(line)] == [f"{URL}?other"]


def test_a_post_that_is_not_kept_any_more_takes_its_pictures_along_all_the_same(line: Line):
    line.plan([post(line, {"url": URL})])
    with line.database.write() as connection:
        connection.execute(delete(Event))
    for actor, left in (("eve", 1), ("ana", 0)):
        deletion = line.accept("post.deleted", actor={"id": actor}, object={"id": "post-7", "type": "post"})
        line.plan([deletion])
        assert len(assets(line)) == left


def test_what_was_taken_back_before_it_was_planned_is_not_fetched(line: Line):
    posted = post(line, {"url": URL})
    line.clock.move(seconds=1)
    line.plan([line.accept("post.deleted", object={"id": "post-7", "type": "post"})])
    line.plan([posted])
    assert assets(line) == []


def exported_of(line: Line, person: str) -> Any:
    return json.loads("".join(export_text(line.database, person, who="test", now=line.clock())))["media"]


def test_who_is_erased_leaves_no_picture(line: Line, studio: Studio):
    line.people("ana")
    (studio.storage.work).mkdir(parents=True)
    (studio.storage.work / "x").write_bytes(photo())
    mine = studio.uploading.upload(line.app, studio.storage.work / "x")
    studio.worker().render([mine])
    line.plan([post(line, {"asset": mine}, {"url": URL})])
    exported = exported_of(line, "ana")
    assert [(one["id"] == mine, one["url"], one["alt"]) for one in exported] == [(True, "", ""), (False, URL, "")]
    assert exported_of(line, "bob") == []
    Eraser(line.database, line.catalogue, line.clock).erase("ana", who="test")
    with line.database.write() as connection:
        assert [connection.scalar(select(table).limit(1)) for table in (Asset, Rendition, PostMedia)] == [None] * 3
        assert len(connection.scalars(select(DroppedFile.file)).all()) == len(studio.files())
        assert set(Assets(connection).dropped(line.clock.now.replace(year=2030), 100)) == studio.files()
