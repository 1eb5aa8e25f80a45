"""The order in which a digest tells: first what concerns the person most, and of that the newest."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from notifier.policy.catalogue import Catalogue

T = TypeVar("T")


def ranked(
    items: Sequence[T], type_of: Callable[[T], str], newest_of: Callable[[T], Any], catalogue: Catalogue
) -> list[T]:
    """The items in the order of their types in the catalogue; those of one type the newest first.

    `type_of` gives an item's type, by its long or short name; `newest_of` what orders them in time: a moment, or an id
    that grows with it. A type that is not in the catalogue comes last; items alike in both stay as they stood.
    """
    newest_first = sorted(items, key=newest_of, reverse=True)
    places = {type_: catalogue.rank(type_) for type_ in {type_of(item) for item in items}}
    return sorted(newest_first, key=lambda item: places[type_of(item)])
