"""What was told in English for want of words adds up, whoever counts."""

from notifier.store.database import Database
from notifier.store.fallbacks import LONGEST, Fallbacks, Lack


def test_counts_of_many_processes_add_up_and_the_most_frequent_come_first(database: Database):
    for counts in ({("de", "Poke back"): 2, ("fr", ""): 7}, {("de", "Poke back"): 3}):
        with database.write() as connection:
            Fallbacks(connection).add(counts)
    with database.read() as connection:
        assert Fallbacks(connection).most_frequent(9) == [Lack("fr", "", 7), Lack("de", "Poke back", 5)]
        assert len(Fallbacks(connection).most_frequent(1)) == 1


def test_messages_that_differ_only_beyond_what_is_kept_are_one(database: Database):
    with database.write() as connection:
        Fallbacks(connection).add({("de", "x" * LONGEST + "a"): 1, ("de", "x" * LONGEST + "b"): 1})
    with database.read() as connection:
        assert Fallbacks(connection).most_frequent(9) == [Lack("de", "x" * LONGEST, 2)]
