"""Groups that are planned while the cluster changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.api.webhooks import gang as gang_module
from app.core.dry_run.gang import GangAnswer, place_gang
from app.core.model.parse import InventoryObject, parse
from app.core.state.state import State
from tests.api.conftest import Asked, run
from tests.api.webhooks.gangs import LABEL, gang_of, inventory_of, named
from tests.objects import allocation, claim, pod, pod_group

Inventory = Callable[..., Path]
NODES = ["a", "b", "c"]


def read(raw: dict[str, Any]) -> InventoryObject:
    item = parse(raw)
    assert isinstance(item, InventoryObject)
    return item


def another_pod(state: State, number: int) -> None:
    """A Pod that has nothing to do with the group, as a busy cluster has many a second."""
    state.upsert(read(pod(f"other-{number}")))


def a_condition(state: State, number: int) -> None:
    """kube-scheduler writes why it has not placed a Pod of the group before."""
    raw = pod("g-1", "g-c1")
    raw["metadata"] |= {"labels": {LABEL: "g"}, "resourceVersion": str(number)}
    state.upsert(read(raw))


def a_device(state: State, number: int) -> None:
    """Another Pod gets a device of a planned node, and a moment later frees it."""
    raw = claim("other") | {"status": {"allocation": allocation("a", "d9")} if number % 2 else {}}
    raw["metadata"]["resourceVersion"] = str(number + 1)
    state.upsert(read(raw))


def a_claim(state: State, number: int) -> None:
    """A claim of the group is replaced."""
    state.delete("ResourceClaim", ("default", "g-c1"))
    raw = claim("g-c1")
    raw["metadata"]["uid"] = f"uid-{number}"
    state.upsert(read(raw))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[[Asked, Callable[[State, int], None]], list[int]]:
    """Lets something change in each planning; returns a list with an entry for each."""

    def during(service: Asked, change: Callable[[State, int], None]) -> list[int]:
        plans: list[int] = []

        def noted(*given: Any, **more: Any) -> GangAnswer:
            answer = place_gang(*given, **more)
            plans.append(len(plans))
            change(service.app.state.service.state, len(plans))
            return answer

        monkeypatch.setattr(gang_module, "place_gang", noted)
        return plans

    return during


@pytest.mark.parametrize("change", [another_pod, a_condition])
def test_what_does_not_concern_a_plan_leaves_it_valid(
    inventory: Inventory, planned: Any, change: Callable[[State, int], None]
) -> None:
    """Otherwise a group would never be planned while other Pods come and go."""
    gang = gang_of("g", 3, labelled=True)

    async def question(service: Asked) -> None:
        plans = planned(service, change)
        assert len(await named(service, gang[0], NODES)) == 1
        assert plans == [0]
        assert len(service.app.state.service.decider.reservations) == 3

    run(inventory(*inventory_of(dict.fromkeys(NODES, 1), gang)), question, candidates=1, gang_labels=LABEL)


@pytest.mark.parametrize("change", [a_device, a_claim])
@pytest.mark.parametrize("labelled", [True, False])
def test_no_pod_of_a_labelled_group_is_placed_alone_when_its_plans_do_not_stand(
    inventory: Inventory, planned: Any, change: Callable[[State, int], None], labelled: bool
) -> None:
    """kube-scheduler keeps a PodGroup together itself; of labels it knows nothing."""
    gang = gang_of("g", 3, labelled=labelled)

    async def question(service: Asked) -> None:
        plans = planned(service, change)
        answer = await service.post("/scheduler/filter", {"Pod": gang[0], "NodeNames": NODES})
        assert len(plans) == 3
        if labelled:
            assert not answer["NodeNames"]
            text = "the cluster changed while the Pods of group scheduling.x-k8s.io/pod-group=g were planned"
            reasons = {**(answer["FailedNodes"] or {}), **(answer["FailedAndUnresolvableNodes"] or {})}
            assert set(reasons.values()) == {text}
            assert len(service.app.state.service.decider.reservations) == 0
        else:
            assert len(answer["NodeNames"]) == 1

    more = [] if labelled else [pod_group("g", minimum=3)]
    objects = [*inventory_of({"a": 2, "b": 1, "c": 1}, gang), *more, claim("other")]
    run(inventory(*objects), question, candidates=1, gang_labels=LABEL)
