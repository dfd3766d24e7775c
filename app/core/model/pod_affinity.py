"""Preferences of a Pod about other Pods near it: soft topology spread, and preferred affinity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.label_selector import LabelExpression, LabelSelector, read_label_selector
from app.core.model.meta import OwnerReference
from app.core.pauses import paced

_KINDS = {"podAffinity": 1, "podAntiAffinity": -1}
_SPREAD_BY_DEFAULT = frozenset({"ReplicaSet", "ReplicationController", "StatefulSet"})
"""Controllers whose Pods the plugin finds by their selectors. Those of a Service are not known here."""


@dataclass(frozen=True, slots=True)
class SoftSpread:
    """A topologySpreadConstraint with ``ScheduleAnyway``. Without a selector it counts no Pod.

    ``ignores_affinity``: nodes that the Pod's own node affinity excludes count too (nodeAffinityPolicy).
    """

    topology_key: str
    max_skew: int
    selector: LabelSelector | None
    ignores_affinity: bool = False


@dataclass(frozen=True, slots=True)
class PreferredTerm:
    """A preferred term of affinity between Pods; the weight is negative for anti-affinity.

    ``namespaces`` is None for all namespaces.
    """

    weight: int
    topology_key: str
    selector: LabelSelector | None
    namespaces: tuple[str, ...] | None


def read_soft_spread(spec: JsonObject, labels: Mapping[str, str]) -> tuple[SoftSpread, ...]:
    """The soft constraints of a PodSpec, for a Pod with these labels. Raises: FieldError."""

    def read(raw: Any) -> SoftSpread | None:
        source = fields.mapping(raw)
        if fields.default(source, "whenUnsatisfiable", fields.text, "") != "ScheduleAnyway":
            return None
        selector = fields.optional(source, "labelSelector", read_label_selector)
        alike = fields.listed(source, "matchLabelKeys", fields.text)
        if selector is not None:
            equal = tuple(LabelExpression(key, "In", (labels[key],)) for key in alike if key in labels)
            selector = LabelSelector(selector.labels, (*selector.expressions, *equal))
        return SoftSpread(
            fields.default(source, "topologyKey", fields.text, ""),
            fields.default(source, "maxSkew", fields.integer, 1),
            selector,
            fields.default(source, "nodeAffinityPolicy", fields.text, "Honor") == "Ignore",
        )

    return tuple(item for item in fields.listed(spec, "topologySpreadConstraints", read) if item is not None)


def read_preferred_terms(affinity: JsonObject, namespace: str) -> tuple[PreferredTerm, ...]:
    """The preferred terms of podAffinity and podAntiAffinity of a Pod. Raises: FieldError.

    A term with a namespaceSelector that needs the labels of namespaces is left out: they are not known.
    """
    found: list[PreferredTerm] = []
    for name, sign in _KINDS.items():
        try:
            entries = fields.child(affinity, name)
            terms = fields.listed(entries, "preferredDuringSchedulingIgnoredDuringExecution", _weighted)
        except FieldError as error:
            raise error.under(name) from None
        for weight, term in paced(terms):
            where = _namespaces(term, namespace)
            if where != ():
                selector = fields.optional(term, "labelSelector", read_label_selector)
                key = fields.default(term, "topologyKey", fields.text, "")
                found.append(PreferredTerm(sign * weight, key, selector, where))
    return tuple(found)


def has_unweighed_preferences(spec: JsonObject, controller: OwnerReference | None) -> bool:
    """Whether kube-scheduler prefers nodes for the Pod by what is not known here. Raises: FieldError.

    That is the case for terms with a namespaceSelector that needs the labels of namespaces, for soft
    constraints with nodeTaintsPolicy, and for replicas without a constraint, which PodTopologySpread
    spreads by itself.
    """
    if not spec.get("topologySpreadConstraints"):
        if controller is not None and controller.kind in _SPREAD_BY_DEFAULT:
            return True
    elif any(
        item.get("nodeTaintsPolicy") == "Honor" and item.get("whenUnsatisfiable") == "ScheduleAnyway"
        for item in fields.listed(spec, "topologySpreadConstraints", fields.mapping)
    ):
        return True
    if not spec.get("affinity"):
        return False
    affinity = fields.child(spec, "affinity")
    return any(_needs_namespaces(fields.child(affinity, name)) for name in _KINDS)


def _needs_namespaces(affinity: JsonObject) -> bool:
    terms = fields.listed(affinity, "preferredDuringSchedulingIgnoredDuringExecution", _weighted)
    selectors = (
        fields.optional(term, "namespaceSelector", read_label_selector)
        for weight, term in paced(terms)
        if weight
    )
    return any(item is not None and (item.labels or item.expressions) for item in selectors)


def _weighted(raw: Any) -> tuple[int, JsonObject]:
    source = fields.mapping(raw)
    return (
        fields.default(source, "weight", fields.integer, 0),
        fields.required(source, "podAffinityTerm", fields.mapping),
    )


def _namespaces(term: JsonObject, own: str) -> tuple[str, ...] | None:
    """None for all, empty if the namespaces are not known."""
    names = fields.listed(term, "namespaces", fields.text)
    selector = fields.optional(term, "namespaceSelector", read_label_selector)
    if selector is None:
        return names or (own,)
    return names if selector.labels or selector.expressions else None
