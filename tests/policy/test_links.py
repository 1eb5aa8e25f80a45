"""Signed links."""

from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.links import Link, digest_mark, make_token, read_token, type_mark
from notifier.policy.words import Cadence
from tests.policy.people import BUILT_IN

LINK = Link(bytes(range(16)), type_mark("comment.created"))
TOKEN = make_token(b"secret", "unsubscribe", LINK)


def test_a_token_reads_back_for_its_purpose_alone():
    assert read_token(b"secret", "unsubscribe", TOKEN) == LINK
    assert read_token(b"secret", "preferences", TOKEN) is None
    assert read_token(b"other secret", "unsubscribe", TOKEN) is None


def test_a_token_is_short_enough_for_a_header():
    assert len(TOKEN) == 43


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCDwxyz0189-_"))
def test_a_changed_token_is_nothing(place, mark):
    changed = TOKEN[:place] + mark + TOKEN[place + 1 :]
    # The last character carries four bits that are no part of the octets.
    same = changed == TOKEN or place == len(TOKEN) - 1
    assert same or read_token(b"secret", "unsubscribe", changed) is None


@given(st.text(max_size=60))
def test_junk_is_nothing(text):
    assert read_token(b"secret", "unsubscribe", text) is None


def test_a_digest_has_a_mark_of_its_own_that_no_type_has():
    cadences = (Cadence.HOURLY, Cadence.DAILY, Cadence.WEEKLY)
    marks = {digest_mark(cadence) for cadence in cadences}
    assert len(marks) == 3
    assert not marks & {type_mark(kind) for kind in BUILT_IN.kinds}
    link = Link(bytes(16), digest_mark(Cadence.DAILY))
    token = make_token(b"secret", "unsubscribe", link)
    assert (len(token), read_token(b"secret", "unsubscribe", token)) == (43, link)
