"""Tokens of people's browsers: they come back as they were made, and nothing else does."""

import base64
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.links import sealed
from notifier.policy.tokens import LONGEST, PersonToken, make_person_token, read_person_token

SECRET = b"k" * 48
PEOPLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=255)
MOMENTS = st.integers(1, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
TOKENS = st.builds(PersonToken, PEOPLE, MOMENTS)


@given(token=TOKENS)
def test_a_token_says_what_it_was_made_with(token: PersonToken):
    text = make_person_token(SECRET, token)
    assert read_person_token(SECRET, text) == token
    assert text.isascii()
    assert len(text) <= LONGEST


@given(token=TOKENS, place=st.integers(0), mark=st.sampled_from("Aa0_-. =\n"))
def test_no_changed_token_says_anything_else(token: PersonToken, place: int, mark: str):
    text = make_person_token(SECRET, token)
    at = place % len(text)
    changed = text[:at] + mark + text[at + 1 :]
    assert read_person_token(SECRET, changed) in (None, token)


@given(text=st.text())
def test_what_is_no_token_says_nothing(text: str):
    assert read_person_token(SECRET, text) is None
    assert read_person_token(SECRET, f"nt_{text}") is None


def test_a_token_of_another_secret_says_nothing():
    token = PersonToken("bob", datetime(2030, 1, 1, tzinfo=UTC))
    assert read_person_token(b"x" * 48, make_person_token(SECRET, token)) is None


def test_what_was_sealed_for_another_purpose_is_no_token():
    other = base64.urlsafe_b64encode(sealed(SECRET, "undo", "4000000000 bob").encode()).decode()
    assert read_person_token(SECRET, f"nt_{other.rstrip('=')}") is None
