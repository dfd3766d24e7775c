"""Claims whose selectors an API server admits, and that take 0.1 s and more for each device."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.api.conftest import Asked, run
from tests.attack.loop_meter import LoopMeter
from tests.objects import claim, device, device_class, node, pod, slice_of

NODES = [f"n{number:02}" for number in range(20)]
MAX_CALLS = 100_000
"""Calls in one turn of the loop: 20 ms of those that take 0.2 us each."""


def texts(number: int) -> str:
    return "[" + ", ".join(f"'{index % 10}Gi'" for index in range(number)) + "]"


def numbers(number: int) -> str:
    return "[" + ", ".join(map(str, range(number))) + "]"


DEAR = (
    f"{texts(110)}.all(a, {numbers(100)}.all(b, {numbers(10)}.all(c, "
    "quantity(a).isLessThan(quantity('9Gi')) || true)))"
)
SELECTORS = {
    "beyond the limit": f"{numbers(50)}.all(a, {numbers(50)}.all(b, {numbers(50)}.all(c, "
    "quantity('1Gi').isLessThan(quantity(string(a) + 'Gi')) || true)))",
    "reads the device": f"{DEAR} && device.attributes['gpu.example.com'].uuid != 'x'",
    "equal lists of equal lists": "".join(
        f"cel.bind(l{i + 1}, {f'[l{i}, l{i}]' if i else '[1, 2]'}, " for i in range(40)
    )
    + "l40 == l40"
    + ")" * 40,
    "formatted lists of lists": "".join(
        f"cel.bind(l{i + 1}, {f'[l{i}, l{i}]' if i else '[1, 2]'}, " for i in range(40)
    )
    + "'%s'.format([l40]) == ''"
    + ")" * 40,
    "a sum of sums": "".join(
        f"cel.bind(l{i + 1}, {f'l{i} + l{i}' if i else '[1, 2, 3]'}, " for i in range(18)
    )
    + "l18.sum() > 0"
    + ")" * 18,
    "a long text as a quantity": "".join(
        f"cel.bind(t{i + 1}, {f't{i} + t{i}' if i else repr('9' * 5000)}, " for i in range(9)
    )
    + "quantity(t9).isInteger()"
    + ")" * 9,
    "a long text and a pattern": "".join(
        f"cel.bind(t{i + 1}, {f't{i} + t{i}' if i else repr('98' * 2500)}, " for i in range(9)
    )
    + "t9.findAll('(9|8)*7').size() > 0"
    + ")" * 9,
    "many terms": " && ".join(f"{texts(3)}.exists(x, x == '{index}Gi')" for index in range(9)),
}


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


async def probe(service: Asked, number: int) -> None:
    """Filters another Pod, and asks whether the process lives."""
    body = {"Pod": pod(f"probe-{number}", "cheap"), "NodeNames": NODES}
    answer = await service.post("/scheduler/filter", body)
    assert answer["NodeNames"] == NODES
    assert not answer["Error"]
    assert (await service.client.get("/livez")).status_code == 200


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
