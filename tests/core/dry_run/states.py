"""Rules and states for dry runs."""

from itertools import count
from typing import Any

from app.core.model.parse import InventoryObject, parse
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State


def rules(**changes: Any) -> Rules:
    numbers = count()
    settings: dict[str, Any] = {"generate_claims": True} | changes
    return Rules(SelectorCache(), lambda: f"share-{next(numbers)}", **settings)


def state_with(*items: dict[str, Any]) -> State:
    state = State()
    for raw in items:
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    return state
