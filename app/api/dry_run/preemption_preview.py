"""Shows which Pods preemption would evict for the Pods of a dry run that fit nowhere."""

from collections.abc import Sequence
from typing import Any

from app.core.dry_run.place import MAX_EXPLAINED, PodPlacement
from app.core.placement.rules import Rules
from app.core.preemption.plan import Hopeless, plan_preemption
from app.core.state.state import Key, State


def preemptions(
    state: State, placed: Sequence[PodPlacement], nodes: Sequence[str], rules: Rules
) -> dict[Key, dict[str, Any]]:
    """By Pod, for the first few that fit nowhere, each evaluated separately. Changes nothing.

    Cost: that of ``plan_preemption`` for each of them.
    """
    found: dict[Key, dict[str, Any]] = {}
    for item in placed:
        if item.chosen is not None or len(found) >= MAX_EXPLAINED:
            continue
        plans = plan_preemption(state.fork(), (item.pod,), nodes, rules)
        if isinstance(plans, Hopeless):
            found[item.pod.meta.key] = {"node": None, "victims": [], "text": plans.reason.message}
            continue
        (plan,) = plans
        victims = [
            {"namespace": pod.meta.namespace, "name": pod.meta.name, "priority": pod.priority}
            for pod in plan.victims
        ]
        text = "" if victims else "Pods that are already terminating make room"
        found[item.pod.meta.key] = {"node": plan.node, "victims": victims, "text": text}
    return found
