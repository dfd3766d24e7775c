"""A small cluster whose Pods can be evicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.model.workload import Workload
from app.core.placement.rules import Rules
from app.core.preemption.plan import Hopeless, Preemption, plan_preemption
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.objects import allocation, claim, device, node, pod, slice_of

RULES = Rules(selectors=SelectorCache(64), new_share_id=lambda: str(uuid4()))


def budget(name: str, allowed: int, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}},
        "status": {"disruptionsAllowed": allowed},
    }


@dataclass
class Cluster:
    state: State

    def add(self, raw: dict[str, Any]) -> None:
        item = parse(raw)
        assert not isinstance(item, Workload)
        self.state.upsert(item)

    def node(self, name: str, devices: int) -> None:
        self.add(node(name))
        self.add(slice_of(name, *(device(f"d{number}") for number in range(devices))))

    def running(
        self, name: str, on: str, devices: Sequence[str], *, priority: int = 0, shares: str = "", **more: Any
    ) -> None:
        """A Pod with devices of its own, or with the claim of another one."""
        held = shares or f"{name}-claim"
        raw = pod(name, held)
        raw["metadata"] |= {"labels": more.pop("labels", {})}
        raw["spec"] |= {"nodeName": on, "priority": priority}
        raw["status"] = {"phase": "Running", "startTime": more.pop("started", "2026-01-01T00:00:00Z")}
        raw["metadata"] |= more
        consumer = {"resource": "pods", "name": name, "uid": f"uid-{name}"}
        known = self.state.stored_claim(("default", held))
        users = (
            []
            if known is None
            else [{"resource": "pods", "name": user.name, "uid": user.uid} for user in known.reserved_for]
        )
        body = claim(held, max(1, len(devices)))
        body["status"] = {"allocation": allocation(on, *devices), "reservedFor": [*users, consumer]}
        self.add(body)
        self.add(raw)

    def wanting(self, name: str, count: int = 1, *, priority: int = 100, **spec: Any) -> Pod:
        self.add(claim(f"{name}-claim", count))
        raw = pod(name, f"{name}-claim")
        raw["spec"] |= {"priority": priority, **spec}
        self.add(raw)
        return self.state.pods["default", name]

    def plan(
        self, *pods: Pod, spare: bool = True, leaving: Sequence[Pod] = ()
    ) -> tuple[Preemption, ...] | Hopeless:
        return plan_preemption(
            self.state.fork(),
            pods,
            list(self.state.nodes),
            RULES,
            leaving=leaving,
            spare_budgets=spare,
        )

    def victims(self, *pods: Pod, spare: bool = True) -> list[list[str]]:
        found = self.plan(*pods, spare=spare)
        assert not isinstance(found, Hopeless), found.reason
        return [[victim.meta.name for victim in plan.victims] for plan in found]
