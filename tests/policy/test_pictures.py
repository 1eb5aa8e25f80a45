"""What messages wait for a picture for, and until when: decided before anything is stored."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from notifier.policy.decide import Rhythm, decide, unshown
from notifier.policy.media import Media
from notifier.policy.pictures import Awaited, Patience, Picture, Standing, asset_in, awaited, seeming
from notifier.policy.quiet import QuietHours
from notifier.policy.words import Cadence, Reason, State
from tests.policy.people import BOB, NOON, case

PATIENCE = Patience(timedelta(seconds=30), timedelta(minutes=5))
ASSET = "ast_0193a5e0c0de7000800000000000cafe"
PICTURE = Picture(ASSET, Media.IMAGE, Standing.RENDERING)
SOON = awaited(PICTURE, NOON, PATIENCE)


def plans(recipient=BOB, now=NOON, *, of=SOON, name="mention"):
    event = replace(case(name, to=["bob"]), awaited=of)
    return {plan.channel: plan for plan in decide(event, recipient, now)}


def test_mail_and_push_wait_for_the_picture_and_the_feed_does_not():
    made = plans()
    assert {channel: (one.state, one.reason) for channel, one in made.items()} == {
        "email": (State.WAITING, Reason.RENDITION),
        "push": (State.WAITING, Reason.RENDITION),
        "feed": (State.SENT, None),
    }
    mail = made["email"]
    assert (mail.due_at, mail.rule, mail.value) == (
        NOON + timedelta(seconds=30),
        "rendition",
        f"{ASSET} until 12:00:30 UTC",
    )
    assert asset_in(mail.value) == ASSET
    assert asset_in("daily 08:00 UTC") == ""


def test_nothing_waits_past_the_deadline_or_for_what_is_settled():
    assert plans(now=NOON + timedelta(seconds=30))["email"].state == State.QUEUED
    assert plans(of=None)["email"].state == State.QUEUED
    assert unshown(SOON, NOON + timedelta(seconds=30)) is None
    assert awaited(None, NOON, PATIENCE) is None
    for standing in (Standing.READY, Standing.FAILED):
        assert awaited(replace(PICTURE, standing=standing), NOON, PATIENCE) is None


def test_what_holds_it_for_another_reason_holds_it_first():
    quiet = replace(BOB, rhythm=Rhythm(quiet=QuietHours(time(12, 0), time(14, 0))))
    capped = replace(BOB, rhythm=Rhythm(caps={"email": 1}), messages={"email": [NOON]})
    assert plans(quiet, name="like")["push"].reason == Reason.QUIET_HOURS
    assert plans(capped, name="share")["email"].reason == Reason.DIGEST
    instant = replace(capped, cadences={"email": Cadence.INSTANT})
    assert plans(instant, name="post")["email"].reason == Reason.CAPPED
    assert plans(name="like")["push"].reason == Reason.GATHERING


@pytest.mark.parametrize(
    ("media", "url", "seconds"),
    [
        (Media.VIDEO, "", 300),
        (Media.IMAGE, "https://app.example/7.mp4", 30),
        (None, "https://app.example/7.MP4?x=1#y", 300),
        (None, "https://app.example/7.jpg", 30),
        (None, "https://app.example/film.mp4/7", 30),
        (None, "", 30),
    ],
)
def test_a_video_is_waited_for_longer_and_told_by_its_address_until_it_is_fetched(media, url, seconds):
    shown = Picture(ASSET, media, Standing.WAITING, seems=seeming(url))
    until = NOON + timedelta(seconds=seconds)
    assert awaited(shown, NOON, PATIENCE) == Awaited(ASSET, until)
    assert until in PATIENCE.moments(NOON)
