"""The known sizes of values while an expression is estimated, and the variables in scope."""

from collections.abc import Mapping
from typing import NamedTuple

from app.core.cel.common import types
from app.core.cel.common.ast import Expr, Ident, ListLit, Literal, MapLit
from app.core.cel.common.types import Type
from app.core.cel.estimate.paths import INDICES, ITEMS, KEYS, VALUES, Declared, Path, declared_size
from app.core.cel.estimate.ranges import ONE, UNKNOWN, Range, exactly

_SCALARS = frozenset(
    {types.BOOL.name, types.DOUBLE.name, types.DURATION.name, types.INT.name, types.TIMESTAMP.name,
     types.UINT.name}
)  # fmt: skip


class Entries(NamedTuple):
    """The sizes of a list's elements, or of a map's keys and values; ``inside`` those of each value."""

    of_list: bool
    keys: Range
    values: Range
    inside: "Entries | None" = None

    def union(self, other: "Entries | None") -> "Entries | None":
        """Around both; nothing is known if it is not known of one."""
        if other is None:
            return None
        inside = merged(self.inside, other.inside)
        return Entries(self.of_list, self.keys.union(other.keys), self.values.union(other.values), inside)


def merged(one: Entries | None, other: Entries | None) -> Entries | None:
    """Around both; what is known of one if nothing is known of the other."""
    if one is None or other is None:
        return one or other
    return one.union(other)


class _Variable(NamedTuple):
    path: Path
    size: Range | None
    entries: Entries | None


class Operand(NamedTuple):
    """An argument of a call, or its target."""

    node: Expr
    path: Path
    known: Range | None

    @property
    def size(self) -> Range:
        """Its known size, if any."""
        return UNKNOWN if self.known is None else self.known

    @property
    def type(self) -> Type:
        """Its type."""
        return type_of(self.node)

    def element(self) -> tuple[Type, Range] | None:
        """Type and size of its elements, if its type has any."""
        params = self.type.params
        if not params:
            return None
        size = declared_size(self.path.apart(ITEMS)) if self.path else None
        return params[0], UNKNOWN if size is None else size


def type_of(node: Expr) -> Type:
    """The type of a checked node, a wrapper as what it holds."""
    assert node.type is not None  # noqa: S101 - only checked trees are estimated
    return types.plain(node.type)


class Sizes:
    """Sizes and paths by node, variables by name. O(1) a question. ``sized_types``: see Estimator."""

    def __init__(self, variables: Mapping[str, Declared], *, sized_types: bool = False) -> None:
        self._sized_types = sized_types
        self._nowhere = Path([], 0, variables)
        self._sizes: dict[int, Range] = {}
        self._entries: dict[int, Entries] = {}
        self._paths: dict[int, Path] = {}
        self._variables: dict[str, list[_Variable]] = {}

    # Nodes

    def root(self, name: str) -> Path:
        """The path of a variable that the environment declares."""
        return self._nowhere.apart(name)

    def set_path(self, node: Expr, path: Path) -> None:
        """Remembers how the node's value is got at."""
        self._paths[id(node)] = path

    def path(self, node: Expr) -> Path:
        """How the node's value is got at."""
        if isinstance(node, Ident):
            found = self.variable(node.name)
            if found is not None:
                return found.path
        return self._paths.get(id(node), self._nowhere)

    def set_size(self, node: Expr, size: Range | None) -> None:
        """Remembers the size, if there is one."""
        if size is not None:
            self._sizes[id(node)] = size

    def known(self, node: Expr) -> Range | None:
        """The size, if anything bounds it."""
        size = self._sizes.get(id(node))
        if size is None:
            size = _written(node)
        if size is None:
            size = declared_size(self.path(node))
            self.set_size(node, size)
        if size is None and self._has_size_one(type_of(node)):
            size = ONE
        if size is None and isinstance(node, Ident):
            found = self.variable(node.name)
            size = None if found is None else found.size
        return size

    def _has_size_one(self, term: Type) -> bool:
        return _is_scalar(term) or (self._sized_types and term.kind == types.TYPE)

    def size(self, node: Expr) -> Range:
        """The size."""
        known = self.known(node)
        return UNKNOWN if known is None else known

    def set_entries(self, node: Expr, entries: Entries | None) -> None:
        """Remembers the sizes of elements, if they are known."""
        if entries is not None:
            self._entries[id(node)] = entries

    def entries(self, node: Expr) -> Entries | None:
        """The sizes of elements."""
        found = self._entries.get(id(node))
        if found is None and isinstance(node, Ident):
            variable = self.variable(node.name)
            found = None if variable is None else variable.entries
        return found

    def same(self, node: Expr, other: Expr) -> None:
        """The node is as large as the other."""
        self.set_size(node, self.known(other))
        self.set_entries(node, self.entries(other))

    def operand(self, node: Expr) -> Operand:
        """The node as an argument, once its own cost has been estimated."""
        return Operand(node, self.path(node), self.known(node))

    # Variables

    def variable(self, name: str) -> _Variable | None:
        """The innermost variable of this name."""
        stack = self._variables.get(name)
        return stack[-1] if stack else None

    def _push(self, name: str, variable: _Variable) -> None:
        self._variables.setdefault(name, []).append(variable)

    def pop(self, name: str) -> None:
        """The innermost variable of this name is out of scope."""
        self._variables[name].pop()

    def push_value(self, name: str, value: Expr) -> None:
        """A variable that stands for a value."""
        path, entries = self.path(value), self.entries(value)
        self._push(name, _Variable(path, self.known(value), entries))

    def push_item(self, name: str, over: Expr) -> None:
        """The only variable of a loop: an element of a list, or a key."""
        entries = self.entries(over)
        if _over_list(over, entries):
            size, part = (None if entries is None else entries.values), ITEMS
            inside = None if entries is None else entries.inside
        else:
            size, part = (None if entries is None else entries.keys), KEYS
            inside = None
        self._push(name, _Variable(self.path(over).then(part), size, inside))

    def push_key(self, name: str, over: Expr) -> None:
        """The first of a loop's two variables: an index, or a key."""
        entries = self.entries(over)
        part = INDICES if _over_list(over, entries) else KEYS
        size = None if entries is None else entries.keys
        self._push(name, _Variable(self.path(over).then(part), size, None))

    def push_element(self, name: str, over: Expr) -> None:
        """The second of a loop's two variables: an element, or the value of a key."""
        entries = self.entries(over)
        part = ITEMS if _over_list(over, entries) else VALUES
        size = None if entries is None else entries.values
        inside = None if entries is None else entries.inside
        self._push(name, _Variable(self.path(over).then(part), size, inside))


def _over_list(over: Expr, entries: Entries | None) -> bool:
    return type_of(over).kind == types.LIST if entries is None else entries.of_list


def _written(node: Expr) -> Range | None:
    """The size of a literal."""
    match node:
        case Literal():
            return exactly(len(node.value)) if isinstance(node.value, str | bytes) else ONE
        case ListLit():
            return exactly(len(node.items))
        case MapLit():
            return exactly(len(node.entries))
        case _:
            return None


def _is_scalar(term: Type) -> bool:
    inner, was_optional = types.unwrap_optional(term)
    if was_optional:
        return _is_scalar(inner)
    return term.kind == types.SIMPLE and term.name in _SCALARS
