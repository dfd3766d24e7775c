"""Rules and states for dry runs."""

from itertools import count
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State


def rules(**changes: Any) -> Rules:
    numbers = count()
    settings: dict[str, Any] = {"generate_claims": True} | changes
    return Rules(SelectorCache(), lambda: f"share-{next(numbers)}", **settings)


def members(number: int, raw: JsonObject) -> list[Pod]:
    """Pods of a group that differ in their names only."""
    found = []
    for index in range(number):
        item = parse(raw | {"metadata": {"name": f"p{index}", "namespace": "default"}})
        assert isinstance(item, Pod)
        found.append(item)
    return found


def state_with(*items: dict[str, Any]) -> State:
    state = State()
    for raw in items:
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    return state
