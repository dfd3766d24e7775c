"""One Pod on all nodes: this allocator against Kubernetes' own, in one run.

``cold`` is the first Pod of its kind: every node is searched. ``moving`` is a later one, with a node
that has changed since: what a filter does while Pods of one template come and go. In-tree starts
from scratch for every Pod, so it has one figure.
"""

import time
from collections.abc import Iterator
from itertools import count
from statistics import median
from typing import Any

from oracle import Oracle

from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import verdicts
from app.wiring.garbage_collection import keep_inventory
from bench.run import Part, Row, Run
from bench.scenes import SCENES, Scene, pod

_IN_TREE_MS = 5_000.0
"""Enough of in-tree for one scene: backtracking takes it seconds a Pod."""


class Ours:
    """The state of a scene, and the Pods to evaluate."""

    def __init__(self, scene: Scene, nodes: int) -> None:
        numbers = count()
        self._scene = scene
        self._state = State()
        self._put(scene.objects(nodes))
        self._names = sorted(self._state.nodes)
        self._rules = Rules(SelectorCache(), lambda: f"share-{next(numbers)}")
        wanted = parse(pod("p", "wanted"))
        assert isinstance(wanted, Pod)  # noqa: S101 - it is written so above
        self._pod = wanted
        self._memo = VerdictCache(self._state)
        self._generation = 1
        keep_inventory()  # as the service does once it has read the cluster

    def _put(self, raws: list[dict[str, Any]]) -> None:
        for raw in raws:
            item = parse(raw)
            if not isinstance(item, InventoryObject):
                raise TypeError(raw["kind"])
            self._state.upsert(item)

    def cold(self) -> tuple[float, int]:
        """Seconds, and nodes that fit."""
        return self._ask(VerdictCache(self._state))

    def moving(self) -> tuple[float, int]:
        """As ``cold``, with one node changed since the last Pod of the kind."""
        self._generation += 1
        self._put(self._scene.node(self._generation % len(self._names), self._generation)[1:])
        return self._ask(self._memo)

    def _ask(self, verdict_cache: VerdictCache) -> tuple[float, int]:
        start = time.perf_counter()
        found = verdicts(PodEvaluation(self._state, self._pod, self._rules), self._names, verdict_cache)
        fitting = sum(item is not None and item[1].verdict == "fits" for item in found)
        return time.perf_counter() - start, fitting


def measure(scene: Scene, nodes: int, rounds: int, in_tree: Oracle | None) -> Row:
    """The medians of one scene, in milliseconds a Pod. Rounds of both take turns, until in-tree has had
    enough."""
    ours = Ours(scene, nodes)
    ours.moving()
    cold, moving, theirs = [], [], []
    fitting = 0
    request = {"pods": [pod("p", "wanted")], "objects": scene.objects(nodes), "rounds": 1}
    verdicts: dict[str, int] = {}
    for _ in range(rounds):
        seconds, fitting = ours.cold()
        cold.append(seconds * 1e3)
        moving.append(ours.moving()[0] * 1e3)
        if in_tree is not None and sum(theirs) < _IN_TREE_MS:
            answer = in_tree.ask(request)
            theirs.append(answer["nanoseconds"][0] / 1e6)
            verdicts = answer["verdicts"]
    if in_tree is not None and verdicts.get("fits", 0) != fitting:
        raise RuntimeError(f"{scene.name}: {fitting} nodes fit here, in-tree {verdicts}")
    row: Row = {
        "scene": scene.name,
        "nodes": nodes,
        "fits": fitting,
        "cold_ms": round(median(cold), 3),
        "moving_ms": round(median(moving), 3),
    }
    if theirs:
        row["in_tree_ms"] = round(median(theirs), 3)
        row["cold_ratio"] = round(median(theirs) / median(cold), 2)
        row["moving_ratio"] = round(median(theirs) / median(moving), 2)
    return row


def _rows(run: Run) -> Iterator[Row]:
    with run.in_tree() as in_tree:
        for nodes in run.sizes:
            for scene in SCENES:
                yield measure(scene, nodes, run.rounds, in_tree)
    if run.scale:
        for scene in SCENES:
            yield measure(scene, run.scale, 3, None)


PART = Part(
    "in-process",
    "one Pod on all nodes, 8 devices each, ms a Pod; ratios: in-tree over ours, more is better",
    ("scene", "nodes", "fits", "cold_ms", "moving_ms", "in_tree_ms", "cold_ratio", "moving_ratio"),
    _rows,
)
