"""Which passwords are good enough."""

import pytest

from notifier.policy.passwords import LONGEST, SHORTEST, password_fault, plain

ANN = "ann.lee@app.example"


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short enough", ""),
        ("short enoug", f"at least {SHORTEST}"),
        ("correct horse battery staple", ""),
        ("Корова на балконе", ""),
        ("x" * 20, "different"),
        ("abababababababab", "different"),
        ("q" * (LONGEST - 10) + "wertz 9fd 3w", f"at most {LONGEST}"),
        ("I am Ann.Lee of App", "e-mail address"),
        ("xx ANN.LEE@app.example", "e-mail address"),
        ("Password1234", "everybody tries"),
        ("passwordpassword", "everybody tries"),
        ("password123456", "everybody tries"),
        ("qwerty123456!", "everybody tries"),
        ("123456789012", "everybody tries"),
        ("abcdefghijkl", "everybody tries"),
        ("zyxwvutsrqpo", "everybody tries"),
        ("my password is a cow on a balcony", ""),
    ],
)
def test_a_password_is_long_and_none_that_everybody_tries(password: str, says: str):
    fault = password_fault(password, ANN)
    assert says in fault
    assert bool(fault) is bool(says), fault


def test_a_short_first_part_of_an_address_may_stand_in_a_password_by_chance():
    assert not password_fault("a balcony for cows", "al@app.example")
    assert password_fault("is al@app.example mine", "al@app.example")


def test_a_password_is_the_same_whichever_way_its_letters_were_composed():
    assert plain("Ko\u0308nigin der Nacht") == plain("K\u00f6nigin der Nacht")
