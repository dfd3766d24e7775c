"""Much of what a cluster usually has little of: decisions, classes, unknown nodes, Pods with other labels."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from app.api.history import Decision
from app.api.service import Service
from app.core.model.label_selector import LabelSelector
from app.core.model.meta import Meta
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.residents import Residents
from tests.api.conftest import Asked, run
from tests.attack.loop_meter import LoopMeter
from tests.objects import claim, device, device_class, node, pod, slice_of
from tests.pausing import Meter

MAX_CALLS = 20_000


def nothing(_service: Service) -> None:
    """Before most attacks."""


def longest_turn(
    folder: Path,
    attack: Callable[[Asked], Awaitable[Any]],
    *more: Any,
    before: Callable[[Service], None] = nothing,
) -> LoopMeter:
    path, meter = folder / "inventory.json", LoopMeter()
    items = [device_class(), claim("w"), pod("p", "w"), node("n1"), slice_of("n1", device("d0")), *more]
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    async def scene(service: Asked) -> None:
        await service.client.get("/livez")
        before(service.app.state.service)
        with meter.measuring():
            await asyncio.create_task(attack(service))  # type: ignore[arg-type]  # a coroutine

    run(path, scene)
    return meter


def test_many_decisions_are_listed_in_short_turns(tmp_path: Path) -> None:
    def decided(service: Service) -> None:
        for number in range(1_000):
            entry = Decision("2026-01-01T00:00:00Z", "filter", "default", f"p{number}", "refused")
            service.history.add(replace(entry, nodes=5_000, summary=f"{number} reasons"))

    async def attack(service: Asked) -> None:
        found = await service.get("/api/v1/decisions", limit=999)
        assert [item["name"] for item in found["items"][:2]] == ["p999", "p998"]
        assert len(found["items"]) == 999
        assert found["next"]

    meter = longest_turn(tmp_path, attack, before=decided)
    assert meter.most_calls < MAX_CALLS, meter.where


def test_many_classes_are_selected_in_short_turns(tmp_path: Path) -> None:
    async def attack(service: Asked) -> None:
        selector = ",".join(f"label-{number}!=x" for number in range(8))
        found = await service.get("/api/v1/classes", labelSelector=selector, limit=3)
        assert [item["name"] for item in found["items"]] == ["c0", "c1", "c10"]
        assert found["next"]

    many = [device_class(f"c{number}") for number in range(3_000)]
    meter = longest_turn(tmp_path, attack, *many)
    assert meter.most_calls < MAX_CALLS, meter.where


def test_whole_nodes_that_no_event_has_reported_are_read_in_short_turns(tmp_path: Path) -> None:
    nodes = [node(f"x{number}") for number in range(3_000)]

    async def attack(service: Asked) -> None:
        body = {"Pod": pod("p", "w"), "Nodes": {"items": [node("n1"), *nodes]}, "NodeNames": None}
        found = await service.post("/scheduler/filter", body)
        assert [item["metadata"]["name"] for item in found["Nodes"]["items"]] == ["n1"]
        refused = found["FailedNodes"] | found["FailedAndUnresolvableNodes"]
        assert refused.keys() == {item["metadata"]["name"] for item in nodes}

    meter = longest_turn(tmp_path, attack)
    assert meter.most_calls < 60_000, meter.where


def test_pods_with_many_different_labels_are_counted_with_pauses() -> None:
    residents, meter = Residents(), Meter()
    like = parse(pod("p"))
    assert isinstance(like, Pod)
    for number in range(20_000):
        labels = {"app": f"a{number % 100}"}
        meta = Meta(f"p{number}", "default", labels=labels)
        residents.put(replace(like, meta=meta, node_name=f"n{number // 100}"))
    found: list[int] = []
    meter.measure(lambda: found.append(residents.matching(LabelSelector(), None).total()))
    assert found == [20_000]
    assert meter.most < 2_000, meter.where
