"""The type check, as cel-go v0.29 checker/checker.go does it.

It annotates the tree in place: ``type`` of every node, ``overloads`` of calls, ``constant`` of the
names of types. What cel-go checks after the types is in ``validate``.
"""

from typing import Any

from app.core.cel.checker.environment import Environment
from app.core.cel.checker.inference import Inference
from app.core.cel.common import types
from app.core.cel.common.ast import Call, Expr, Fold, Ident, ListLit, Literal, MapLit, MessageLit, Select
from app.core.cel.common.declarations import Overload
from app.core.cel.common.errors import CelCompileError
from app.core.cel.common.types import Type
from app.core.cel.values.values import UInt
from app.core.pauses import pause

_LITERAL_TYPES: dict[type, Type] = {
    type(None): types.NULL_TYPE, bool: types.BOOL, int: types.INT, UInt: types.UINT,
    float: types.DOUBLE, str: types.STRING, bytes: types.BYTES,
}  # fmt: skip

_PLAIN = frozenset({types.SIMPLE, types.STRUCT, types.DYN, types.NULL})


def check(root: Expr, environment: Environment) -> Type:
    """Checks the tree and returns its type.

    Raises:
        CelCompileError: the first thing that is wrong.
    """
    checker = _Checker(environment)
    checker.check(root)
    checker.settle()
    checker.resolve_types()
    assert root.type is not None  # noqa: S101 - every check sets it
    return root.type


class _Checker(Inference):
    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self._environment = environment
        self._scopes: list[dict[str, Type]] = []
        # Overloads by types that no variable is in.
        self._resolved: dict[tuple[str, bool, tuple[Type, ...]], tuple[tuple[str, ...], Type]] = {}

    def check(self, node: Expr) -> Type:
        """The node's type, with type variables."""
        pause()
        match node:
            case Literal():
                term = _LITERAL_TYPES[node.value.__class__]
            case Ident():
                term = self._ident(node)
            case Select():
                term = self._select(node)
            case Call():
                term = self._call(node)
            case ListLit():
                term = self._list(node)
            case MapLit():
                term = self._map(node)
            case MessageLit():
                term = self._message(node)
            case Fold():
                term = self._fold(node)
            case _:
                raise AssertionError(node)
        node.type = term
        self.nodes.append(node)
        return term

    def resolve_types(self) -> None:
        """Whatever has a type for its value is looked up by its name, be it a variable.

        Raises:
            CelCompileError: there is no type of this name (cel-go: interpreter/planner.go, planCheckedIdent).
        """
        for node in self.nodes:
            if isinstance(node, Ident) and node.constant is None and self.type(node).kind == types.TYPE:
                found = self._environment.identifier(node.name.removeprefix("."))
                if found is None or found[1] is None:
                    raise CelCompileError(f"reference to undefined type: {node.name}", node.pos)
                node.constant = found[1]

    # Names

    def _local(self, name: str) -> Type | None:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return None

    def _ident(self, node: Ident) -> Type:
        local = self._local(node.name)
        if local is not None:
            return local
        name = node.name.removeprefix(".")
        found = self._environment.identifier(name)
        if found is None:
            raise CelCompileError(self._environment.undeclared(node.name), node.pos)
        term, constant = found
        node.constant = constant
        if node.name.startswith("."):
            # A local variable of the same name must not hide the global one.
            node.name = "." + name
        return term

    def _select(self, node: Select) -> Type:
        qualified = _qualified_name(node)
        if qualified is not None and (
            qualified.startswith(".") or self._local(qualified.split(".")[0]) is None
        ):
            found = self._environment.identifier(qualified.removeprefix("."))
            if found is not None:
                node.qualified = qualified.removeprefix(".")
                node.constant = found[1]
                return found[0]
        term = self._field(node, node.operand, node.field, optional=False)
        if node.test_only:
            return types.BOOL
        return types.substitute(self.bindings, term)

    def _field(self, node: Expr, operand: Expr, field: str, *, optional: bool) -> Type:
        of = types.substitute(self.bindings, self.check(operand))
        target, was_optional = types.unwrap_optional(of)
        if target.kind == types.MAP:
            found = target.params[1]
        elif target.kind == types.STRUCT:
            declared = self._environment.field(target.name, field)
            if declared is None:
                raise CelCompileError(self._environment.unknown_field(target.name, field), node.pos)
            found = declared
        elif target.kind == types.PARAM:
            self.assign(types.DYNAMIC, target)
            found = types.DYNAMIC
        elif types.is_dyn(target):
            found = types.DYNAMIC
        else:
            raise CelCompileError(f"type '{target}' does not support field selection", node.pos)
        return types.optional_of(found) if was_optional or optional else found

    # Calls

    def _call(self, node: Call) -> Type:
        if node.function == "_?._":
            node.overloads = ("select_optional_field",)
            field = node.args[1]
            self.check(field)
            name = field.value if isinstance(field, Literal) else ""
            return types.substitute(self.bindings, self._field(node, node.args[0], name, optional=True))
        for arg in node.args:
            self.check(arg)
        if node.target is None:
            group = self._function(node.function.removeprefix("."))
            if group is None:
                raise self._undeclared(node)
            node.function = node.function.removeprefix(".")
            return self._resolve(node, group, node.args)
        prefix = _qualified_name(node.target)
        if prefix is not None:
            name = f"{prefix.removeprefix('.')}.{node.function}"
            group = self._function(name)
            if group is not None:
                node.function, node.target = name, None
                return self._resolve(node, group, node.args)
        self.check(node.target)
        group = self._function(node.function)
        if group is None:
            raise self._undeclared(node)
        return self._resolve(node, group, (node.target, *node.args))

    def _function(self, name: str) -> tuple[Overload, ...] | None:
        return self._environment.functions.get(name)

    def _undeclared(self, node: Call) -> CelCompileError:
        return CelCompileError(
            f"undeclared reference to {node.function!r}: there is no such function", node.pos
        )

    def _resolve(self, node: Call, group: tuple[Overload, ...], args: tuple[Expr, ...]) -> Type:
        given = tuple(self.type(arg) for arg in args)
        if node.function in ("_&&_", "_||_"):
            for arg, term in zip(args, given, strict=True):
                if not self.assign(term, types.BOOL):
                    raise self.mismatch(arg, types.BOOL, term)
            node.overloads = (group[0].id,)
            return types.BOOL
        key = (node.function, node.target is not None, given)
        plain = all(term.kind in _PLAIN for term in given)
        known = self._resolved.get(key) if plain else None
        if known is not None:
            node.overloads, result = known
            return result
        result = self._first_of(node, group, given)
        if plain and result.kind in _PLAIN:
            self._resolved[key] = node.overloads, result
        return result

    def _first_of(self, node: Call, group: tuple[Overload, ...], given: tuple[Type, ...]) -> Type:
        """Settles on the overloads that go with the types; dyn where they differ in their results."""
        result: Type | None = None
        matched: list[str] = []
        for overload in group:
            if overload.member != (node.target is not None) or len(overload.args) != len(given):
                continue
            expected, returned = self.fresh(overload)
            if not types.assignable_all(self.bindings, given, expected):
                continue
            matched.append(overload.id)
            found = types.substitute(self.bindings, returned)
            if result is None:
                result = found
            elif not types.is_dyn(result) and types.plain(found) != types.plain(result):
                result = types.DYNAMIC
        if result is None:
            raise self._no_overload(node, given)
        node.overloads = tuple(matched)
        return result

    def _no_overload(self, node: Call, given: tuple[Type, ...]) -> CelCompileError:
        shown = [str(types.substitute(self.bindings, term, unbound_to_dyn=True)) for term in given]
        style = f"({', '.join(shown)})"
        applied = style if node.target is None else f"{shown[0]}.({', '.join(shown[1:])})"
        advice = ""
        if types.QUANTITY.name in shown and node.function in ("_<_", "_<=_", "_>_", "_>=_"):
            advice = "; compare quantities with isGreaterThan(), isLessThan() or compareTo()"
        return CelCompileError(
            f"found no matching overload for '{node.function}' applied to '{applied}'{advice}", node.pos
        )

    # Aggregates

    def _list(self, node: ListLit) -> Type:
        joined: Type | None = None
        for position, item in enumerate(node.items):
            term = self.check(item)
            if position in node.optional:
                term = self._unwrapped(item, term)
            joined = self.join(joined, term)
        return types.list_of(joined or self.variable())

    def _map(self, node: MapLit) -> Type:
        keys: Type | None = None
        values: Type | None = None
        for entry in node.entries:
            keys = self.join(keys, self.check(entry.key))
            term = self.check(entry.value)
            if entry.optional:
                term = self._unwrapped(entry.value, term)
            values = self.join(values, term)
        return types.map_of(keys or self.variable(), values or self.variable())

    def _unwrapped(self, node: Expr, term: Type) -> Type:
        inner, was_optional = types.unwrap_optional(term)
        if not was_optional and not types.is_dyn(term):
            raise self.mismatch(node, types.optional_of(term), term)
        return inner

    def _message(self, node: MessageLit) -> Type:
        found = self._environment.message(node.name.removeprefix("."))
        if found is None:
            raise CelCompileError(f"undeclared reference to {node.name!r}: no such message", node.pos)
        node.name, result, fields = found
        for entry in node.entries:
            term = self.check(entry.value)
            expected = fields.get(entry.key)
            if expected is None:
                raise CelCompileError(f"undefined field {entry.key!r} of {node.name}", entry.pos)
            if entry.optional:
                term = self._unwrapped(entry.value, term)
            if not self.assign(expected, term):
                raise CelCompileError(
                    f"expected type of field {entry.key!r} is '{expected}' but provided type is '{term}'",
                    entry.pos,
                )
        return result

    # Comprehensions

    def _fold(self, node: Fold) -> Type:
        self.check(node.range)
        init = self.check(node.init)
        over = types.substitute(self.bindings, self.type(node.range))
        first, second = self._elements(node, over)
        self._scopes.append({node.accumulator: init})
        names = {node.var: first}
        if node.var2:
            names[node.var2] = second
        self._scopes.append(names)
        self.check(node.condition)
        self.expect(node.condition, types.BOOL)
        self.check(node.step)
        self.expect(node.step, init)
        self._scopes.pop()
        self.check(node.result)
        self._scopes.pop()
        return types.substitute(self.bindings, self.type(node.result))

    def _elements(self, node: Fold, over: Type) -> tuple[Type, Type]:
        if over.kind == types.LIST:
            return (types.INT, over.params[0]) if node.var2 else (over.params[0], over.params[0])
        if over.kind == types.MAP:
            return over.params[0], over.params[1]
        # cel-go takes dyn here, but not any.
        if over.kind in (types.DYN, types.PARAM):
            self.assign(types.DYNAMIC, over)
            return types.DYNAMIC, types.DYNAMIC
        raise CelCompileError(
            f"expression of type '{over}' cannot be range of a comprehension (must be list, map, or dynamic)",
            node.range.pos,
        )


def _qualified_name(node: Expr) -> str | None:
    """``a.b.c`` of a chain of plain selections from a name."""
    parts: list[str] = []
    at: Any = node
    while isinstance(at, Select):
        if at.test_only:
            return None
        parts.append(at.field)
        at = at.operand
    if not isinstance(at, Ident):
        return None
    parts.append(at.name)
    return ".".join(reversed(parts))
