"""Texts from outside, made safe to show."""

from hypothesis import given
from hypothesis import strategies as st

from notifier.policy.events import one_line, text_block


def test_a_name_cannot_break_a_line_or_turn_it_around():
    assert one_line("Ana\r\nBcc: evil") == "Ana Bcc: evil"
    assert one_line("Ana\u202egnp.exe") == "Anagnp.exe"
    assert one_line(None) == ""


def test_a_text_keeps_its_lines():
    assert text_block("one\r\ntwo\x00three") == "one\ntwo three"


@given(st.text())
def test_one_line_is_one_line(text):
    assert len(one_line(text).splitlines()) <= 1
