"""Type variables and what they stand for, while an expression is checked."""

from app.core.cel.common import types
from app.core.cel.common.ast import Expr
from app.core.cel.common.declarations import Overload
from app.core.cel.common.errors import CelCompileError
from app.core.cel.common.types import Type


class Inference:
    """The types of nodes, and the bindings that make them go together."""

    def __init__(self) -> None:
        self.bindings = types.Bindings()
        self.nodes: list[Expr] = []
        self._variables = 0

    def settle(self) -> None:
        """Replaces type variables by what they stand for, or by dyn. O(nodes), for types in types as well."""
        # The type of a list holds the type of its elements: by identity, each is settled once.
        known: dict[int, tuple[Type, Type]] = {}
        for node in self.nodes:
            if node.type is not None:
                node.type = self._settled(node.type, known)

    def _settled(self, term: Type, known: dict[int, tuple[Type, Type]]) -> Type:
        if not term.params:
            return types.substitute(self.bindings, term, unbound_to_dyn=True)
        found = known.get(id(term))
        if found is None:
            parts = tuple([self._settled(part, known) for part in term.params])
            found = known[id(term)] = term, Type(term.kind, term.name, parts)
        return found[1]

    def fresh(self, overload: Overload) -> tuple[tuple[Type, ...], Type]:
        """The signature with fresh type variables."""
        if not overload.variables:
            return overload.args, overload.result
        renamed = {name: self.variable() for name in overload.variables}
        args = tuple(types.substitute(renamed, arg) for arg in overload.args)
        return args, types.substitute(renamed, overload.result)

    def join(self, previous: Type | None, current: Type) -> Type:
        """The type of elements of these types."""
        if previous is None or (previous is current and current.kind == types.SIMPLE):
            return current
        if self.assign(previous, current):
            return types.most_general(previous, current)
        return types.DYNAMIC

    def type(self, node: Expr) -> Type:
        """The type of a node that is checked."""
        assert node.type is not None  # noqa: S101 - checked before it is used
        return node.type

    def variable(self) -> Type:
        """A new type variable."""
        self._variables += 1
        return types.param(f"_{self._variables}")

    def assign(self, expected: Type, given: Type) -> bool:
        """Whether the types go together, with the bindings that this takes."""
        return expected is given or types.assignable(self.bindings, expected, given)

    def expect(self, node: Expr, expected: Type) -> None:
        """Assigns the node's type.

        Raises:
            CelCompileError: it is another one.
        """
        if not self.assign(expected, self.type(node)):
            raise self.mismatch(node, expected, self.type(node))

    def mismatch(self, node: Expr, expected: Type, given: Type) -> CelCompileError:
        """The error of a node whose type is not the expected one."""
        shown = [types.substitute(self.bindings, term, unbound_to_dyn=True) for term in (expected, given)]
        return CelCompileError(f"expected type '{shown[0]}' but found '{shown[1]}'", node.pos)
