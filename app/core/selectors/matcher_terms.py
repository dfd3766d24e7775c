"""Python expressions for parts of a selector.

The source is made of names and fixed text alone: every literal of the user's expression is handed
over as a value under a generated name (see ``GeneratedSource.constant``).
"""

from dataclasses import dataclass
from typing import Any

from app.core.cel.common.ast import Call, Expr, Ident, Literal, Select


class DeclinedError(Exception):
    """The fast path leaves this expression to the interpreter."""


@dataclass(frozen=True, slots=True)
class Term:
    """A Python expression. ``kind`` is what is known of its value:

    bool, int, str, quantity, semver; "attribute": any value that an attribute can have; "any".
    ``safe``: it cannot fail. ``constant``: it stands for ``value``.
    """

    code: str
    kind: str
    safe: bool = False
    constant: bool = False
    value: Any = None


@dataclass(frozen=True, slots=True)
class DevicePath:
    """A selection from ``device``: attributes or capacity, the domain, the name; or a plain field."""

    parts: tuple[str, ...]
    optional: bool = False

    @property
    def full_name(self) -> str:
        """The key of ``View.flat`` and ``View.amounts``."""
        return f"{self.parts[1]}/{self.parts[2]}"


Scope = dict[str, "Binding"]


@dataclass(frozen=True, slots=True)
class Binding:
    """The meaning of a name: a Python variable, or an expression in the scope where it was bound."""

    term: Term | None = None
    node: Expr | None = None
    scope: Scope | None = None


def path_of(node: Expr, scope: Scope) -> DevicePath | None:  # noqa: PLR0911 - many things are no path
    """The device path that the node is, if it is one."""
    if isinstance(node, Ident):
        if node.constant is not None:
            return None
        binding = scope.get(node.name)
        if binding is None:
            return DevicePath(()) if node.name in ("device", ".device") else None
        if binding.node is None or binding.scope is None:
            return None
        found = path_of(binding.node, binding.scope)
        return None if found is not None and found.optional else found
    step = _step(node)
    if step is None:
        return None
    operand, key, optional = step
    base = path_of(operand, scope)
    if (
        base is None
        or len(base.parts) == 3
        or (base.parts and base.parts[0] not in ("attributes", "capacity"))
    ):
        return None
    if not base.parts and optional:
        return None
    # A domain with a slash could look like another domain and name.
    if len(base.parts) == 1 and "/" in key:
        return None
    return DevicePath((*base.parts, key), base.optional or optional)


def _step(node: Expr) -> tuple[Expr, str, bool] | None:
    if isinstance(node, Select):
        if node.test_only or node.qualified is not None:
            return None
        return node.operand, node.field, False
    if isinstance(node, Call) and node.function in ("_[_]", "_[?_]", "_?._"):
        key = node.args[1]
        if isinstance(key, Literal) and key.value.__class__ is str:
            return node.args[0], key.value, node.function != "_[_]"
    return None
