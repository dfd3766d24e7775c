"""What is done for a Pod of a labelled group that is refused: claims deallocated, Pods evicted."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.json_object import JsonObject
from app.core.model.allocation import read_allocation
from app.core.state.nominations import Nomination
from tests.api.conftest import Asked, run
from tests.api.webhooks.gangs import LABEL, Deallocations, gang_of, inventory_of, named
from tests.objects import allocation, claim, pod

Inventory = Callable[..., Path]


def test_a_claim_that_keeps_a_pod_from_all_nodes_is_deallocated(inventory: Inventory) -> None:
    """As for a Pod without a group: it is reserved for no Pod, and kube-scheduler has refused its node."""
    gang = gang_of("g", 2, labelled=True)
    there = claim("g-c0") | {"status": {"allocation": allocation("a", "d0")}}
    objects = [item for item in inventory_of({"a": 1, "b": 1, "c": 1}, gang) if item != claim("g-c0")]

    async def question(service: Asked) -> None:
        service.app.state.service.decider.deallocator = recorder = Deallocations()
        assert await named(service, gang[0], ["b", "c"]) == []
        await asyncio.sleep(0)  # it is deallocated in the background
        assert recorder.claims == ["g-c0"]

    run(inventory(*objects, there), question, candidates=1, gang_labels=LABEL)


def test_a_claim_stays_where_only_the_group_does_not_fit(inventory: Inventory) -> None:
    gang = gang_of("g", 3, labelled=True)
    there = claim("g-c0") | {"status": {"allocation": allocation("a", "d0")}}
    objects = [item for item in inventory_of({"a": 1, "b": 1}, gang) if item != claim("g-c0")]

    async def question(service: Asked) -> None:
        service.app.state.service.decider.deallocator = recorder = Deallocations()
        for raw in gang:
            assert await named(service, raw, ["a", "b"]) == []
        await asyncio.sleep(0)
        assert recorder.claims == []

    run(inventory(*objects, there), question, candidates=1, gang_labels=LABEL)


def preempting(size: int) -> tuple[list[JsonObject], JsonObject, JsonObject]:
    """A labelled group, a less important Pod on node a, and the candidate: to evict it there."""
    gang = gang_of("g", size, labelled=True)
    for raw in gang:
        raw["spec"]["priority"] = 1000
    victim = pod("victim")
    victim["spec"]["nodeName"] = "a"
    victim["status"] = {"phase": "Running"}
    return gang, victim, {"a": {"Pods": [{"UID": "uid-victim"}], "NumPDBViolations": 0}}


@pytest.mark.parametrize(("size", "helps"), [(2, True), (3, False)])
def test_nobody_is_evicted_for_a_group_that_lacks_devices_even_then(
    inventory: Inventory, size: int, helps: bool
) -> None:
    """The victim takes CPU beside one of two devices: a group of three does not run without it either."""
    gang, victim, asked = preempting(size)

    async def question(service: Asked) -> None:
        body = {"Pod": gang[0], "NodeNameToMetaVictims": asked, "NodeNameToVictims": None}
        answer = await service.post("/scheduler/preempt", body)
        assert answer == {"NodeNameToMetaVictims": asked if helps else {}}

    run(inventory(*inventory_of({"a": 1, "b": 1}, gang), victim), question, candidates=1, gang_labels=LABEL)


@pytest.mark.parametrize(("priority", "helps"), [(0, True), (1000, False)])
def test_a_group_passes_over_what_is_held_for_a_pod_of_lower_priority(
    inventory: Inventory, priority: int, helps: bool
) -> None:
    """As a Pod without a group does: it is held there since other Pods were evicted for that one."""
    gang, victim, asked = preempting(2)
    held = (("default", "other"), read_allocation(allocation("b", "d0")))

    async def question(service: Asked) -> None:
        nomination = Nomination(("default", "waits"), "uid-waits", priority, "b", (held,))
        service.app.state.service.state.hold(nomination)
        body = {"Pod": gang[0], "NodeNameToMetaVictims": asked, "NodeNameToVictims": None}
        answer = await service.post("/scheduler/preempt", body)
        assert answer == {"NodeNameToMetaVictims": asked if helps else {}}

    run(inventory(*inventory_of({"a": 1, "b": 1}, gang), victim), question, candidates=1, gang_labels=LABEL)


@pytest.mark.parametrize(
    ("priorities", "helps"), [((1000, 1000), True), ((1000, 0), False), ((1000, 20), True)]
)
def test_nobody_is_evicted_for_a_group_whose_other_pods_may_evict_nobody(
    inventory: Inventory, priorities: tuple[int, int], helps: bool
) -> None:
    """The victims have all devices: each Pod of the group needs one of theirs."""
    gang = gang_of("g", 2, labelled=True)
    for raw, priority in zip(gang, priorities, strict=True):
        raw["spec"]["priority"] = priority
    holders = [holding("a", 10), holding("b", 10)]
    asked = {"a": {"Pods": [{"UID": "uid-on-a"}], "NumPDBViolations": 0}}

    async def question(service: Asked) -> None:
        body = {"Pod": gang[0], "NodeNameToMetaVictims": asked, "NodeNameToVictims": None}
        answer = await service.post("/scheduler/preempt", body)
        assert answer == {"NodeNameToMetaVictims": asked if helps else {}}

    objects = [*inventory_of({"a": 1, "b": 1}, gang), *(item for pair in holders for item in pair)]
    run(inventory(*objects), question, candidates=1, gang_labels=LABEL)


def holding(node: str, priority: int) -> tuple[JsonObject, JsonObject]:
    """A running Pod, and its claim with the device of the node."""
    holder = pod(f"on-{node}", f"of-{node}")
    holder["spec"] |= {"nodeName": node, "priority": priority}
    holder["status"] = {"phase": "Running"}
    user = {"resource": "pods", "name": f"on-{node}", "uid": f"uid-on-{node}"}
    status = {"allocation": allocation(node, "d0"), "reservedFor": [user]}
    return holder, claim(f"of-{node}") | {"status": status}
