"""How long claims hold devices is known from what the watch shows of their end."""

from typing import Any

import pytest

from app.cluster.informers.feed import Feed
from app.cluster.informers.informer import Deleted, Event, Replaced, Upserted
from app.core.state.state import State
from tests.objects import allocation, claim

SINCE = "2026-01-01T00:00:00Z"
HELD = claim("c") | {"status": {"allocation": allocation("n", "d0") | {"allocationTimestamp": SINCE}}}
RESERVED = claim("c") | {
    "status": HELD["status"] | {"reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]}
}
EVENTS: tuple[tuple[str, Event, bool], ...] = (
    ("deallocated", Upserted(claim("c")), True),
    ("deleted", Deleted(HELD), True),
    ("gone from a list", Replaced((), (), 0), True),
    ("still held", Upserted(RESERVED), False),
)


@pytest.mark.parametrize(("_name", "event", "released"), EVENTS, ids=[item[0] for item in EVENTS])
def test_a_release_is_reported_once(_name: str, event: Any, released: bool) -> None:
    seen: list[str | None] = []
    feed = Feed(State(), released=lambda allocation: seen.append(allocation.timestamp))
    feed.handle("ResourceClaim", Upserted(HELD))
    assert seen == []
    feed.handle("ResourceClaim", event)
    feed.handle("ResourceClaim", event)
    assert seen == ([SINCE] if released else [])
