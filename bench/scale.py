"""What grows with the cluster: start, memory, filters and changes at several numbers of nodes."""

import asyncio
import time
from collections.abc import Iterator
from itertools import count
from statistics import median

import orjson

from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import current_entry, indexed, verdicts
from bench.http_filter import bind, service
from bench.memory import cpu_seconds, resident_megabytes
from bench.run import Part, Row, Run
from bench.scenes import DEVICES, SCENES, Scene, pod

_FILTERS = 20
_CHANGES = 200
_JSON = {"Content-Type": "application/json"}
_BY_NAME = {scene.name: scene for scene in SCENES}


async def served(scene: Scene, nodes: int) -> Row:
    """A service with its requests over HTTP: CPU seconds to ready, memory, and ms of filters with all names.

    The names are those of the filter before, as kube-scheduler sends them. Between two filters a Pod is
    bound.
    """
    claims = [scene.claim(f"claim-{number}") for number in range(_FILTERS + 1)]
    names = [f"node-{number:05}" for number in range(nodes)]
    filters: list[float] = []
    cpu: list[float] = []
    async with service(scene.objects(nodes) + claims) as serving:
        start_cpu, ready = cpu_seconds(serving.pid), resident_megabytes(serving.pid)
        for number in range(_FILTERS + 1):
            asking = pod(f"pod-{number}", f"claim-{number}")
            body = orjson.dumps({"Pod": asking, "NodeNames": names})
            begun, used = time.perf_counter(), cpu_seconds(serving.pid)
            answer = await serving.client.post("/scheduler/filter", content=body, headers=_JSON)
            filters.append((time.perf_counter() - begun) * 1e3)
            cpu.append(cpu_seconds(serving.pid) - used)
            await bind(serving.client, asking, answer.raise_for_status().content)
        asked = resident_megabytes(serving.pid)
    return {
        "start_cpu_s": round(start_cpu, 1),
        "ready_mb": ready,
        "asked_mb": asked,
        "first_ms": round(filters[0], 1),
        "filter_ms": round(median(filters[1:]), 1),
        "filter_cpu_ms": round(sum(cpu[1:]) / _FILTERS * 1e3, 1),
    }


def changed(scene: Scene, nodes: int) -> Row:
    """CPU ms of a slice that changes: its event read, applied, and learned of by the next filter."""
    numbers = count()
    state = State()
    for raw in scene.objects(nodes):
        _apply(state, raw)
    rules = Rules(SelectorCache(), lambda: f"share-{next(numbers)}")
    wanted = parse(pod("p", "wanted"))
    assert isinstance(wanted, Pod)  # noqa: S101 - it is written so above
    cache = VerdictCache(state)
    cache.prepare(rules)
    names = sorted(state.nodes)
    distinct = frozenset(names)
    for _ in verdicts(PodEvaluation(state, wanted, rules), names, cache):
        pass
    spent = []
    for number in range(_CHANGES):
        event = orjson.dumps(scene.node(number * 7 % nodes, generation=number + 2)[1])
        begun = time.thread_time()
        _apply(state, orjson.loads(event))
        entry = current_entry(PodEvaluation(state, wanted, rules), cache)
        found = None if entry is None else indexed(entry, distinct, cache)
        spent.append((time.thread_time() - begun) * 1e3)
        if found is None:
            raise RuntimeError("a change of one slice has cost the verdicts of other nodes")
    return {"slice_ms": round(median(spent), 3)}


def _apply(state: State, raw: object) -> None:
    item = parse(raw)
    if not isinstance(item, InventoryObject):
        raise TypeError(f"{type(item).__name__} is not kept in the state")
    state.upsert(item)


def _rows(run: Run) -> Iterator[Row]:
    for nodes in (*run.sizes, *((run.scale,) if run.scale else ())):
        for name in ("one", "unique"):
            scene = _BY_NAME[name]
            row = {"scene": name, "nodes": nodes, "devices": nodes * DEVICES}
            yield row | asyncio.run(served(scene, nodes)) | changed(scene, nodes)


PART = Part(
    "scale",
    "what grows with the cluster: CPU s to ready, MB, ms of filters over HTTP, CPU ms of a changed slice",
    (
        "scene",
        "nodes",
        "devices",
        "start_cpu_s",
        "ready_mb",
        "asked_mb",
        "first_ms",
        "filter_ms",
        "filter_cpu_ms",
        "slice_ms",
    ),
    _rows,
)
