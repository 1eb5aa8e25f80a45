"""Numbers for outcomes, in the order of their commits, so that a reader who goes by them misses none."""

from sqlalchemy import Connection

from notifier.store.models import Counter
from notifier.store.sql import insert

NAME = "changes"


def number(connection: Connection) -> int:
    """The number of this transaction's outcomes. Late in the transaction: until its commit, others wait for theirs.

    That wait is what makes a number seen by a reader mean that every smaller one can be seen as well.
    """
    row = insert(connection, Counter).values(name=NAME, value=1)
    counted = row.on_conflict_do_update(index_elements=["name"], set_={"value": Counter.value + 1})
    value: int = connection.execute(counted.returning(Counter.value)).scalar_one()
    return value
