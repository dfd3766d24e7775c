"""PodDisruptionBudgets: how many Pods may be evicted now (policy/v1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.meta import Meta, read_meta

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


@dataclass(frozen=True, slots=True)
class LabelExpression:
    """An entry of matchExpressions."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """NotIn matches an absent label too (apimachinery, labels.Requirement)."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case _:
                return value is None


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """metav1.LabelSelector; an empty one matches everything."""

    labels: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[LabelExpression, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """O(labels and expressions of the selector)."""
        if any(labels.get(key) != value for key, value in self.labels.items()):
            return False
        return all(expression.matches(labels) for expression in self.expressions)


@dataclass(frozen=True, slots=True)
class DisruptionBudget:
    """A budget.

    Without a ``selector`` it covers no Pod. ``disrupted``: Pods with an allowed eviction in progress.
    """

    meta: Meta
    selector: LabelSelector | None = None
    allowed: int = 0
    disrupted: frozenset[str] = frozenset()

    def covers(self, pod: Meta) -> bool:
        """Whether an eviction of the Pod is charged to this budget."""
        if self.selector is None or pod.namespace != self.meta.namespace or pod.name in self.disrupted:
            return False
        return self.selector.matches(pod.labels)


def read_disruption_budget(raw: Any) -> DisruptionBudget:
    """Reads a policy/v1 PodDisruptionBudget; without a status it allows nothing, as a new one does."""
    source = fields.mapping(raw)
    meta = read_meta(raw, namespaced=True)
    spec, status = fields.child(source, "spec"), fields.child(source, "status")
    try:
        selector = fields.optional(spec, "selector", _selector)
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


def _selector(raw: Any) -> LabelSelector:
    source = fields.mapping(raw)
    return LabelSelector(
        fields.mapped(source, "matchLabels", fields.text),
        fields.listed(source, "matchExpressions", _expression),
    )


def _expression(raw: Any) -> LabelExpression:
    source = fields.mapping(raw)
    operator = fields.required(source, "operator", fields.text)
    if operator not in _OPERATORS:
        raise FieldError(f"must be one of {', '.join(_OPERATORS)}", "operator")
    return LabelExpression(
        fields.required(source, "key", fields.text), operator, fields.listed(source, "values", fields.text)
    )
