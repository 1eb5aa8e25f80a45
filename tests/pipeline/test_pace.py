"""How much a purge takes at once: less where others would wait for long, and never more than one transaction may."""

from hypothesis import given
from hypothesis import strategies as st

from notifier.pipeline.purge import Pace
from notifier.store.purging import MOST

PACE = Pace(few=100, long=0.04, rests=2.0, longest_rest=0.5)


def test_a_long_transaction_is_followed_by_a_smaller_one_and_a_short_one_by_a_larger():
    assert PACE.some(800, 0.05) == 400
    assert PACE.some(800, 0.03) == 800
    assert PACE.some(800, 0.01) == 1_600


@given(st.lists(st.floats(0, 10), max_size=40))
def test_it_stays_between_few_and_most(spent: list[float]):
    some = PACE.few
    for seconds in spent:
        some = PACE.some(some, seconds)
        assert PACE.few <= some <= MOST


def test_others_get_twice_the_time_and_nobody_rests_for_ever():
    assert PACE.rest(0.04) == 0.08
    assert PACE.rest(5.0) == 0.5
