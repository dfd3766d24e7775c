"""PodDisruptionBudgets: how many Pods may be evicted now (policy/v1)."""

from dataclasses import dataclass
from typing import Any

from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.label_selector import LabelSelector, read_label_selector
from app.core.model.meta import Meta, read_meta


@dataclass(frozen=True, slots=True)
class DisruptionBudget:
    """A budget.

    Without a ``selector`` it covers no Pod. ``disrupted``: Pods with an allowed eviction in progress.
    """

    meta: Meta
    selector: LabelSelector | None = None
    allowed: int = 0
    disrupted: frozenset[str] = frozenset()

    def selects(self, pod: Meta) -> bool:
        """Whether the budget is about the Pod. It depends on namespace and labels alone."""
        if self.selector is None or pod.namespace != self.meta.namespace:
            return False
        return self.selector.matches(pod.labels)

    def covers(self, pod: Meta) -> bool:
        """Whether an eviction of the Pod is charged to this budget."""
        return pod.name not in self.disrupted and self.selects(pod)


def read_disruption_budget(raw: Any) -> DisruptionBudget:
    """Reads a policy/v1 PodDisruptionBudget; without a status it allows nothing, as a new one does."""
    source = fields.mapping(raw)
    meta = read_meta(raw, namespaced=True)
    spec, status = fields.child(source, "spec"), fields.child(source, "status")
    try:
        selector = fields.optional(spec, "selector", read_label_selector)
    except FieldError as error:
        raise error.under("spec") from None
    try:
        return DisruptionBudget(
            meta,
            selector,
            fields.default(status, "disruptionsAllowed", fields.integer, 0),
            frozenset(fields.mapped(status, "disruptedPods", fields.text)),
        )
    except FieldError as error:
        raise error.under("status") from None
