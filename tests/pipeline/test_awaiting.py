"""Messages that wait for a picture: let go when it is there, in the same transaction, or when their time is over."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from notifier.channels.push.payload import payload
from notifier.channels.wording import Writer
from notifier.languages import Languages
from notifier.pipeline import settling
from notifier.pipeline.deciding import Deciding, PlanSettings
from notifier.pipeline.explain import Explainer
from notifier.pipeline.send import Sender
from notifier.policy.media import AssetState
from notifier.policy.retention import Retention
from notifier.policy.words import Reason, State
from notifier.store import awaiting
from notifier.store.feed import Feed
from notifier.web.items import item_shape, reader
from tests.media.pictures import photo
from tests.media.studio import Studio
from tests.pipeline.line import Line
from tests.store.walks import walks_over_deliveries

URL = "https://app.example/7.jpg"
BASE = "https://notify.example/media"
RENDITION = (State.WAITING, Reason.RENDITION)


@pytest.fixture
def studio(line: Line, tmp_path: Path) -> Studio:
    studio = Studio(line.database, tmp_path / "media")
    studio.clock = line.clock
    line.people("bob")
    line.choose("bob", "post", email="instant", push="instant")
    return studio


def upload(line: Line, studio: Studio) -> str:
    studio.storage.work.mkdir(parents=True, exist_ok=True)
    (studio.storage.work / "x").write_bytes(photo(width=1600, height=1200))
    return studio.uploading.upload(line.app, studio.storage.work / "x")


def post(line: Line, *media: Any, to: Sequence[str] = ("bob",), id: str = "post-7") -> str:
    thing = {"id": id, "type": "post", "owner": "ana", "media": list(media)}
    event = line.accept("post.created", object=thing, to=list(to))
    assert line.plan([event]) == []
    return event


def stands(line: Line, channel: str = "email") -> list[tuple[State, Reason | None]]:
    return [(row.state, row.reason) for row in line.deliveries(channel)]


def test_what_waits_goes_out_with_the_picture_as_soon_as_all_of_it_is_there(line: Line, studio: Studio):
    line.device("bob")
    asset = upload(line, studio)
    post(line, {"asset": asset, "alt": "The sea"})
    assert [*stands(line), *stands(line, "push"), *stands(line, "feed")] == [RENDITION, RENDITION, (State.SENT, None)]
    line.clock.move(seconds=3)
    assert line.deliver() == []
    studio.worker().render([asset])
    assert sorted(one.channel for one in studio.rung_for) == ["email", "push"]
    assert [*stands(line), *stands(line, "push")] == [(State.QUEUED, None)] * 2
    line.sender.send([one.id for one in studio.rung_for if one.channel == "email"])
    (letter,) = line.post.letters
    assert letter.notice.created_at == line.clock()
    image = Writer(Languages(), None, BASE).word(letter.notice).image
    assert (image.alt, image.sized(640).width, image.sized(128, square=True).width) == ("The sea", 640, 150)
    assert image.sized(1_080).url.startswith(f"{BASE}/")
    assert image.sized(1_080).url.encode() in payload(letter.notice, Writer(Languages(), None, BASE))
    assert line.books().unaccounted == 0


def test_after_the_deadline_it_goes_without_even_where_nobody_rings(line: Line, studio: Studio):
    post(line, {"url": URL})
    (row,) = line.deliveries()
    line.clock.move(seconds=29)
    assert line.deliver() == []
    line.clock.move(seconds=1)
    assert row.due_at == line.clock()
    (letter,) = line.deliver()
    assert Writer(Languages(), None, BASE).word(letter.notice).image.sized(640).url == ""
    assert line.deliveries()[0].rule == "rendition"


def test_a_picture_that_is_refused_is_not_waited_for(line: Line, studio: Studio):
    post(line, {"url": "http://10.0.0.1/7.jpg"})
    (asset,) = studio.worker().due()
    studio.worker().render([])
    assert studio.asset(asset).state == AssetState.REFUSED
    assert len(studio.rung_for) == 1
    assert stands(line) == [(State.QUEUED, None)]


def test_the_second_look_waits_too_and_longer_for_what_proves_to_be_a_video(line: Line, studio: Studio):
    line.wish("bob", quiet_hours="09:00–10:01")  # it is ten
    post(line, {"url": "https://app.example/7.mp4"})
    assert stands(line) == [(State.WAITING, Reason.QUIET_HOURS)]
    line.clock.move(minutes=1)
    assert line.deliver() == []
    (row,) = line.deliveries()
    assert (row.state, row.reason, row.tries) == (*RENDITION, 0)
    assert row.due_at == line.clock.now.replace(minute=5)
    line.clock.move(minutes=4)
    assert len(line.deliver()) == 1


class Slow(Sender):
    """Between its claim and its second look's end the picture comes."""

    def _still_wanted(self, *args: Any) -> Any:
        self.meanwhile()  # type: ignore[attr-defined]
        return super()._still_wanted(*args)


def test_nothing_waits_in_vain_for_a_picture_that_came_between_claim_and_second_look(line: Line, studio: Studio):
    line.wish("bob", quiet_hours="09:00–10:00")
    asset = upload(line, studio)
    line.clock.move(seconds=-20)
    post(line, {"asset": asset})
    line.clock.move(seconds=20)
    due = [one.id for one in line.sweep().deliveries]
    slow = line.new_sender()
    slow.__class__ = Slow
    slow.meanwhile = lambda: studio.worker().render([asset])  # type: ignore[attr-defined]
    slow.send(due)
    assert stands(line) == [(State.QUEUED, None)]
    assert len(line.deliver()) == 1


def test_many_are_let_go_in_several_transactions(line: Line, studio: Studio, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settling, "TOGETHER", 2)
    monkeypatch.setattr(awaiting, "FOUND", 4)
    everybody = ["eve", "fay", "gus", "hal", "ivy"]
    line.people(*everybody)
    for one in everybody:
        line.choose(one, "post", email="instant")
    asset = upload(line, studio)
    post(line, {"asset": asset}, to=everybody)
    post(line, {"url": URL})
    with walks_over_deliveries(line.database) if line.database.on_sqlite else nullcontext([]) as walked:
        studio.worker().render([asset])
    assert walked == []
    assert len(studio.rung_for) == 5
    assert stands(line) == [(State.QUEUED, None)] * 5 + [RENDITION]


def test_nothing_waits_for_a_picture_that_was_deleted(line: Line, studio: Studio, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settling, "TOGETHER", 2)
    everybody = ["eve", "fay", "gus"]
    line.people(*everybody)
    for one in everybody:
        line.choose(one, "post", email="instant")
    first, other = upload(line, studio), upload(line, studio)
    post(line, {"asset": first}, to=everybody)
    post(line, {"asset": other}, id="post-8")
    assert stands(line) == [RENDITION] * 4
    studio.uploading.remove(first)
    assert len(studio.rung_for) == 3
    assert stands(line) == [(State.QUEUED, None)] * 3 + [RENDITION]
    line.sender.send([one.id for one in studio.rung_for])
    assert len(line.post.letters) == 3
    assert Writer(Languages(), None, BASE).word(line.post.letters[0].notice).image.picture is None
    assert line.books().unaccounted == 0


def test_where_the_first_picture_was_deleted_the_next_is_waited_for(line: Line, studio: Studio):
    first, next_ = upload(line, studio), upload(line, studio)
    post(line, {"asset": first}, {"asset": next_})
    studio.uploading.remove(first)
    line.sender.send([one.id for one in studio.rung_for])
    assert (line.post.letters, stands(line)) == ([], [RENDITION])
    assert line.deliveries()[0].value.startswith(next_)
    studio.worker().render([next_])
    assert stands(line) == [(State.QUEUED, None)]


def test_what_is_taken_back_or_paused_meanwhile_ends_as_ever(line: Line, studio: Studio):
    asset = upload(line, studio)
    post(line, {"asset": asset})
    line.clock.move(seconds=1)
    line.plan([line.accept("post.deleted", object={"id": "post-7", "type": "post"})])
    assert stands(line) == [(State.CANCELLED, Reason.TAKEN_BACK)]
    studio.worker().render([asset])
    assert studio.rung_for == []
    assert line.books().unaccounted == 0


def test_a_comment_on_the_post_shows_its_picture_and_waits_for_nothing(line: Line, studio: Studio):
    asset = upload(line, studio)
    post(line, {"asset": asset})
    line.people("ana")
    thing = {"id": "post-7", "type": "post", "owner": "ana", "image": URL}
    comment = line.accept("comment.created", actor={"id": "bob"}, object={"id": "c-1"}, target=thing)
    follow = line.accept("follow.created", actor={"id": "bob"}, object={"id": "post-7"})
    assert {one.channel for one in line.plan([comment, follow])} == {"email"}
    studio.worker().render([asset])
    with line.database.read() as connection:
        (item,) = Feed(connection, line.catalogue).page("ana", None, 5)
    shape = item_shape(item, reader("ana", None, Writer(Languages(), None, BASE).word))
    assert shape["image"] == f"{BASE}/{studio.renditions(asset)['w320.jpeg'].file}"


def test_a_dry_run_and_the_log_say_what_is_waited_for(line: Line, studio: Studio):
    asset = upload(line, studio)
    event = post(line, {"asset": asset})
    deciding = Deciding(line.catalogue, PlanSettings(("feed",), ("push",), 1))
    explainer = Explainer(line.database, deciding, line.clock, Retention())
    stored, dry = explainer.stored(event), explainer.replay(event)
    assert stored
    assert dry
    for said in (stored, dry.then, dry.now):
        mail = next(one for one in said.lines if one.channel == "email")
        assert (mail.state, mail.reason, mail.rule) == (*RENDITION, "rendition")
        assert mail.value.startswith(f"{asset} until 10:00:30")


def test_a_digest_waits_for_what_was_posted_just_before_its_hour(line: Line, studio: Studio):
    line.choose("bob", "post", email="daily")
    line.clock.now = line.clock.now.replace(day=22, hour=7, minute=59, second=50)
    asset = upload(line, studio)
    post(line, {"asset": asset})
    line.clock.move(seconds=10)
    assert line.deliver() == []
    assert stands(line) == [RENDITION]
    studio.worker().render([asset])
    line.new_sender().send([one.id for one in studio.rung_for])
    (letter,) = line.post.letters
    assert letter.notice.digest
    assert Writer(Languages(), None, BASE).word(letter.notice).image.sized(128, square=True).width == 150
    assert line.books().unaccounted == 0
