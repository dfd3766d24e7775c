"""Node selectors, as k8s.io/component-helpers/scheduling/corev1/nodeaffinity reads them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from app.core.model import fields
from app.core.pauses import paced_if_many

_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_MAX_LABEL = 63
_MAX_PREFIX = 253


class SelectorError(ValueError):
    """A node selector that cannot be evaluated, like one with an unknown operator."""


@dataclass(frozen=True, slots=True)
class NodeSelectorRequirement:
    """key operator values, over a node's labels or fields."""

    key: str
    operator: str
    values: tuple[str, ...] = ()
    allowed: frozenset[str] = field(init=False, compare=False, repr=False)
    """The values: a Pod may list 100,000, and be compared with thousands of nodes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", frozenset(self.values))

    def to_json(self) -> dict[str, Any]:
        """The Kubernetes form."""
        result: dict[str, Any] = {"key": self.key, "operator": self.operator}
        if self.values:
            result["values"] = list(self.values)
        return result


def _to_json(requirements: Collection[NodeSelectorRequirement]) -> list[dict[str, Any]]:
    return [requirement.to_json() for requirement in paced_if_many(requirements)]


@dataclass(frozen=True, slots=True)
class NodeSelectorTerm:
    """All requirements must hold; a term without any selects nothing."""

    match_expressions: tuple[NodeSelectorRequirement, ...] = ()
    match_fields: tuple[NodeSelectorRequirement, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The Kubernetes form, empty lists left out."""
        result: dict[str, Any] = {}
        if self.match_expressions:
            result["matchExpressions"] = _to_json(self.match_expressions)
        if self.match_fields:
            result["matchFields"] = _to_json(self.match_fields)
        return result


@dataclass(frozen=True, slots=True, weakref_slot=True)
class NodeSelector:
    """One of the terms must hold.

    ``error`` is why it cannot be evaluated, empty if it can: like nodeaffinity.NewNodeSelector, every term is
    checked before any is evaluated.
    """

    terms: tuple[NodeSelectorTerm, ...]
    error: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", _error(self.terms))

    def to_json(self) -> dict[str, Any]:
        """The Kubernetes form."""
        return {"nodeSelectorTerms": [term.to_json() for term in self.terms]}

    @property
    def is_by_name(self) -> bool:
        """Whether it selects nodes by their names alone."""
        return all(term.match_fields and not term.match_expressions for term in self.terms)

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether the node of that name and with these labels is selected.

        Raises:
            SelectorError: a term is malformed, even if another one selects the node.
        Cost: O(requirements), with pauses if they are many.
        """
        if self.error:
            raise SelectorError(self.error)
        # Loops, here and below, since a generator costs more than what most terms have to compare: drivers
        # publish thousands of devices with a selector each.
        for term in paced_if_many(self.terms):  # noqa: SIM110 - as above
            if _term_matches(term, name, labels):
                return True
        return False


def read_node_selector(raw: Any) -> NodeSelector:
    """Reads core/v1 NodeSelector."""
    return NodeSelector(fields.listed(fields.mapping(raw), "nodeSelectorTerms", read_term))


_known: "WeakValueDictionary[NodeSelector, NodeSelector]" = WeakValueDictionary()


def interned(selector: NodeSelector | None) -> NodeSelector | None:
    """The one object for all equal selectors: a pool may have one in thousands of slices. O(its size)."""
    return None if selector is None else _known.setdefault(selector, selector)


def read_term(raw: Any) -> NodeSelectorTerm:
    """Reads core/v1 NodeSelectorTerm."""
    source = fields.mapping(raw)
    return NodeSelectorTerm(
        match_expressions=fields.listed(source, "matchExpressions", _requirement),
        match_fields=fields.listed(source, "matchFields", _requirement),
    )


def _requirement(raw: Any) -> NodeSelectorRequirement:
    source = fields.mapping(raw)
    return NodeSelectorRequirement(
        key=fields.default(source, "key", fields.text, ""),
        operator=fields.default(source, "operator", fields.text, ""),
        values=fields.listed(source, "values", fields.text),
    )


def _term_matches(term: NodeSelectorTerm, name: str, labels: Mapping[str, str]) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    for item in paced_if_many(term.match_expressions):
        if not _holds(item, labels):
            return False
    for item in paced_if_many(term.match_fields):  # noqa: SIM110 - as in matches
        if not _field_holds(item, name):
            return False
    return True


def _field_holds(requirement: NodeSelectorRequirement, name: str) -> bool:
    # A node has no field but its name; to fields.Selector every other one is an empty string.
    value = name if requirement.key == "metadata.name" else ""
    return (value == requirement.values[0]) == (requirement.operator == "In")


def _holds(requirement: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.allowed
        case "NotIn":
            return value not in requirement.allowed
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:  # Gt, Lt: validated before
            return value is not None and _compare(requirement.operator, value, requirement.values[0])


def _compare(operator: str, value: str, bound: str) -> bool:
    if not _is_int64(value):
        return False
    return int(value) > int(bound) if operator == "Gt" else int(value) < int(bound)


def _is_int64(text: str) -> bool:
    # The length is checked first: reading digits costs the square of their number. A label
    # value has at most 63 characters, so leading zeros fit in.
    return len(text) <= _MAX_LABEL and bool(_INTEGER.match(text)) and -(2**63) <= int(text) < 2**63


def _error(terms: tuple[NodeSelectorTerm, ...]) -> str:
    try:
        for term in terms:
            _validate(term)
    except SelectorError as error:
        return str(error)
    return ""


def _validate(term: NodeSelectorTerm) -> None:
    for item in paced_if_many(term.match_expressions):
        _validate_expression(item)
    for item in paced_if_many(term.match_fields):
        if item.operator not in ("In", "NotIn"):
            raise SelectorError(f"{item.operator!r} is not a valid field selector operator")
        if len(item.values) != 1:
            raise SelectorError(f"field {item.key}: must have exactly one value")


def _validate_expression(item: NodeSelectorRequirement) -> None:
    _validate_key(item.key)
    match item.operator:
        case "In" | "NotIn":
            if not item.values:
                raise SelectorError(f"{item.key}: for 'in', 'notin' operators, values set can't be empty")
        case "Exists" | "DoesNotExist":
            if item.values:
                raise SelectorError(f"{item.key}: values set must be empty for exists and does not exist")
        case "Gt" | "Lt":
            if len(item.values) != 1:
                raise SelectorError(f"{item.key}: for 'Gt', 'Lt' operators, exactly one value is required")
            if not _is_int64(item.values[0]):
                raise SelectorError(f"{item.key}: for 'Gt', 'Lt' operators, the value must be an integer")
        case _:
            raise SelectorError(f"{item.operator!r} is not a valid node selector operator")
    for value in paced_if_many(item.values):
        if value and (len(value) > _MAX_LABEL or not _LABEL_NAME.match(value)):
            raise SelectorError(f"{item.key}: {value!r} is not a label value")


def _validate_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or len(prefix) > _MAX_PREFIX or not _DNS_SUBDOMAIN.match(prefix)):
        raise SelectorError(f"{key!r} is not a label key")
    if not name or len(name) > _MAX_LABEL or not _LABEL_NAME.match(name):
        raise SelectorError(f"{key!r} is not a label key")
