"""Pages of the log in both directions: nothing is missed or shown twice, and none looks at everything."""

from dataclasses import replace

import pytest

from notifier.policy.words import Reason, State
from notifier.store import browsing
from notifier.store.browsing import Browsing, Sheet, export
from notifier.store.database import Database
from notifier.store.log import Filter
from tests.store.past import Past, ago


@pytest.fixture
def past(database: Database) -> Past:
    return Past(database)


def older(past: Past, wanted: Filter, limit: int = 3) -> Sheet:
    with past.database.read() as connection:
        return Browsing(connection).older(wanted, limit)


def newer(past: Past, wanted: Filter, limit: int = 3) -> Sheet:
    with past.database.read() as connection:
        return Browsing(connection).newer(wanted, limit)


def ids(sheet: Sheet) -> list[str]:
    return [entry.id for entry in sheet.entries]


def test_pages_lead_back_the_way_they_came(past: Past):
    made = [past.told(ago(10 - number), ("email", State.SENT, None, 1))[0] for number in range(8)]
    newest_first = made[::-1]
    wanted, pages, sheet = Filter(), [], older(past, Filter())
    while True:
        pages.append(ids(sheet))
        if not sheet.older:
            break
        sheet = older(past, replace(wanted, before=sheet.older))
    assert [one for page in pages for one in page] == newest_first
    back = [pages[-1]]
    while sheet.newer:
        sheet = newer(past, replace(wanted, after=sheet.newer))
        back.append(ids(sheet))
    assert back[1] == newest_first[3:6]
    assert back[-1] == newest_first[:3]


@pytest.mark.parametrize(
    "wanted",
    [Filter(types=("share.created",)), Filter(channels=("email",)), Filter(states=("sent",)), Filter(user="eve"),
     Filter(states=("failed",), channels=("email",)), Filter(user="bob", channels=("email",))],
    ids=str,
)  # fmt: skip
def test_what_is_rare_is_found_by_looking_further_not_by_looking_at_everything(
    past: Past, wanted: Filter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(browsing, "LOOKED_AT", 4)
    rare = {"type": "share.created"}
    first, *_ = past.told(ago(20), ("email", State.FAILED, Reason.REFUSED), user="eve", **rare)
    second, *_ = past.told(ago(19), ("email", State.SENT), **rare)
    for day in range(15):
        past.told(ago(15 - day), ("feed", State.FAILED if day % 2 else State.SKIPPED, Reason.REFUSED))
    found, sheet = [], older(past, wanted)
    for _ in range(20):
        found += ids(sheet)
        if not sheet.older:
            break
        sheet = older(past, replace(wanted, before=sheet.older))
    assert found == [entry.id for some in export(past.database, wanted, 1_000) for entry in some]
    assert found
    assert set(found) <= {first, second}


def test_a_page_that_stopped_looking_says_so(past: Past, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(browsing, "LOOKED_AT", 4)
    past.told(ago(20), ("email", State.SENT), type="share.created")
    for day in range(10):
        past.told(ago(15 - day), ("feed", State.SENT))
    sheet = older(past, Filter(types=("share.created",)))
    assert (sheet.entries, bool(sheet.looked_to), bool(sheet.older)) == ((), True, True)
    assert older(past, Filter()).looked_to == ""  # without a filter there is nothing to look for


def test_new_ones_are_counted_to_a_bound(past: Past):
    [seen] = past.told(ago(5), ("email", State.SENT))
    for day in range(4):
        past.told(ago(4 - day), ("email", State.SENT), ("feed", State.SENT))
    with past.database.read() as connection:
        browse = Browsing(connection)
        assert browse.newest(Filter(), seen, 100) == 8
        assert browse.newest(Filter(channels=("email",)), seen, 100) == 4
        assert browse.newest(Filter(), seen, 3) == 3


def test_an_export_ends_where_it_is_capped(past: Past):
    for day in range(5):
        past.told(ago(5 - day), ("email", State.SENT))
    assert sum(len(some) for some in export(past.database, Filter(), 3)) == 3
