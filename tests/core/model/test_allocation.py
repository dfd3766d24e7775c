"""AllocationResult: what is written reads back the same, in the API's own form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.allocation import (
    AllocatedDevice,
    Allocation,
    AllocationConfiguration,
    read_allocation,
)
from app.core.model.device_class import read_configuration
from app.core.model.node_selector import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from app.core.model.quantity import Quantity, parse_quantity
from app.core.model.resource_slice import DeviceId
from app.core.model.taints import Toleration

FULL: dict[str, Any] = {
    "devices": {
        "results": [
            {
                "request": "r/sub",
                "driver": "d",
                "pool": "p",
                "device": "dev",
                "adminAccess": True,
                "tolerations": [
                    {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}
                ],
                "bindingConditions": ["Ready"],
                "bindingFailureConditions": ["Failed"],
                "shareID": "6b2d8b3e-0000-4000-8000-000000000000",
                "consumedCapacity": {"cores": "2", "memory": "1Gi"},
                "skipNodeOperations": ["Prepare"],
            },
            {"request": "r", "driver": "d", "pool": "p", "device": "other"},
        ],
        "config": [
            {"source": "FromClass", "opaque": {"driver": "d", "parameters": {"deep": [1, {"x": None}]}}},
            {"source": "FromClaim", "requests": ["r"], "opaque": {"driver": "d", "parameters": {}}},
        ],
    },
    "nodeSelector": {
        "nodeSelectorTerms": [
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]},
        ]
    },
    "allocationTimestamp": "2026-01-01T00:00:00Z",
}

FORMS = {
    "everything": FULL,
    "nothing": {"devices": {}},
    "every-node": {"devices": {"results": FULL["devices"]["results"][1:]}},
    "not-for-an-administrator": {
        "devices": {"results": [FULL["devices"]["results"][1] | {"adminAccess": False}]}
    },
}


@pytest.mark.parametrize("raw", FORMS.values(), ids=FORMS)
def test_json_in_is_json_out(raw: dict[str, Any]) -> None:
    assert read_allocation(raw).to_json() == raw


def test_absent_devices_are_none() -> None:
    assert read_allocation({}) == Allocation(())


def test_capacity_is_written_in_canonical_form() -> None:
    raw = {"devices": {"results": [FULL["devices"]["results"][1] | {"consumedCapacity": {"m": "1024Mi"}}]}}
    assert read_allocation(raw).to_json()["devices"]["results"][0]["consumedCapacity"] == {"m": "1Gi"}


names = st.text("abc/-.", min_size=1, max_size=6)
texts = st.lists(names, max_size=2).map(tuple)
tolerations = st.builds(
    Toleration,
    key=names,
    operator=st.sampled_from(["Equal", "Exists"]),
    value=st.sampled_from(["", "v"]),
    effect=st.sampled_from(["", "NoSchedule"]),
    seconds=st.none() | st.integers(0, 9),
)
# As read: an amount in BinarySI that has no suffix reads back as DecimalSI, which may shorten it.
quantities = st.builds(Quantity, st.integers(0, 2**70), st.sampled_from(["DecimalSI", "BinarySI"])).map(
    lambda amount: parse_quantity(amount.text)
)
capacities = st.dictionaries(
    names,
    quantities,
    max_size=2,
).map(lambda amounts: tuple(sorted(amounts.items())))
devices = st.builds(
    AllocatedDevice,
    request=names,
    device=st.builds(DeviceId, names, names, names),
    admin_access=st.none() | st.booleans(),
    tolerations=st.lists(tolerations, max_size=2).map(tuple),
    binding_conditions=texts.map(lambda items: items or None),
    binding_failure_conditions=texts.map(lambda items: items or None),
    share_id=st.none() | names,
    consumed_capacity=capacities,
    skip_node_operations=texts,
)
parameters = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
configurations = st.builds(
    AllocationConfiguration,
    source=st.sampled_from(["FromClass", "FromClaim"]),
    requests=texts,
    configuration=st.builds(
        lambda driver, value: read_configuration({"opaque": {"driver": driver, "parameters": value}}),
        names,
        parameters,
    ),
)
requirements = st.builds(NodeSelectorRequirement, names, st.sampled_from(["In", "Exists"]), texts)
selectors = st.builds(
    NodeSelector,
    st.lists(
        st.builds(
            NodeSelectorTerm,
            st.lists(requirements, max_size=2).map(tuple),
            st.lists(requirements, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)
allocations = st.builds(
    Allocation,
    devices=st.lists(devices, max_size=3).map(tuple),
    config=st.lists(configurations, max_size=2).map(tuple),
    node_selector=st.none() | selectors,
    timestamp=st.none() | st.just("2026-01-01T00:00:00Z"),
)


@given(allocations)
def test_what_is_written_reads_back_the_same(allocation: Allocation) -> None:
    wire = json.loads(json.dumps(allocation.to_json()))
    assert read_allocation(wire) == allocation
    assert read_allocation(wire).to_json() == wire
