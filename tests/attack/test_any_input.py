"""Inputs of any shape: no work goes on for long without a pause.

What is counted are calls of functions between two pauses, which no busy machine changes.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.cluster.informers.feed import Feed
from app.cluster.informers.informer import Replaced, Upserted
from app.core.model.features import Features
from app.core.model.fields import MAX_DEPTH
from app.core.model.parse import InventoryObject, parse
from app.core.model.resource_slice import ResourceSlice
from app.core.selectors.environment import cel_features
from app.core.selectors.selector import compile_selector
from app.core.state.state import State
from app.manifests.json_pieces import documents_in_pieces
from app.manifests.reader import load_documents
from tests.attack.any_selector import selectors
from tests.attack.dear_selectors import MAX_CALLS, WIDE
from tests.objects import node, slice_of
from tests.pausing import Meter

EXAMPLES = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
MAX_PAUSES = 3_000
"""Of one piece of work: what goes on is interrupted there, as by a deadline."""


def device() -> Any:
    item = parse(slice_of("n", {"name": "d", "attributes": {"uuid": {"string": "u"}}}))
    assert isinstance(item, ResourceSlice)
    return item.devices[0].shape


SHAPE = device()
CEL = cel_features(Features())


@EXAMPLES
@given(selectors())
def test_a_selector_of_any_shape_is_compiled_and_evaluated_with_pauses(text: str) -> None:
    meter = Meter(MAX_PAUSES)
    compiled = meter.measure(lambda: compile_selector(text, CEL))
    if compiled is not None:
        meter.measure(lambda: compiled.matches(SHAPE))  # type: ignore[attr-defined] # or it was interrupted
    assert meter.most < MAX_CALLS, (meter.where, text[:2_000])


MAX_CALLS_OF_A_NODE = 20_000
"""4 ms: a pass over the nodes that does little with each, nothing more."""


@pytest.mark.parametrize("text", WIDE.values(), ids=WIDE)
def test_a_wide_selector_is_compiled_with_pauses(text: str) -> None:
    meter = Meter()
    meter.measure(lambda: compile_selector(text, CEL))
    assert meter.total > MAX_CALLS_OF_A_NODE
    assert meter.most < MAX_CALLS_OF_A_NODE, meter.where


PIECES = st.text(alphabet='{}[],:"-\\n#&*!|> a0\\\\', min_size=1, max_size=12)


@EXAMPLES
@given(PIECES, PIECES, PIECES, st.integers(1, 60_000))
@pytest.mark.parametrize("kind", ["JSON", "YAML"])
def test_a_body_of_any_repetition_is_read_with_pauses(
    kind: str, before: str, piece: str, after: str, times: int
) -> None:
    body = (before + piece * times + after).encode()[:400_000]
    meter = Meter()
    if kind == "JSON":
        meter.measure(lambda: list(documents_in_pieces(body, MAX_DEPTH)))
    else:
        meter.measure(lambda: load_documents(body, "body", 1_000_000))
    assert meter.most < MAX_CALLS, (meter.where, before, piece, after, times)


VALUES = st.one_of(
    st.builds(lambda size: {"string": "x" * size}, st.integers(0, 64)),
    st.builds(lambda value: {"int": value}, st.integers(-(2**63), 2**63 - 1)),
    st.just({"version": "1.2.3-rc.1+build.5"}),
    st.builds(lambda flag: {"bool": flag}, st.booleans()),
    st.builds(lambda size: {"strings": [f"v{index}" for index in range(size)]}, st.integers(1, 64)),
)


@dataclass(frozen=True, slots=True)
class Published:
    """What a driver publishes, within the limits of the API."""

    devices: int
    attributes: tuple[dict[str, Any], ...]
    taints: int
    scope: str
    shareable: bool

    def raw(self, generation: int) -> Any:
        attributes = {f"gpu.example.com/a{number}": value for number, value in enumerate(self.attributes)}
        made = {
            "attributes": attributes,
            "capacity": {f"c{number}": {"value": f"{number}Gi"} for number in range(32 - len(attributes))},
            "taints": [{"key": f"k{number}", "effect": "NoSchedule"} for number in range(self.taints)],
            **({"allowMultipleAllocations": True} if self.shareable else {}),
            **({"nodeName": "n"} if self.scope == "perDeviceNodeSelection" else {}),
        }
        raw = slice_of("n", *({"name": f"d{number}", **made} for number in range(self.devices)))
        raw["spec"]["pool"]["generation"] = generation
        if self.scope != "nodeName":
            del raw["spec"]["nodeName"]
            raw["spec"][self.scope] = True
        return raw


PUBLISHED = st.builds(
    Published,
    st.sampled_from([1, 8, 64, 128]),
    st.lists(VALUES, max_size=32).map(tuple),
    st.integers(0, 16),
    st.sampled_from(["nodeName", "allNodes", "perDeviceNodeSelection"]),
    st.booleans(),
)


@EXAMPLES
@given(PUBLISHED, st.integers(1, 3))
def test_a_slice_of_any_shape_is_read_with_pauses_and_applied_at_once(
    published: Published, generations: int
) -> None:
    meter, state = Meter(), State()
    feed = Feed(state)
    state.upsert(inventory_object(node("n")))
    for generation in range(generations):
        event = Upserted(published.raw(generation + 1))
        meter.measure(lambda event=event: feed.read_ahead("ResourceSlice", event))
        meter.measure(lambda event=event: feed.handle("ResourceSlice", event))
        assert state.inventory.slices
    meter.measure(lambda: state.inventory.pools("n", Features()))
    assert meter.most < MAX_CALLS, meter.where
    assert not feed.broken


def test_a_list_of_many_slices_is_read_and_applied_with_pauses() -> None:
    meter, state = Meter(), State()
    feed = Feed(state)
    raws = []
    for number in range(300):
        raw = Published(16, ({"string": "x"},) * 32, 4, "nodeName", shareable=False).raw(1)
        raw["metadata"]["name"] = f"s{number}"
        raw["spec"]["pool"]["name"] = f"pool-{number}"
        raws.append(raw)
    event = Replaced(tuple(raws), tuple(raws), ())
    meter.measure(lambda: feed.read_ahead("ResourceSlice", event))
    meter.measure(lambda: feed.handle("ResourceSlice", event))
    assert len(state.inventory.slices) == len(raws)
    assert meter.most < MAX_CALLS, meter.where


def inventory_object(raw: Any) -> InventoryObject:
    item = parse(raw)
    assert isinstance(item, InventoryObject)
    return item
