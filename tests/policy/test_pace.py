"""How fast messages were, told from counts alone."""

import pytest

from notifier.policy.pace import LAST, PROMPT, SPANS, numbered, quantile, within


def test_nothing_sent_has_no_pace():
    assert (within({}), quantile({}, 0.5)) == (None, None)


def test_the_share_within_ten_seconds_counts_the_spans_that_end_there():
    by_end = {end: number for number, end in numbered()}
    counts = {by_end[0.5]: 6, by_end[PROMPT]: 2, by_end[20.0]: 1, LAST: 1}
    assert within(counts) == 0.8
    assert within({LAST: 3}) == 0


def test_a_quantile_lies_in_the_span_where_that_share_is_reached():
    by_end = {end: number for number, end in numbered()}
    counts = {by_end[1.0]: 50, by_end[5.0]: 45, by_end[60.0]: 5}
    assert quantile(counts, 0.5) == pytest.approx(1.0)
    assert quantile(counts, 0.25) == pytest.approx(0.75)
    assert quantile(counts, 0.95) == pytest.approx(5.0)
    assert 20.0 < (quantile(counts, 0.99) or 0) < 60.0


def test_what_took_longest_is_told_as_the_last_end():
    assert quantile({LAST: 1}, 0.5) == SPANS[-1]
