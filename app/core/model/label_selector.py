"""Label selectors, of objects and as text (k8s.io/apimachinery/pkg/labels)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.pauses import paced_if_many

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_KEY = r"(?P<key>[A-Za-z0-9][-A-Za-z0-9_./]*)"
_VALUE = re.compile(r"[-A-Za-z0-9_.]*\Z")
_SET = re.compile(rf"{_KEY}\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)\Z")
_EQUALITY = re.compile(rf"{_KEY}\s*(?P<operator>==|=|!=|>|<)\s*(?P<value>[^\s=!<>(),]*)\Z")
_EXISTENCE = re.compile(rf"(?P<not>!?)\s*{_KEY}\Z")
_SEPARATOR = re.compile(r"[,()]")
_BY_SIGN = {"=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt"}


@dataclass(frozen=True, slots=True)
class LabelExpression:
    """An entry of matchExpressions, or a part of a selector's text."""

    key: str
    operator: str
    values: tuple[str, ...] = ()
    allowed: frozenset[str] = field(init=False, compare=False, repr=False)
    """The values: a Pod may list 100,000, and be compared with many others."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", frozenset(self.values))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """NotIn matches an absent label too (apimachinery, labels.Requirement)."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.allowed
            case "NotIn":
                return value not in self.allowed
            case "Exists":
                return value is not None
            case "Gt" | "Lt":
                return self._compares(value)
            case _:
                return value is None

    def _compares(self, value: str | None) -> bool:
        if value is None or not _is_whole(value):
            return False
        bound = int(self.values[0])
        return int(value) > bound if self.operator == "Gt" else int(value) < bound


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """metav1.LabelSelector; an empty one matches everything."""

    labels: Mapping[str, str] = field(default_factory=dict)
    expressions: tuple[LabelExpression, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """O(labels and expressions of the selector), with pauses if they are many."""
        if any(labels.get(key) != value for key, value in self.labels.items()):
            return False
        return all(expression.matches(labels) for expression in paced_if_many(self.expressions))


def read_label_selector(raw: Any) -> LabelSelector:
    """Reads a metav1.LabelSelector. Raises: FieldError."""
    source = fields.mapping(raw)
    return LabelSelector(
        fields.mapped(source, "matchLabels", fields.text),
        fields.listed(source, "matchExpressions", _expression),
    )


def parse_label_selector(text: str) -> LabelSelector:
    """Reads a selector as ``kubectl -l`` takes it: ``a=b,c!=d,e in (x,y),f,!g,h>3``.

    The grammar is that of labels.Parse. An empty text selects everything.

    Raises: FieldError for the first part that is none of these.
    """
    parts = [part.strip() for part in _parts(text)] if text.strip() else []
    return LabelSelector(expressions=tuple(map(_requirement, paced_if_many(parts))))


def _parts(text: str) -> list[str]:
    """What is between the commas outside of parentheses. O(characters)."""
    parts: list[str] = []
    start, inside = 0, False
    for found in _SEPARATOR.finditer(text):
        if found[0] != ",":
            inside = found[0] == "("
        elif not inside:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def _requirement(text: str) -> LabelExpression:
    if found := _SET.match(text):
        values = tuple(value.strip() for value in found["values"].split(","))
        return LabelExpression(
            found["key"], "In" if found["operator"] == "in" else "NotIn", _values(text, values)
        )
    if found := _EQUALITY.match(text):
        operator, value = _BY_SIGN[found["operator"]], found["value"]
        if operator in ("Gt", "Lt") and not _is_whole(value):
            raise FieldError(f"{text!r} compares with {value!r}, which is not a whole number")
        return LabelExpression(found["key"], operator, _values(text, (value,)))
    if found := _EXISTENCE.match(text):
        return LabelExpression(found["key"], "DoesNotExist" if found["not"] else "Exists")
    raise FieldError(f"{text!r} is not a label selector such as key=value, key!=value or key in (a,b)")


def _values(text: str, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _VALUE.match(value):
            raise FieldError(f"{text!r} has {value!r}, which is not the value of a label")
    return values


def _is_whole(text: str) -> bool:
    digits = text[1:] if text[:1] in ("-", "+") else text
    return digits.isascii() and digits.isdecimal() and len(digits) <= 19


def _expression(raw: Any) -> LabelExpression:
    source = fields.mapping(raw)
    operator = fields.required(source, "operator", fields.text)
    if operator not in _OPERATORS:
        raise FieldError(f"must be one of {', '.join(_OPERATORS)}", "operator")
    return LabelExpression(
        fields.required(source, "key", fields.text), operator, fields.listed(source, "values", fields.text)
    )
