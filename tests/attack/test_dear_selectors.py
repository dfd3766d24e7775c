"""Claims whose selectors an API server admits, and that take 0.1 s and more for each device."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.api.conftest import Asked, run
from tests.attack.dear_selectors import MAX_CALLS, NODES, SELECTORS, probe
from tests.attack.loop_meter import LoopMeter
from tests.objects import claim, device, device_class, node, pod, slice_of


@pytest.fixture
def served(tmp_path: Path) -> Path:
    objects: list[Any] = [device_class(), claim("cheap", expression="device.driver == 'gpu.example.com'")]
    for name in NODES:
        devices = [device(f"d{number}", uuid=f"{name}-{number}") for number in range(8)]
        objects += [node(name), slice_of(name, *devices)]
    for number, expression in enumerate(SELECTORS.values()):
        dear = claim(f"dear-{number}", namespace="team-a")
        exactly = dear["spec"]["devices"]["requests"][0]["exactly"]
        # A blank more each time: another text, as dear as the first.
        exactly["selectors"] = [{"cel": {"expression": expression + " " * blanks}} for blanks in range(32)]
        objects.append(dear)
    path = tmp_path / "inventory.json"
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return path


@pytest.mark.parametrize("name", SELECTORS)
def test_a_filter_of_dear_selectors_holds_nobody_up(served: Path, name: str) -> None:
    number = list(SELECTORS).index(name)

    async def scene(service: Asked) -> None:
        dear = pod("dear", f"dear-{number}")
        dear["metadata"]["namespace"] = "team-a"
        attack = asyncio.create_task(service.post("/scheduler/filter", {"Pod": dear, "NodeNames": NODES}))
        for turn in range(5):
            await probe(service, turn)
        answer = await attack
        judged = len(answer["NodeNames"] or ()) + len(answer["FailedNodes"] or {})
        assert judged + len(answer["FailedAndUnresolvableNodes"] or {}) == len(NODES)
        for turn in range(5, 10):
            await probe(service, turn)

    meter = LoopMeter()

    async def measured(service: Asked) -> None:
        await probe(service, 99)
        with meter.measuring():
            await scene(service)

    run(served, measured)
    assert meter.most_calls < MAX_CALLS, meter.where


def test_a_retry_goes_on_where_the_last_attempt_ended(served: Path) -> None:
    """What a filter could not finish is carried on beside the others, and ends with one clear reason."""
    number = list(SELECTORS).index("equal lists of equal lists")
    dear = pod("dear", f"dear-{number}")
    dear["metadata"]["namespace"] = "team-a"

    async def scene(service: Asked) -> None:
        body = {"Pod": dear, "NodeNames": NODES}
        first = await service.post("/scheduler/filter", body)
        assert first["Error"] == "" or "next attempt" in first["Error"]
        backlog = service.app.state.service.backlog
        while len(backlog):  # noqa: ASYNC110 - there is nothing to wait for but its end
            await asyncio.sleep(0.01)
        last = await service.post("/scheduler/filter", body)
        assert last["Error"] == ""
        reasons = set((last["FailedAndUnresolvableNodes"] or {}).values())
        assert len(reasons) == 1
        assert "more than 0.2 s of CPU time" in reasons.pop()

    run(served, scene, selector_cpu_seconds=0.2)


class BusyMachine:
    """A clock on which each look takes 0.2 ms: time passes, and little is done in it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.0002
        return self.now


def test_a_filter_that_gets_little_of_the_processor_leaves_dear_selectors_to_the_backlog(
    served: Path,
) -> None:
    """kube-scheduler waits for each filter: not for a whole time limit, again and again."""
    number = list(SELECTORS).index("reads the device")
    dear = pod("dear", f"dear-{number}")
    dear["metadata"]["namespace"] = "team-a"

    async def scene(service: Asked) -> None:
        clock = BusyMachine()
        made = replace(service.app.state.service, clock=clock)
        service.app.state.service = made
        answer = await service.post("/scheduler/filter", {"Pod": dear, "NodeNames": NODES})
        assert "next attempt" in answer["Error"]
        assert made.backlog.has("team-a")
        assert clock.now < made.settings.filter_timeout_seconds
        before = clock.now
        answer = await service.post("/scheduler/filter", {"Pod": dear, "NodeNames": NODES})
        assert "next attempt" in answer["Error"]
        assert clock.now - before < 0.5, "nothing is evaluated for it while the backlog is at it"

    run(served, scene)


def test_an_explanation_that_is_not_finished_says_so(served: Path) -> None:
    number = list(SELECTORS).index("reads the device")
    dear = pod("dear", f"dear-{number}")
    dear["metadata"]["namespace"] = "team-a"

    async def scene(service: Asked) -> None:
        await service.post("/scheduler/filter", {"Pod": dear, "NodeNames": NODES})
        answer = await service.get("/api/v1/pods/team-a/dear/explain")
        assert answer["summary"].startswith("time is up: evaluated 0 of 20 nodes; ")

    run(served, scene, dry_run_timeout_seconds=0.001)
