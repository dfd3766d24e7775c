"""A group of thousands of Pods holds nobody up while one of its Pods is filtered."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.api.conftest import Asked, run
from tests.api.webhooks.gangs import LABEL, args, inventory_of, member
from tests.attack.loop_meter import LoopMeter

PODS = 10_000
"""With what each costs in one turn, some 20 calls, they would hold the loop for 50 ms."""


def podgroup(name: str, least: int) -> Any:
    return {
        "apiVersion": "scheduling.k8s.io/v1alpha2",
        "kind": "PodGroup",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"schedulingPolicy": {"gang": {"minCount": least}}},
    }


@pytest.mark.parametrize("labelled", [True, False], ids=["label", "PodGroup"])
def test_a_filter_does_a_few_steps_for_each_pod_of_a_group_between_two_pauses(
    tmp_path: Path, *, labelled: bool
) -> None:
    members = [member(f"p{number}", "g", "w", labelled=labelled) for number in range(PODS)]
    objects = [*inventory_of({"n1": 1, "n2": 1}, members), podgroup("g", PODS)]
    path = tmp_path / "inventory.json"
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    meter = LoopMeter()

    async def scene(service: Asked) -> None:
        with meter.measuring():
            for raw in members[:3]:
                answer = await asyncio.create_task(
                    service.client.post("/scheduler/filter", json=args(raw, ["n1", "n2"]))
                )
                assert answer.status_code == 200
                assert not answer.json()["Error"]

    run(path, scene, candidates=1, gang_labels=LABEL, filter_timeout_seconds=1)
    assert meter.most_calls < 4 * PODS, meter.where
