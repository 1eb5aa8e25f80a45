"""How often a person is told of a thing that goes viral: each one at first, then at round numbers only."""

EACH = 10  # so many are told one by one
_ROUND = (25, 50, 100)


def passed(before: int, after: int) -> bool:
    """Whether the count went past a milestone on its way from `before` to `after`."""
    return after >= following(before)


def following(count: int) -> int:
    """The first milestone above the count: 1 to 10, 25, 50, 100, then the powers of ten."""
    if count < EACH:
        return count + 1
    for milestone in _ROUND:
        if count < milestone:
            return milestone
    return int(10 ** len(str(count)))
