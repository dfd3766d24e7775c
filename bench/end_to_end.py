"""Pods bound per second on the real control plane: in-tree, the least any extender can do, and ours.

One control plane for all of them; they take turns, round after round. Before each turn the Pods and
their claims are made, then the contender's scheduler is started, and the time runs from the first
binding to the last; another figure tells the time since the scheduler was ready, which counts how late the
first binding is. After it the Pods and claims are taken out again.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import yaml
from harness import binaries, scheduling
from harness.controlplane import EXTENDER, HOST, ControlPlane
from harness.extender import Extender
from harness.ports import free_port
from harness.process import Process, answers
from harness.rights import grant_chart_rights
from harness.scene import Scene as Rights

from bench.cluster import Cluster
from bench.run import Part, Row, Run
from bench.scenes import SCENES

_TICKS = os.sysconf("SC_CLK_TCK")
_QPS = 5000
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_MAX_ROUNDS = (3, 2)
"""By nodes: a round of six contenders takes a minute at 500 nodes, four at 5,000."""
_TURN_SECONDS = 120.0
_POLICY_SECONDS = 3.0
"""Until the API server has read a policy."""
_PROTECTED_CLAIMS = binaries.REPOSITORY / "charts" / "dra-extender" / "files" / "protected-claims.yaml"
_SCENE = next(scene for scene in SCENES if scene.name == "one")


@dataclass(frozen=True, slots=True)
class Contender:
    """Who schedules.

    ``extender`` is "" (in-tree), "do-least" or "ours"; ``percentage`` of the nodes to filter, 0 for
    kube-scheduler's default; ``one``: a single candidate; ``protected``: claims are created with their
    finalizer; ``pods`` to bind in a run, by nodes.
    """

    name: str
    extender: str = ""
    percentage: int = 0
    one: bool = False
    protected: bool = False
    pods: tuple[int, int] = (800, 500)

    def pods_for(self, nodes: int) -> int:
        """A number that makes a run take some ten seconds on two cores."""
        return self.pods[nodes > _LARGE]


_LARGE = 1000
CONTENDERS = (
    Contender("in-tree", pods=(800, 400)),
    Contender("in-tree-100", percentage=100, pods=(500, 80)),
    Contender("do-least", "do-least", 100, pods=(800, 300)),
    Contender("ours", "ours", 100, pods=(800, 300)),
    Contender("ours-protected", "ours", 100, pods=(800, 300), protected=True),
    Contender("do-least-one", "do-least", 100, one=True),
    Contender("ours-one", "ours", 100, one=True),
    Contender("ours-protected-one", "ours", 100, one=True, protected=True),
)


class Ground:
    """A control plane with an inventory, on which contenders take turns."""

    def __init__(self, plane: ControlPlane, cluster: Cluster) -> None:
        self._plane = plane
        self._cluster = cluster
        self._turns = 0

    async def turn(self, contender: Contender, pods: int) -> Row:
        """One run: Pods a second, and CPU time of each process in milliseconds a Pod.

        Raises: RuntimeError if Pods stayed unbound or a device was given twice (by others than do-least,
        which does not look).
        """
        self._turns += 1
        namespace = f"turn-{self._turns}"
        scheduler = f"bench-{self._turns}"
        with self._protecting() if contender.protected else nullcontext():
            await self._cluster.put_pods(_SCENE, namespace, scheduler, pods)
        if contender.protected and not await self._cluster.are_protected(namespace):
            raise RuntimeError(f"{contender.name}: claims without a finalizer")
        with self._contending(contender, scheduler) as processes:
            before = {name: _cpu_seconds(pid) for name, pid in processes.items()}
            ready = time.monotonic()
            times = await self._cluster.bound(namespace, pods, _TURN_SECONDS)
            spent = {name: _cpu_seconds(pid) - before[name] for name, pid in processes.items()}
        held = await self._cluster.holders(namespace)
        await self._cluster.drop_pods(namespace)
        if len(times) < pods:
            raise RuntimeError(f"{contender.name}: {len(times)} of {pods} Pods bound in {_TURN_SECONDS:g} s")
        if contender.extender != "do-least" and len(held) != len(set(held)):
            raise RuntimeError(f"{contender.name}: a device was given twice")
        return {
            "pods_per_second": round((pods - 1) / (times[-1] - times[0]), 1),
            "since_ready": round(pods / (times[-1] - ready), 1),
            "cpu_ms": {name: round(seconds * 1e3 / pods, 2) for name, seconds in spent.items()},
        }

    @contextmanager
    def _protecting(self) -> Iterator[None]:
        """With the admission policy of the chart."""
        name, group = "bench", "admissionregistration.k8s.io/v1"
        kinds = {
            "MutatingAdmissionPolicy": yaml.safe_load(_PROTECTED_CLAIMS.read_text()),
            "MutatingAdmissionPolicyBinding": {"policyName": name},
        }
        for kind, spec in kinds.items():
            body = {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}
            self._plane.admin.create(body)
        time.sleep(_POLICY_SECONDS)
        yield
        for kind in reversed(kinds):
            self._plane.admin.delete(kind, name)

    @contextmanager
    def _contending(self, contender: Contender, scheduler: str) -> Iterator[dict[str, int]]:
        plane = self._plane
        extender = self._extender(contender)
        url = ""
        if extender is not None:
            url, process = extender
            process.start()
        if contender.extender:
            configuration = scheduling.with_extender(url, scheduler_name=scheduler)
        else:
            configuration = scheduling.in_tree(scheduler)
        if contender.percentage:
            configuration["percentageOfNodesToScore"] = contender.percentage
        schedules = plane.scheduler(scheduler, configuration)
        running = {
            "apiserver": plane.apiserver.pid,
            "etcd": plane.etcd.pid,
            "controllers": plane.controllers.pid,
        }
        if extender is not None:
            running["extender"] = extender[1].pid
        try:
            schedules.start()
            yield running | {"scheduler": schedules.pid}
        finally:
            schedules.stop()
            if extender is not None:
                extender[1].stop()

    def _extender(self, contender: Contender) -> tuple[str, Process] | None:
        plane = self._plane
        if contender.extender == "ours":
            ours = Extender(plane, *(("--candidates=1",) if contender.one else ("--candidates=0",)))
            ours.close()
            return ours.url, ours.process
        if contender.extender == "do-least":
            port = free_port()
            url = f"http://{HOST}:{port}"
            arguments = [
                *("-m", "bench.do_least", "--port", str(port), "--server", plane.server),
                *("--token", plane.users.token(EXTENDER), "--ca", plane.certificates / "apiserver.crt"),
                *(("--one",) if contender.one else ()),
            ]
            ready = answers(f"{url}/readyz")
            return url, plane.process("do-least", sys.executable, *arguments, ready=ready)
        return None


async def rounds(
    nodes: int, number: int, contenders: Sequence[Contender], pods: int, tell: Callable[[str], None]
) -> dict[str, list[Row]]:
    """The runs of each contender, who take turns; ``pods`` a turn, 0 for what suits the contender."""
    runs: dict[str, list[Row]] = {contender.name: [] for contender in contenders}
    with tempfile.TemporaryDirectory() as home:
        plane = ControlPlane(binaries.folder(), Path(home), storage=_PROTOBUF, qps=_QPS)
        try:
            await asyncio.to_thread(plane.start)
            with Rights(plane.admin) as rights:
                grant_chart_rights(rights)
                cluster = Cluster(plane)
                await cluster.put_inventory(_SCENE, nodes)
                ground = Ground(plane, cluster)
                for _ in range(number):
                    for contender in contenders:
                        row = await ground.turn(contender, pods or contender.pods_for(nodes))
                        runs[contender.name].append(row)
                        told = f"{row['pods_per_second']} Pods/s, CPU ms a Pod {row['cpu_ms']}"
                        tell(f"{nodes} nodes, {contender.name}: {told}")
                await cluster.aclose()
        finally:
            plane.stop()
    return runs


def measure(run: Run) -> Iterator[Row]:
    """A row for each contender and size: medians, and ratios to in-tree and to the do-least extender.

    A ratio is the median of those of the rounds: turns of one round follow each other, and the machine may be
    quicker in one round than in the next.
    """
    for nodes in run.sizes:
        contenders = [one for one in CONTENDERS if not run.contenders or one.name in run.contenders]
        number = min(run.rounds, _MAX_ROUNDS[nodes > _LARGE])
        found = asyncio.run(rounds(nodes, number, contenders, run.pods, run.progress))
        for name, turns in found.items():
            yield _median(name, nodes, turns) | _ratios(name, found)


def _ratios(name: str, found: dict[str, list[Row]]) -> Row:
    others = [
        ("to_in_tree", "in-tree", "pods_per_second"),
        ("to_in_tree_100", "in-tree-100", "pods_per_second"),
    ]
    if name.startswith("ours"):
        ceiling = "do-least-one" if name.endswith("-one") else "do-least"
        others.append(("to_do_least", ceiling, "pods_per_second"))
        others.append(("to_do_least_since_ready", ceiling, "since_ready"))
    return {
        key: round(
            median(ours[of] / theirs[of] for ours, theirs in zip(found[name], found[other], strict=True)), 2
        )
        for key, other, of in others
        if other in found
    }


def _median(name: str, nodes: int, runs: list[Row]) -> Row:
    every = [row["pods_per_second"] for row in runs]
    cpu = {part: round(median(row["cpu_ms"][part] for row in runs), 2) for part in runs[0]["cpu_ms"]}
    return {
        "contender": name,
        "nodes": nodes,
        "pods_per_s": median(every),
        "pods_per_s_since_ready": median(row["since_ready"] for row in runs),
        "runs": every,
        "cpu_ms": round(sum(cpu.values()), 2),
        "cpu_ms_by_process": cpu,
    }


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


PART = Part(
    "e2e",
    "Pods bound a second on the real control plane, a claim each; CPU ms a Pod of all processes",
    (
        "contender",
        "nodes",
        "pods_per_s",
        "to_in_tree",
        "to_in_tree_100",
        "to_do_least",
        "to_do_least_since_ready",
        "cpu_ms",
    ),
    measure,
    binaries.missing,
)
