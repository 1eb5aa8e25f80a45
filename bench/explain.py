"""Explaining one event among a million deliveries: the answer's time, beside a database that holds next to nothing."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import insert, text

from bench.databases import scratch, servers, skipped
from bench.figures import Figure, Measured
from notifier.app.parts import now
from notifier.store.models import Relation
from tests.web.api import Api, like, make_parts

MANY, FEW = 333_400, 100  # followers, each with three deliveries
LIKES = 200
CALLS = 20  # of which the median counts
MOST_MS = 20.0

Asked = Mapping[str, tuple[str, str, Any]]  # name → method, path, body


@dataclass(frozen=True)
class Place:
    """One database, and what is asked of it."""

    api: Api
    asked: Asked


def measure(rounds: int) -> Measured:
    """A million deliveries are made once for each database, as the planner makes them."""
    figures: list[Figure] = []
    with scratch() as folder:
        for server in servers(folder):
            with (
                _filled(folder / f"{server.kind}-many", server.elsewhere(), MANY) as many,
                _filled(folder / f"{server.kind}-few", server.elsewhere(), FEW) as few,
            ):
                figures += _figures(server.kind, many, few, rounds)
    return Measured(tuple(figures), skipped("explain"))


def _figures(kind: str, many: Place, few: Place, rounds: int) -> Iterator[Figure]:
    for name in many.asked:
        pairs = [(_ms(many, name), _ms(few, name)) for _ in range(rounds)]
        ours, base = zip(*pairs, strict=True)
        yield Figure(f"explain {kind}, {name}", "ms", ours, base, f"{FEW * 3} deliveries", most=MOST_MS)


@contextmanager
def _filled(folder: Path, url: str, followers: int) -> Iterator[Place]:
    folder.mkdir()
    api = Api(make_parts(folder, url, GATHER_SCALE=0)).migrate()
    with api.parts.database.write() as connection:
        for start in range(0, followers, 5_000):
            rows = [
                {"user_id": f"f{number:06}", "kind": "follow", "other": "ana", "created_at": now()}
                for number in range(start, min(start + 5_000, followers))
            ]
            connection.execute(insert(Relation), rows)
    post = {"type": "post", "data": {"actor": {"id": "ana"}, "object": {"id": "p-1", "type": "post"}}}
    event = _planned(api, post)
    likes = [_planned(api, like(f"fan{number}")) for number in range(LIKES)]
    with api.parts.database.write() as connection:
        connection.execute(text("ANALYZE"))
    yield Place(api, _asked(event, likes, post, followers))
    api.parts.database.close()


def _planned(api: Api, body: Any) -> str:
    event: str = api.post(body).get_json()["id"]
    list(api.parts.steps.planner.plan([event]))
    return event


def _asked(event: str, likes: list[str], post: Any, followers: int) -> Asked:
    path = f"/v1/events/{event}/explain"
    middle = f"user=f{followers // 2:06}"
    return {
        "one recipient": ("GET", f"/v1/events/{likes[LIKES // 2]}/explain", None),
        "50 of many": ("GET", path, None),
        "200 of many": ("GET", f"{path}?limit=200", None),
        "one of many": ("GET", f"{path}?{middle}", None),
        "no recipient": ("GET", f"{path}?user=zoe", None),
        "dry run": ("POST", "/v1/events/explain", post),
    }


def _ms(place: Place, name: str) -> float:
    method, path, body = place.asked[name]
    took = []
    for _ in range(CALLS):
        began = time.perf_counter()
        response = place.api.call(method, path, body)
        took.append((time.perf_counter() - began) * 1e3)
        assert response.status_code == 200, response.text
    return median(took)
