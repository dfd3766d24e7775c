"""Shows which Pods preemption would evict for the Pods of a dry run that fit nowhere."""

from collections.abc import Sequence
from typing import Any

from app.core.advice.redaction import OTHERS, Redaction
from app.core.dry_run.place import MAX_EXPLAINED, PodPlacement
from app.core.model.pod import Pod
from app.core.placement.rules import Rules
from app.core.preemption.plan import Hopeless, plan_preemption
from app.core.state.state import Key, State


def preemptions(
    state: State,
    placed: Sequence[PodPlacement],
    nodes: Sequence[str],
    rules: Rules,
    redaction: Redaction | None = None,
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
            text = plans.reason.message if redaction is None else redaction.text(plans.reason.message)
            found[item.pod.meta.key] = {"node": None, "victims": [], "text": text}
            continue
        (plan,) = plans
        victims = [
            _victim(pod, hidden=redaction is not None and redaction.hides("/".join(pod.meta.key)))
            for pod in plan.victims
        ]
        text = "" if victims else "Pods that are already terminating make room"
        found[item.pod.meta.key] = {"node": plan.node, "victims": victims, "text": text}
    return found


def _victim(pod: Pod, *, hidden: bool) -> dict[str, Any]:
    namespace, name = ("", OTHERS) if hidden else pod.meta.key
    return {"namespace": namespace, "name": name, "priority": pod.priority}
