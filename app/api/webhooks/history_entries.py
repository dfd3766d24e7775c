"""Decisions of the webhooks, and of preemption, as entries of the history."""

from collections.abc import Iterator, Mapping

from app.api.history import Decision, Outcome
from app.api.service import Service
from app.api.webhooks.gang import GangChoice
from app.api.webhooks.wire import BindArgs
from app.cluster.controllers.preemptor import Attempt
from app.core.diagnosis import grouped, nearest_code
from app.core.model.pod import Pod
from app.core.placement.rules import Rules
from app.core.verdicts.filter_result import FilterResult


def filter_decision(service: Service, pod: Pod, result: FilterResult, seconds: float) -> Decision:
    """The entry of a filter. Cost: O(distinct verdicts)."""
    fitting = result.fitting
    return Decision(
        at=_now(service.rules),
        verb="filter",
        namespace=pod.meta.namespace,
        name=pod.meta.name,
        outcome="passed" if fitting else "refused",
        fitting=fitting,
        nodes=len(result.names),
        summary=grouped(fitting, result.refusals()),
        seconds=round(seconds, 6),
        reason=nearest_code(result.reasons),
    )


def gang_decision(service: Service, pod: Pod, gang: GangChoice, nodes: int) -> Decision:
    """The entry of a filter for a Pod that is planned with its group."""
    return Decision(
        at=_now(service.rules),
        verb="filter",
        namespace=pod.meta.namespace,
        name=pod.meta.name,
        outcome="passed" if gang.node else "refused",
        node=gang.node or None,
        fitting=int(bool(gang.node)),
        nodes=nodes,
        summary=gang.refusal or "planned with its group",
    )


def bind_decision(service: Service, args: BindArgs, error: str | None, seconds: float) -> Decision:
    """The entry of a bind."""
    return Decision(
        at=_now(service.rules),
        verb="bind",
        namespace=args.namespace,
        name=args.name,
        outcome="bound" if error is None else "failed",
        node=args.node,
        summary=error or "",
        seconds=round(seconds, 6),
    )


_PREEMPTIONS: Mapping[str, Outcome] = {
    "evicted": "evicted",
    "useless": "useless",
    "budget": "failed",
    "api_error": "failed",
}
"""Decisions by the outcome of an attempt.

A postponed attempt, or one of another replica, is not a decision.
"""


def preempt_decisions(rules: Rules, attempt: Attempt) -> Iterator[Decision]:
    """The entries of a preemption: one for each Pod that others were, or would be, evicted for."""
    outcome = _PREEMPTIONS.get(attempt.outcome)
    if outcome is None:
        return
    for plan in (plan for plan in attempt.plans if plan.victims):
        names = [f"{'/'.join(victim.meta.key)} (priority {victim.priority})" for victim in plan.victims]
        chosen = f"{'evicted' if outcome == 'evicted' else 'to be evicted'} for it: {', '.join(names)}"
        summary = "; ".join(text for text in (chosen, attempt.why) if text)
        yield _preemption(rules, plan.pod, outcome, plan.node, summary)
    if not attempt.plans:
        yield _preemption(rules, attempt.pod, outcome, None, attempt.why)


def _preemption(rules: Rules, pod: Pod, outcome: Outcome, node: str | None, summary: str) -> Decision:
    namespace, name = pod.meta.key
    return Decision(_now(rules), "preempt", namespace, name, outcome, node=node, summary=summary)


def _now(rules: Rules) -> str:
    now = rules.now
    return now().isoformat(timespec="milliseconds").replace("+00:00", "Z") if now is not None else ""
