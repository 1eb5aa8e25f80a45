"""The order of a digest: the catalogue's, then the newest first, and never an item more or less."""

from hypothesis import given
from hypothesis import strategies as st

from notifier.app.home import CATALOGUE
from notifier.policy.catalogue import read_catalogue
from notifier.policy.ranking import ranked
from tests.policy.people import BUILT_IN

Item = tuple[str, int]

items = st.lists(st.tuples(st.sampled_from([*BUILT_IN.kinds, "poke.created", "like"]), st.integers(0, 5)), max_size=30)


def in_order(told: list[Item], catalogue=BUILT_IN) -> list[Item]:
    return ranked(told, lambda item: item[0], lambda item: item[1], catalogue)


def test_what_concerns_the_person_most_comes_first():
    heard = ["post", "share", "like", "follow", "comment", "mention", "security"]
    told = [(type_, age) for age, type_ in enumerate(heard)]
    assert [type_ for type_, _ in in_order(told)] == heard[::-1]


def test_of_one_type_the_newest_comes_first():
    assert in_order([("like", 1), ("like.created", 3), ("like", 2)]) == [("like.created", 3), ("like", 2), ("like", 1)]


def test_an_operators_own_types_follow_in_their_order_and_unknown_ones_are_last():
    own = read_catalogue(CATALOGUE.read_text(), '[types.poke]\n[types.like]\nemail = "off"\n[types."order.shipped"]\n')
    told = [("nonsense", 9), ("order.shipped", 8), ("poke", 7), ("post", 1), ("like", 2)]
    assert [type_ for type_, _ in in_order(told, own)] == ["like", "post", "poke", "order.shipped", "nonsense"]


@given(items)
def test_every_item_is_told_once_and_the_order_is_its_own(told: list[Item]):
    found = in_order(told)
    assert sorted(found) == sorted(told)
    assert in_order(found) == found
    places = [(BUILT_IN.rank(type_), -newest) for type_, newest in found]
    assert places == sorted(places)


def test_items_alike_stay_as_they_stood():
    told = [("like", 1, "a"), ("like", 1, "b"), ("like", 1, "c")]
    assert ranked(told, lambda item: item[0], lambda item: item[1], BUILT_IN) == told
