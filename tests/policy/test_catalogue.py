"""The catalogue file, and what is said of a wrong one."""

from dataclasses import replace

import pytest

from notifier.app.home import CATALOGUE
from notifier.policy.catalogue import CatalogueFault, read_catalogue
from notifier.policy.words import Cadence
from tests.policy.people import BUILT_IN


@pytest.mark.parametrize(
    ("name", "queue", "email", "push", "gather"),
    [
        ("mention", "urgent", "instant", "instant", 0),
        ("comment", "default", "instant", "instant", 0),
        ("follow", "default", "instant", "instant", 60),
        ("like", "default", "daily", "instant", 120),
        ("share", "default", "daily", "instant", 120),
        ("announcement", "bulk", "instant", "instant", 0),
    ],
)
def test_the_defaults_are_those_that_were_promised(name, queue, email, push, gather):
    kind = BUILT_IN.find(name)
    assert (kind.queue, kind.cadences["email"], kind.cadences["push"]) == (queue, email, push)
    assert kind.gather.total_seconds() == gather
    assert kind.cadences["feed"] == Cadence.ON


def test_the_long_and_the_short_name_are_the_same_type():
    assert BUILT_IN.find("like") is BUILT_IN.find("like.created")
    assert BUILT_IN.find("poke") is None
    assert BUILT_IN.find("like.created.created") is None


BOTH = read_catalogue(
    CATALOGUE.read_text(),
    """
[caps]
email = 3

[types.poke]
told = ["object.id"]
push = "instant"

[types."like.created"]
email = "off"
""",
)


def test_an_operators_file_adds_types_and_changes_single_fields_of_known_ones():
    before = read_catalogue(CATALOGUE.read_text())
    assert BOTH.find("poke").told == ("object.id",)
    assert BOTH.find("like") == replace(
        before.find("like"), cadences={**before.find("like").cadences, "email": Cadence.OFF}
    )
    assert set(BOTH.kinds) == {*before.kinds, "poke.created"}
    assert BOTH.find("comment") == before.find("comment")
    assert BOTH.caps == {**before.caps, "email": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("types.poke.email = 'hourli'", "types.poke.email is 'hourli'; it must be one of 'off', 'instant'"),
        ("types.like.colour = 'red'", "types.like: colour is not known"),
        ("typs.poke = {}", "typs is not known at the top"),
        ("types.poke = [", "the catalogue is not TOML"),
    ],
)
def test_a_wrong_entry_of_an_operators_file_is_named(text, said):
    with pytest.raises(CatalogueFault) as fault:
        read_catalogue(CATALOGUE.read_text(), text)
    assert said in str(fault.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("types.poke.queue = 'fast'", "types.poke.queue is 'fast'; it must be one of 'urgent'"),
        ("types.poke.email = 'sometimes'", "types.poke.email is 'sometimes'"),
        ("types.poke.feed = 'daily'", "types.poke.feed is 'daily'; it must be one of 'on', 'off'"),
        ("types.poke.told = ['somebody']", "types.poke.told is 'somebody'"),
        ("types.poke.gather = -1", "types.poke.gather is -1"),
        ("types.poke.gather = true", "types.poke.gather is True"),
        ("types.poke.colour = 'red'", "types.poke: colour is not known; we know email, feed"),
        ("types.poke.ttl_hours = inf", "types.poke.ttl_hours is inf; it must be a number from 0 to 1,000,000"),
        ("types.poke.gather = nan", "types.poke.gather is nan"),
        ("types.poke = 1", "types.poke is 1; it must be a table"),
        ("types = ['poke']", "types is ['poke']; it must be a table"),
        ("types.poke.relation = 'friend of'", "types.poke.relation is 'friend of'; it must be one of '', 'follow'"),
        (f"types.{'p' * 57}.queue = 'bulk'", "1 to 64 small letters"),
        ("types.'../poke'.queue = 'bulk'", "1 to 64 small letters"),
        ("types.'poke me'.queue = 'bulk'", "its long name is 'poke me.created'"),
        ("types.poke = ", "the catalogue is not TOML"),
    ],
)
def test_a_wrong_entry_is_named_with_what_would_be_right(text, said):
    with pytest.raises(CatalogueFault) as fault:
        read_catalogue(text)
    assert said in str(fault.value)
