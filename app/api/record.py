"""Decisions of the webhooks as entries of the history."""

from app.api.extender_wire import BindArgs
from app.api.history import Decision
from app.api.service import Service
from app.core.explain import grouped
from app.core.model.pod import Pod
from app.core.placement.judged import Judged


def filter_decision(service: Service, pod: Pod, judged: Judged, seconds: float) -> Decision:
    """What came of a filter. O(distinct answers)."""
    fitting = judged.fitting
    return Decision(
        at=_now(service),
        verb="filter",
        namespace=pod.meta.namespace,
        name=pod.meta.name,
        outcome="passed" if fitting else "refused",
        fitting=fitting,
        nodes=len(judged.names),
        summary=grouped(fitting, judged.refusals()),
        seconds=round(seconds, 6),
    )


def bind_decision(service: Service, args: BindArgs, error: str | None, seconds: float) -> Decision:
    """What came of a bind."""
    return Decision(
        at=_now(service),
        verb="bind",
        namespace=args.namespace,
        name=args.name,
        outcome="bound" if error is None else "failed",
        node=args.node,
        summary=error or "",
        seconds=round(seconds, 6),
    )


def _now(service: Service) -> str:
    now = service.rules.now
    return now().isoformat(timespec="milliseconds").replace("+00:00", "Z") if now is not None else ""
