"""What the people of the demo do: an endless, repeatable stream of follows, likes, comments, mentions and shares."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from notifier.cli.demo.people import Person
from notifier.cli.demo.words import COMMENTS, MENTIONS, REPLIES, TITLES

SITE = "https://demo.test"
OWN = 0.04  # share of acts that somebody does to their own post
TWICE = 0.04  # share of events that are posted twice, as an app does that saw no answer
REPLY = 0.25  # share of comments that answer another one
TAGS = 0.15  # share of comments that mention somebody
REMEMBERED = 50  # comments that may be answered
ACTS = {"like": 40, "comment": 28, "follow": 14, "mention": 10, "share": 8}


@dataclass(frozen=True, slots=True)
class Post:
    """Something that the others like, share and comment on."""

    id: str
    title: str
    owner: Person

    def as_thing(self) -> dict[str, Any]:
        """As an event names it."""
        url = f"{SITE}/{self.owner.id}/{self.id}"
        return {"id": self.id, "type": "post", "name": self.title, "url": url, "owner": self.owner.id}


@dataclass(frozen=True, slots=True)
class Act:
    """One event to post, and how it is told in a word or two. `number` makes its key: a repeated one is a duplicate."""

    number: int
    event: dict[str, Any]
    says: str
    is_own: bool = False
    is_again: bool = False


@dataclass
class Story:
    """The acts of these people. The same people and the same seed of `random` give the same acts."""

    people: Sequence[Person]
    random: Random
    _posts: list[Post] = field(init=False)
    _comments: list[tuple[str, str]] = field(init=False, default_factory=list)  # id, owner
    _number: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        owners = [self.people[number % len(self.people)] for number in range(len(TITLES))]
        self._posts = [Post(f"post-{number + 1}", TITLES[number], owner) for number, owner in enumerate(owners)]

    def acts(self) -> Iterator[Act]:
        """One act after the other, for ever; some come twice."""
        kinds, weights = list(ACTS), list(ACTS.values())
        while True:
            self._number += 1
            [kind] = self.random.choices(kinds, weights)
            act: Act = getattr(self, f"_{kind}")()
            yield act
            if self.random.random() < TWICE:
                yield Act(act.number, act.event, f"{act.says} (posted again)", is_own=act.is_own, is_again=True)

    def _like(self) -> Act:
        return self._on_post("like", "likes")

    def _share(self) -> Act:
        return self._on_post("share", "shares")

    def _on_post(self, type_: str, verb: str) -> Act:
        post = self._post()
        actor = self._actor(post.owner)
        return self._act(type_, actor, f"{verb} “{post.title}”", owner=post.owner, object=post.as_thing())

    def _comment(self) -> Act:
        post, comment = self._post(), f"c-{self.random.getrandbits(48):012x}"
        actor, more = self._actor(post.owner), dict[str, Any]()
        if self._comments and self.random.random() < REPLY:
            answered, owner = self.random.choice(self._comments)
            more["in_reply_to"] = {"id": answered, "type": "comment", "owner": owner}
        if self.random.random() < TAGS:
            more["mentions"] = [self._other(actor).id]
        text = self.random.choice(REPLIES if "in_reply_to" in more else COMMENTS)
        thing = {
            "id": comment,
            "type": "comment",
            "content": text,
            "url": f"{SITE}/{post.owner.id}/{post.id}#{comment}",
        }
        self._comments = [*self._comments, (comment, actor.id)][-REMEMBERED:]
        said = f"comments on “{post.title}”"
        return self._act("comment", actor, said, owner=post.owner, object=thing, target=post.as_thing(), **more)

    def _mention(self) -> Act:
        actor = self.random.choice(self.people)
        other = self._other(actor)
        text = self.random.choice(MENTIONS).format(name=other.name.split(maxsplit=1)[0])
        thing = {"id": f"p-{self.random.getrandbits(48):012x}", "type": "post", "content": text, "url": SITE}
        return self._act("mention", actor, f"mentions {other.name}", owner=other, object=thing, to=[other.id])

    def _follow(self) -> Act:
        actor = self.random.choice(self.people)
        other = self._other(actor)
        thing = {"id": other.id, "type": "person", "name": other.name, "url": f"{SITE}/{other.id}"}
        return self._act("follow", actor, f"follows {other.name}", owner=other, object=thing)

    def _act(self, type_: str, actor: Person, said: str, *, owner: Person, **data: Any) -> Act:
        who = {"id": actor.id, "name": actor.name, "url": f"{SITE}/{actor.id}"}
        event = {"type": type_, "data": {"actor": who, **data}}
        return Act(self._number, event, f"{actor.name} {said}", is_own=actor == owner)

    def _post(self) -> Post:
        """The first posts are far better known than the last."""
        weights = [1 / (place + 1) for place in range(len(self._posts))]
        return self.random.choices(self._posts, weights)[0]

    def _actor(self, owner: Person) -> Person:
        return owner if self.random.random() < OWN else self._other(owner)

    def _other(self, person: Person) -> Person:
        others = [other for other in self.people if other != person]
        return self.random.choice(others)
