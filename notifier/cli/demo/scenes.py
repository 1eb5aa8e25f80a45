"""The scenes: six short stories about deciding. A story yields what happened, step by step; then that is told of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from notifier.cli.demo.people import Person
from notifier.cli.demo.stage import Stage
from notifier.cli.demo.story import SITE, Post

CUT_SHORT = "Gathering takes two minutes; it is cut short here."
NOT_GATHERED = "This service gathers nothing (GATHER_SCALE=0), so that each is told by itself."
NIGHT, MORNING = "22:00", "07:00"
DEEPEST = 2  # o'clock: somewhere it is always the middle of the night
# It is night for one of them at any time.
SLEEPERS = (
    ("Aroha", "Pacific/Auckland"),
    ("Aoi", "Asia/Tokyo"),
    ("Priya", "Asia/Kolkata"),
    ("Eleni", "Europe/Athens"),
    ("Ama", "Africa/Accra"),
    ("Ana", "America/Sao_Paulo"),
    ("Lucia", "America/Mexico_City"),
    ("Leilani", "Pacific/Honolulu"),
)
CROWD = ("Ben", "Cara", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Leo", "Mia", "Noa", "Oli", "Pia")

Told = Iterator[str]


@dataclass(frozen=True, slots=True)
class Scene:
    """One story: its name, what it is about in a few words, and how it goes."""

    name: str
    title: str
    play: Callable[[Stage], Told]


def viral(stage: Stage) -> Told:
    """Many like one post."""
    ana = stage.person("Ana")
    post = stage.thing(ana, "Sunset")
    likers = [stage.passer(CROWD[number % len(CROWD)], number) for number in range(120)]
    says = {
        1: "The first like.",
        10: "Nine more. They gather, and become one push that replaces the one before.",
        22: "Twelve more. After the 10th only the 25th, 50th, 100th, 1,000th … are told.",
        60: "38 more. Past the 25th it is told again, and that push tells of all.",
        120: "60 more, past the 100th: 120 likes were four pushes, and are one line in the mail of the day.",
    }
    done = 0
    for count, said in says.items():
        for liker in likers[done:count]:
            stage.act("like", liker, object=post.as_thing())
        done = count
        hurried = _hurry(stage)
        yield f"{said} {hurried}" if count == 1 else said


def night(stage: Stage) -> Told:
    """Things happen while somebody sleeps."""
    sleeper = _sleeper(stage)
    local = datetime.now(ZoneInfo(sleeper.timezone))
    photo, hill = stage.thing(sleeper, "Autumn leaves"), stage.thing(sleeper, "The hill")
    for name, post, text in (("Ben", photo, "What a red!"), ("Cara", photo, "Where is this?"), ("Dan", hill, "Wow.")):
        _comment(stage, stage.passer(name), post, text)
    _mention(stage, stage.passer("Eve"), sleeper, "Look at this!")
    yield (
        f"It is {local:%H:%M} in {_city(sleeper)}, where {sleeper.name} has quiet hours from {NIGHT} to {MORNING}. "
        f"Three people comment, one mentions {sleeper.name}."
    )
    stage.choose(sleeper, quiet_hours=None)
    yield f"{sleeper.name} ends the quiet hours now, so that nobody must wait until {MORNING}: one mail, one push."


def block(stage: Stage) -> Told:
    """Somebody is blocked, and a post is muted, between an event and its sending."""
    ana = _sleeper(stage)
    ben, cara, dan = stage.passer("Ben"), stage.passer("Cara"), stage.passer("Dan")
    post = stage.thing(ana, "Sunset")
    _comment(stage, ben, post, "You again?")
    yield f"Ben comments on {ana.name}'s post. She sleeps, so it waits."
    stage.block(ana, ben)
    stage.mute(ana, post)
    _comment(stage, ben, stage.thing(ana, "The hill"), "Answer me!")
    _comment(stage, cara, post, "What is going on here?")
    _mention(stage, dan, ana, "Are you all right?")
    stage.settle()
    stage.choose(ana, quiet_hours=None)
    yield (
        "She blocks Ben and mutes that post. Ben comments again elsewhere, Cara on the muted post, and Dan mentions "
        "her. She ends her quiet hours, and hears of Dan's mention alone."
    )


def unlike(stage: Stage) -> Told:
    """Likes are taken back, before and after they were told."""
    ana = stage.person("Ana")
    first, other = stage.thing(ana, "Sunset"), stage.thing(ana, "The hill")
    ben, cara = stage.passer("Ben"), stage.passer("Cara")
    stage.act("like", ben, object=first.as_thing())
    hurried = _hurry(stage)
    stage.act("unlike", ben, object=first.as_thing())
    stage.settle()
    stage.act("like", ben, object=first.as_thing())
    stage.hurry()
    yield f"Ben likes a post, takes it back, and likes it again: one push, not two. {hurried}"
    stage.act("unlike", cara, ago=1, object=first.as_thing())
    stage.settle()
    stage.act("like", cara, ago=2, object=first.as_thing())
    yield "Cara's unlike comes in before the like that it takes back."
    for name in ("Dan", "Eve", "Fay"):
        stage.act("like", stage.passer(name), object=other.as_thing())
    stage.hurry()
    stage.act("unlike", stage.passer("Fay"), object=other.as_thing())
    stage.hurry()
    yield "Dan, Eve and Fay like another post, and then Fay takes it back: the push on the screen is corrected."


def flood(stage: Stage) -> Told:
    """One person writes very much to another."""
    ana = stage.person("Ana")
    ben = stage.passer("Ben")
    for title in ("Sunset", "The hill", "Breakfast"):
        post = stage.thing(ana, title)
        for number in range(20):
            _comment(stage, ben, post, f"Have you seen this? ({number + 1})")
    yield "Ben writes 60 comments within a minute. Ana has the default caps: 10 mails and 30 pushes an hour."
    stage.choose(ana, cap_per_hour={"email": 100, "push": 100})
    yield "Instead of waiting for that hour to pass, Ana raises her caps: the rest comes as one mail and one push."


def deleted(stage: Stage) -> Told:
    """A post is deleted with all that hangs on it."""
    ana, fay, gus = stage.person("Ana"), stage.person("Fay"), stage.person("Gus")
    for follower in (fay, gus):
        _follow(stage, follower, ana)
    stage.settle()
    post = stage.thing(ana, "Sunset")
    stage.act("post", ana, object=post.as_thing())
    _comment(stage, stage.passer("Ben"), post, "What a sky!")
    stage.act("like", stage.passer("Cara"), object=post.as_thing())
    yield "Ana posts, her followers Fay and Gus are to hear of it; Ben comments, Cara likes."
    stage.act("post.deleted", ana, object=post.as_thing())
    yield "Ana deletes the post. What waited is cancelled, and it leaves the feeds; what was sent stays sent."


SCENES = (
    Scene("viral", "120 people like one post", viral),
    Scene("night", "much happens while somebody sleeps", night),
    Scene("block", "somebody is blocked between the event and its sending", block),
    Scene("unlike", "likes are taken back", unlike),
    Scene("flood", "one person writes 60 comments to another", flood),
    Scene("deleted", "a post is deleted, with all that hangs on it", deleted),
)


def sleeper_at(now: datetime) -> tuple[str, str]:
    """The name and time zone of somebody for whom it is night now."""

    def awake(one: tuple[str, str]) -> float:
        local = now.astimezone(ZoneInfo(one[1]))
        away = abs(local.hour + local.minute / 60 - DEEPEST)
        return min(away, 24 - away)

    return min(SLEEPERS, key=awake)


def _sleeper(stage: Stage) -> Person:
    name, zone = sleeper_at(datetime.now(UTC))
    return stage.person(name, zone, quiet_hours={"start": NIGHT, "end": MORNING})


def _hurry(stage: Stage) -> str:
    """Let what gathers go out now; gives what is to be said about that."""
    return f"({CUT_SHORT if stage.hurry() else NOT_GATHERED})"


def _city(person: Person) -> str:
    return person.timezone.rpartition("/")[2].replace("_", " ")


def _comment(stage: Stage, actor: Person, post: Post, text: str) -> None:
    object_ = _thing("c", stage, "comment", text)
    stage.act("comment", actor, object=object_, target=post.as_thing())


def _mention(stage: Stage, actor: Person, other: Person, text: str) -> None:
    stage.act("mention", actor, object=_thing("m", stage, "post", text), to=[other.id])


def _follow(stage: Stage, actor: Person, other: Person) -> None:
    url = f"{SITE}/{other.id}"
    stage.act("follow", actor, before=True, object={"id": other.id, "type": "person", "name": other.name, "url": url})


def _thing(prefix: str, stage: Stage, type_: str, text: str) -> dict[str, Any]:
    return {"id": stage.new_id(prefix), "type": type_, "content": text, "url": SITE}
