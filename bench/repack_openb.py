"""How many waiting 8-GPU Pods fit after a repack of a few running ones, on the published openb trace.

    python -m bench.repack_openb FOLDER [--list default] [--seed 42] [--allocated 95] [--share 5]

FOLDER holds openb_*_list_*.csv.gz. Pods of the list arrive as in ``simulate import-csv`` until this percent
of the GPUs is allocated. Then Pods that want eight whole GPUs wait, as large in CPU and memory as most of the
list's, and one after the other is planned for until this percent of the running Pods has moved.
"""

import argparse
import gzip
import io
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from app.core.dry_run.destinations import Destinations
from app.core.dry_run.movable import movable_pods
from app.core.dry_run.moves import Move, Moves
from app.core.dry_run.place import place
from app.core.dry_run.repack import repack
from app.core.json_object import JsonObject
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError, on_pause
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.preemption.eviction_stage import EvictionStage
from app.core.selectors import SelectorCache
from app.core.simulation.arrivals import Event, shuffled
from app.core.simulation.packing import Packing
from app.core.simulation.task_list import WHOLE, ListedNode, Task, read_nodes, read_tasks
from app.core.simulation.task_policies import TASK_POLICIES
from app.core.state.state import State

DRIVER = "gpu.example.com"
API = "resource.k8s.io/v1"
MOST_GPUS = 8
SECONDS_EACH = 60.0
"""CPU time for one waiting Pod, as long as a dry run may take; then the best plan so far counts."""
Placed = tuple[Task, int, Sequence[int]]
"""A Pod's task, the position of its node, and those of its GPUs there."""


def main() -> int:
    """Prints what was found, as JSON."""
    parser = argparse.ArgumentParser(prog="bench.repack_openb", description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--list", default="default")
    parser.add_argument("--policy", default="FGD", help="that has placed the running Pods")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--allocated", type=float, default=95.0, help="percent of the GPUs")
    parser.add_argument("--share", type=float, default=5.0, help="percent of the running Pods that may move")
    given = parser.parse_args()
    nodes = read_nodes(_lines(given.folder / "openb_node_list_gpu_node.csv.gz"), "nodes")
    tasks = [
        item.task for item in read_tasks(_lines(given.folder / f"openb_pod_list_{given.list}.csv.gz"), "pods")
    ]
    nodes, running = filled(nodes, tasks, given.policy, given.seed, given.allocated / 100)
    state = cluster(nodes, running)
    large = Counter(task for task in tasks if task.gpu == MOST_GPUS * WHOLE).most_common(1)
    if not large:
        parser.error(f"no Pod of the list {given.list} requests {MOST_GPUS} whole GPUs")
    ((largest, _),) = large
    most = int(given.share / 100 * len(running))
    found = repacked(state, largest, most)
    used = sum(task.gpu for task, _, _ in running) / sum(node.gpus for node in nodes) / WHOLE
    print(json.dumps({"list": given.list, "seed": given.seed, "nodes": len(nodes), "running": len(running),
                      "allocated": round(100 * used, 2), "mayMove": most, **found}, indent=1))  # fmt: skip
    return 0


def filled(
    nodes: Sequence[ListedNode], tasks: Sequence[Task], policy: str, seed: int, share: float
) -> tuple[list[ListedNode], list[Placed]]:
    """The nodes in the order of the run, and what runs there when this share of the GPUs is allocated."""
    draw = random.Random(seed).random  # noqa: S311 - a seed that replays
    order = shuffled(tasks, draw)
    ordered = shuffled(nodes, draw)
    packing = Packing(ordered, TASK_POLICIES[policy](tasks, draw), seed)
    events = [Event(number, order[number % len(order)]) for number in range(2 * len(order))]
    bound = share * sum(node.gpus for node in nodes) * WHOLE
    used = 0
    for number in packing.run(events):
        task = events[number - 1].task
        used += task.gpu if number - 1 in packing.running else 0
        if used >= bound:
            break
    return ordered, [(events[pod].task, rank, gpus) for pod, (rank, gpus) in packing.running.items()]


def cluster(nodes: Sequence[ListedNode], running: Sequence[Placed]) -> State:
    """The nodes and Pods as objects. A GPU is a device of 1,000 shares that several claims may hold."""
    state = State()
    for raw in (*_inventory(nodes), *_pods(nodes, running)):
        state.upsert(_object(raw))
    return state


def repacked(state: State, task: Task, most: int) -> JsonObject:
    """How many Pods of the task fit one after the other, without a move and with at most this number."""
    numbers = count()
    rules = Rules(SelectorCache(), lambda: f"share-{next(numbers)}", node_checks=True, generate_claims=True)
    nodes, without, moved = list(state.nodes), 0, 0
    stopped: JsonObject = {}
    seconds: list[float] = []
    state.upsert(_object(_template("waiting", task)))
    for number in count():
        pod = _waiting(task, f"waiting-{number}")
        (placed,) = place(state, [pod], nodes, rules, shown=0)
        if placed.chosen is not None:
            without += 1
            continue
        begin = time.process_time()
        with on_pause(_stopping(begin + SECONDS_EACH)):
            found = repack(state, [pod], nodes, rules, most=most - moved)
        seconds.append(round(time.process_time() - begin, 2))
        print(f"{len(seconds)}: {found.text}, {moved} of {most} moved, {seconds[-1]} s", file=sys.stderr)
        if found.outcome != "fits":
            stopped = stops(state, pod, nodes, rules)
            break
        for move in found.moves:
            _carry_out(state, move)
        moved += len(found.moves)
        (placed,) = place(state, [pod], nodes, rules, shown=0)
        assert placed.chosen is not None  # noqa: S101 - the plan says so
    after = len(seconds) - 1
    return {
        "fitWithoutMoves": without,
        "fitAfterMoves": after,
        "moved": moved,
        "secondsEach": seconds,
        "stopped": stopped,
    }


def stops(state: State, waiting: Pod, nodes: Sequence[str], rules: Rules) -> JsonObject:
    """Why no plan was found: large nodes by what is in the way, and the Pods that fit nowhere else."""
    moves = Moves(state, movable_pods(state, waiting.priority), rules)
    there: dict[str, list[Pod]] = {}
    for pod in moves.left(moves.start):
        there.setdefault(pod.node_name, []).append(pod)
    places = Destinations(
        nodes, rules, lambda pod: moves.claims(state, pod), lambda pod: moves.without(state, pod)
    )
    stage = EvictionStage(state.fork())
    evaluation = PodEvaluation(stage.state, waiting, rules)
    found: Counter[str] = Counter()
    in_the_way: Counter[int] = Counter()
    stuck = 0
    for name in nodes:
        if sum(len(item.devices) for item in state.inventory.node_slices(name)) < MOST_GPUS:
            continue
        pods = there.get(name, [])
        can = [pod for pod in pods if places.exist(pod)]
        stuck += len(pods) - len(can)
        if not _fits_without(stage, evaluation, pods, name):
            found["noRoomWithoutAll"] += 1
        elif not _fits_without(stage, evaluation, can, name):
            found["somePodFitsNowhereElse"] += 1
            stay = [pod for pod in pods if pod not in can]
            in_the_way[_in_the_way(stage, evaluation, can, sorted(stay, key=moves.smallest_first), name)] += 1
        else:
            found["eachFitsElsewhereNotAllTogether"] += 1
    large = sum(found.values())
    return {
        "nodes": large,
        **found,
        "pods": sum(map(len, there.values())),
        "fitNowhereElse": stuck,
        "nodesByPodsInTheWayThatFitNowhereElse": dict(sorted(in_the_way.items())),
    }


def _in_the_way(
    stage: EvictionStage, evaluation: PodEvaluation, can: Sequence[Pod], stay: Sequence[Pod], node: str
) -> int:
    """How many of the Pods that fit nowhere else have to leave, the others being gone, the smallest last."""
    stage.remove([*can, *stay])
    left = list(stay)
    for pod in stay:
        stage.restore([pod])
        if evaluation.answer(node).verdict == "fits":
            left.remove(pod)
        else:
            stage.remove([pod])
    stage.restore([*can, *left])
    return len(left)


def _fits_without(stage: EvictionStage, evaluation: PodEvaluation, pods: Sequence[Pod], node: str) -> bool:
    stage.remove(pods)
    fits = evaluation.answer(node).verdict == "fits"
    stage.restore(pods)
    return fits


def _carry_out(state: State, move: Move) -> None:
    for claim in move.before:
        state.upsert(replace(claim, allocation=None, reserved_for=()))
    state.settle(move.pod, move.answer.node, move.answer.settled)


def _stopping(end: float) -> Callable[[int], None]:
    def at_pause(_cost: int) -> None:
        if time.process_time() > end:
            raise InterruptedWorkError

    return at_pause


def _inventory(nodes: Sequence[ListedNode]) -> Iterator[JsonObject]:
    expression = f'device.driver == "{DRIVER}"'
    spec = {"selectors": [{"cel": {"expression": expression}}]}
    yield {"apiVersion": API, "kind": "DeviceClass", "metadata": {"name": "gpu"}, "spec": spec}
    for node in nodes:
        room = {"cpu": f"{node.cpu}m", "memory": f"{node.memory}Mi", "pods": "1000"}
        status = {"allocatable": room}
        yield {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name}, "status": status}
        if not node.gpus:
            continue
        devices = [
            {
                "name": f"gpu-{number}",
                "allowMultipleAllocations": True,
                "attributes": {"model": {"string": node.model}},
                "capacity": {"shares": {"value": str(WHOLE)}},
            }
            for number in range(node.gpus)
        ]
        pool = {"name": node.name, "generation": 1, "resourceSliceCount": 1}
        sliced = {"driver": DRIVER, "nodeName": node.name, "pool": pool, "devices": devices}
        yield {"apiVersion": API, "kind": "ResourceSlice", "metadata": {"name": node.name}, "spec": sliced}


def _pods(nodes: Sequence[ListedNode], running: Sequence[Placed]) -> Iterator[JsonObject]:
    for number, (task, rank, gpus) in enumerate(running):
        name, node = f"p{number}", nodes[rank].name
        pod = _pod(name, task) | {"status": {"phase": "Running"}}
        pod["spec"]["nodeName"] = node
        if gpus:
            yield _claim(f"{name}-gpus", name, task, node, gpus)
            pod["spec"]["resourceClaims"] = [{"name": "gpus", "resourceClaimTemplateName": "any"}]
            pod["status"]["resourceClaimStatuses"] = [{"name": "gpus", "resourceClaimName": f"{name}-gpus"}]
        yield pod


def _pod(name: str, task: Task) -> JsonObject:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "w", "uid": "w", "controller": True}
    requests = {"cpu": f"{task.cpu}m", "memory": f"{task.memory}Mi"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": name, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": requests}}]},
    }


def _waiting(task: Task, name: str) -> Pod:
    raw = _pod(name, task)
    raw["spec"]["resourceClaims"] = [{"name": "gpus", "resourceClaimTemplateName": "waiting"}]
    pod = _object(raw)
    assert isinstance(pod, Pod)  # noqa: S101 - by its kind
    return pod


def _claim_spec(task: Task) -> JsonObject:
    exactly: JsonObject = {
        "deviceClassName": "gpu",
        "count": task.gpus,
        "capacity": {"requests": {"shares": str(task.share)}},
    }
    if task.models:
        models = " || ".join(
            f'device.attributes["{DRIVER}"].model == "{name}"' for name in sorted(task.models)
        )
        exactly["selectors"] = [{"cel": {"expression": models}}]
    return {"devices": {"requests": [{"name": "gpus", "exactly": exactly}]}}


def _template(name: str, task: Task) -> JsonObject:
    meta = {"name": name, "namespace": "default"}
    spec = {"spec": _claim_spec(task)}
    return {"apiVersion": API, "kind": "ResourceClaimTemplate", "metadata": meta, "spec": spec}


def _claim(name: str, pod: str, task: Task, node: str, gpus: Sequence[int]) -> JsonObject:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": pod, "controller": True}
    results = [
        {
            "request": "gpus",
            "driver": DRIVER,
            "pool": node,
            "device": f"gpu-{number}",
            "shareID": f"{name}-{number}",
            "consumedCapacity": {"shares": str(task.share)},
        }
        for number in gpus
    ]
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    allocation = {"devices": {"results": results}, "nodeSelector": {"nodeSelectorTerms": [term]}}
    return {
        "apiVersion": API,
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": "default", "uid": name, "ownerReferences": [owner]},
        "spec": _claim_spec(task),
        "status": {
            "allocation": allocation,
            "reservedFor": [{"resource": "pods", "name": pod, "uid": pod}],
        },
    }


def _object(raw: JsonObject) -> InventoryObject:
    item = parse(raw)
    assert isinstance(item, InventoryObject)  # noqa: S101 - no workload
    return item


def _lines(path: Path) -> Iterator[str]:
    return iter(io.StringIO(gzip.decompress(path.read_bytes()).decode("utf-8-sig"), newline=""))


if __name__ == "__main__":
    sys.exit(main())
