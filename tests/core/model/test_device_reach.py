"""Which devices of a slice each node can use, against matching every device with every node."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model import device_reach
from app.core.model.device_reach import DeviceReach
from app.core.model.node import Node, read_node
from app.core.model.node_selector import NodeSelector, SelectorError
from app.core.model.resource_slice import ResourceSlice, read_resource_slice
from app.core.state.pools import node_matches

HOSTNAME = "kubernetes.io/hostname"


def node(name: str, labels: dict[str, str]) -> Node:
    return read_node({"metadata": {"name": name, "labels": labels}})


def slice_of(*devices: dict[str, Any]) -> ResourceSlice:
    named = [{"name": f"d{position}", **device} for position, device in enumerate(devices)]
    spec = {"driver": "d.example.com", "pool": {"name": "p", "resourceSliceCount": 1}, "devices": named}
    return read_resource_slice(
        {"metadata": {"name": "slice"}, "spec": spec | {"perDeviceNodeSelection": True}}
    )


def selecting(*expressions: tuple[str, str, list[str]], fields: list[str] | None = None) -> dict[str, Any]:
    term: dict[str, Any] = {
        "matchExpressions": [
            {"key": key, "operator": operator, "values": values} for key, operator, values in expressions
        ]
    }
    if fields:
        term["matchFields"] = [{"key": "metadata.name", "operator": "In", "values": fields}]
    return {"nodeSelector": {"nodeSelectorTerms": [term]}}


def one_by_one(item: ResourceSlice, node: Node) -> list[bool | None]:
    found: list[bool | None] = []
    for device in item.devices:
        try:
            found.append(
                node_matches(node, device.node_name, device.node_selector, all_nodes=device.all_nodes)
            )
        except SelectorError:
            found.append(None)
    return found


KEYS = ["zone", HOSTNAME, "rack", "gpus"]
VALUES = ["a", "b", "", "1", "5"]
NAMES = ["a", "b", "node-1"]

expressions: st.SearchStrategy[tuple[str, str, list[str]]] = st.one_of(
    st.tuples(
        st.sampled_from(KEYS), st.sampled_from(["In", "NotIn"]), st.lists(st.sampled_from(VALUES), min_size=1)
    ),
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["Exists", "DoesNotExist"]), st.just([])),
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["Gt", "Lt"]), st.sampled_from([["1"], ["3"]])),
    st.tuples(st.just("zone"), st.just("Near"), st.just(["a"])),  # malformed
)
devices = st.one_of(
    st.builds(
        lambda terms, fields: selecting(*terms, fields=fields),
        st.lists(expressions, max_size=3),
        st.none() | st.lists(st.sampled_from(NAMES), min_size=1, max_size=1),
    ),
    st.builds(lambda name: {"nodeName": name}, st.sampled_from(NAMES)),
    st.just({"allNodes": True}),
    st.just(dict[str, Any]()),
)
nodes = st.builds(
    node, st.sampled_from(NAMES), st.dictionaries(st.sampled_from([*KEYS, "other"]), st.sampled_from(VALUES))
)


@given(st.lists(devices, max_size=8), st.lists(nodes, min_size=1, max_size=12))
def test_a_node_reaches_the_devices_that_match_it_one_by_one(
    published: list[dict[str, Any]], asked: list[Node]
) -> None:
    item = slice_of(*published)
    for each in asked:
        reached = item.reach.of(each)
        expected = one_by_one(item, each)
        assert list(reached.devices) == expected
        assert reached.some == any(expected)
        before_any = next((value for value in expected if value is not False), False)
        assert bool(reached.error) == (before_any is None)


@pytest.fixture
def matched(monkeypatch: pytest.MonkeyPatch) -> list[NodeSelector]:
    """The selectors that were evaluated, in order."""
    found: list[NodeSelector] = []
    matches = NodeSelector.matches

    def noted(self: NodeSelector, name: str, labels: Any) -> bool:
        found.append(self)
        return matches(self, name, labels)

    monkeypatch.setattr(NodeSelector, "matches", noted)
    return found


HOSTS = [node(f"n{number}", {HOSTNAME: f"n{number}", "zone": f"z{number % 3}"}) for number in range(300)]


@pytest.mark.parametrize(
    ("published", "most"),
    [
        pytest.param(
            [selecting((HOSTNAME, "NotIn", [f"x{number}"])) for number in range(64)],
            64,
            id="no node mentioned",
        ),
        pytest.param(
            [selecting((HOSTNAME, "NotIn", [f"n{number}"])) for number in range(64)], 128, id="own node"
        ),
        pytest.param(
            [selecting(("zone", "In", ["z1"]), (HOSTNAME, "NotIn", [f"n{number}"])) for number in range(64)],
            64 * 4,
            id="zone and own node",
        ),
        pytest.param(
            [selecting(("zone", "In", ["z1"]), fields=[f"n{number}"]) for number in range(64)],
            64 * 4,
            id="zone and name",
        ),
        pytest.param([{"nodeName": f"n{number}"} for number in range(64)], 0, id="names"),
    ],
)
def test_selectors_are_evaluated_for_what_they_distinguish(
    published: list[dict[str, Any]], most: int, matched: list[NodeSelector]
) -> None:
    """One by one, these would be 19,200 matches."""
    item = slice_of(*published)
    for each in HOSTS:
        item.reach.of(each)
    assert len(matched) <= most
    assert len(matched) >= min(most, 64)


def test_few_looks_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_reach, "_MAX_LOOKS", 8)
    item = slice_of(*(selecting((HOSTNAME, "In", [f"n{number}"])) for number in range(64)))
    reach = DeviceReach(item.devices)
    for each in HOSTS[:64]:
        assert list(reach.of(each).devices) == one_by_one(item, each)
        assert len(reach._known) <= 8
