"""Types of the checker, and assignability with type variables.

The rules are those of cel-go v0.29 checker/types.go: ``dyn`` and ``any`` go with everything, a type
variable takes the most general type that it met, null goes with messages, durations and the like.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Kinds, as cel-go distinguishes them.
SIMPLE, LIST, MAP, OPAQUE, STRUCT, PARAM, TYPE, DYN, ANY, NULL, ERROR, WRAPPER = (
    "simple", "list", "map", "opaque", "struct", "param", "type", "dyn", "any", "null", "error", "wrapper",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Type:
    """A type term. ``name`` is the runtime type's name, except for type variables."""

    kind: str
    name: str
    params: tuple["Type", ...] = ()

    def __str__(self) -> str:
        if self.kind == WRAPPER:
            return f"wrapper({self.name})"
        if not self.params:
            return self.name
        return f"{self.name}({', '.join(str(param) for param in self.params)})"


BOOL, INT, UINT = Type(SIMPLE, "bool"), Type(SIMPLE, "int"), Type(SIMPLE, "uint")
DOUBLE, STRING, BYTES = Type(SIMPLE, "double"), Type(SIMPLE, "string"), Type(SIMPLE, "bytes")
TIMESTAMP = Type(SIMPLE, "google.protobuf.Timestamp")
DURATION = Type(SIMPLE, "google.protobuf.Duration")
DYNAMIC, ANYTHING = Type(DYN, "dyn"), Type(ANY, "any")
NULL_TYPE, FAILED, TYPE_TYPE = Type(NULL, "null_type"), Type(ERROR, "*error*"), Type(TYPE, "type")
QUANTITY, SEMVER = Type(STRUCT, "kubernetes.Quantity"), Type(STRUCT, "kubernetes.Semver")
URL, FORMAT = Type(STRUCT, "kubernetes.URL"), Type(STRUCT, "kubernetes.NamedFormat")
IP, CIDR = Type(OPAQUE, "net.IP"), Type(OPAQUE, "net.CIDR")
EMPTY = Type(STRUCT, "google.protobuf.Empty")

_NULLABLE_SIMPLE = (TIMESTAMP.name, DURATION.name)


def list_of(item: Type) -> Type:
    """list(item)."""
    return Type(LIST, "list", (item,))


def map_of(key: Type, value: Type) -> Type:
    """map(key, value)."""
    return Type(MAP, "map", (key, value))


def optional_of(value: Type) -> Type:
    """optional_type(value)."""
    return Type(OPAQUE, "optional_type", (value,))


def type_of(value: Type) -> Type:
    """type(value)."""
    return Type(TYPE, "type", (value,))


def param(name: str) -> Type:
    """A type variable."""
    return Type(PARAM, name)


def unwrap_optional(term: Type) -> tuple[Type, bool]:
    """The type in an optional, and whether it was one."""
    if term.kind == OPAQUE and term.name == "optional_type":
        return term.params[0], True
    return term, False


def is_dyn(term: Type) -> bool:
    """dyn or any."""
    return term.kind in (DYN, ANY)


def plain(term: Type) -> Type:
    """The term without wrappers. But for null, a wrapper goes where its primitive type goes."""
    if term.kind == WRAPPER:
        return Type(SIMPLE, term.name)
    if not term.params:
        return term
    return Type(term.kind, term.name, tuple(plain(part) for part in term.params))


class Bindings(dict[str, Type]):
    """The types of variables. Only ``assignable`` binds; it undoes the bindings of a failed attempt."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        super().__init__()
        self._before: list[tuple[str, Type | None]] = []

    def begin(self) -> None:
        """From here on, changes can be undone."""
        self._before.clear()

    def bind(self, name: str, term: Type) -> None:
        """Lets the variable stand for the term."""
        self._before.append((name, self.get(name)))
        self[name] = term

    def undo(self) -> None:
        """Takes back what has been bound since the beginning."""
        for name, term in reversed(self._before):
            if term is None:
                del self[name]
            else:
                self[name] = term


def substitute(bindings: Mapping[str, Type], term: Type, *, unbound_to_dyn: bool = False) -> Type:
    """The term with its variables replaced by what they are bound to."""
    if term.kind == PARAM:
        bound = bindings.get(term.name)
        if bound is not None:
            return substitute(bindings, bound, unbound_to_dyn=unbound_to_dyn)
        return DYNAMIC if unbound_to_dyn else term
    if not term.params:
        return term
    parts = tuple(substitute(bindings, part, unbound_to_dyn=unbound_to_dyn) for part in term.params)
    if all(part is given for part, given in zip(parts, term.params, strict=True)):
        return term
    return Type(term.kind, term.name, parts)


def assignable(bindings: Bindings, expected: Type, given: Type) -> bool:
    """Whether the types go together; the bindings that this takes are added. O(size of the types)."""
    return assignable_all(bindings, (expected,), (given,))


def assignable_all(bindings: Bindings, expected: tuple[Type, ...], given: tuple[Type, ...]) -> bool:
    """As ``assignable``, for argument lists."""
    if len(expected) != len(given):
        return False
    bindings.begin()
    for left, right in zip(expected, given, strict=True):
        if not _unify(bindings, left, right):
            bindings.undo()
            return False
    return True


def _unify(bound: Bindings, left: Type, right: Type) -> bool:  # noqa: PLR0911 - cel-go's cases
    if right.kind == PARAM:
        valid, had_binding = _bind(bound, left, right)
        if valid:
            return True
        if had_binding:
            return False
    if left.kind == PARAM:
        return _bind(bound, right, left)[0]
    if left.kind in (DYN, ANY, ERROR) or right.kind in (DYN, ANY, ERROR):
        return True
    if left.kind == NULL:
        return _accepts_null(right)
    if right.kind == NULL:
        return _accepts_null(left)
    if left.kind == TYPE:
        return right.kind == TYPE
    if left.kind in (OPAQUE, LIST, MAP):
        return (
            left.kind == right.kind
            and left.name == right.name
            and len(left.params) == len(right.params)
            and all(_unify(bound, one, other) for one, other in zip(left.params, right.params, strict=True))
        )
    if WRAPPER in (left.kind, right.kind):
        return {left.kind, right.kind} <= {SIMPLE, WRAPPER} and left.name == right.name
    return left.kind == right.kind and left.name == right.name


def _bind(bound: Bindings, term: Type, variable: Type) -> tuple[bool, bool]:
    """Whether the variable can stand for the term, and whether it had a binding before."""
    if term == variable:
        return True, True
    current = bound.get(variable.name)
    if current is not None:
        if term == current or plain(term) == plain(current):
            return True, True
        if _unify(bound, term, current):
            wider = most_general(term, current)
            if _absent(bound, variable, wider):
                bound.bind(variable.name, wider)
            return True, True
        return False, True
    if _absent(bound, variable, term):
        bound.bind(variable.name, term)
        return True, False
    return False, False


def _accepts_null(term: Type) -> bool:
    if term.kind in (OPAQUE, STRUCT, ANY, DYN, NULL, WRAPPER):
        return True
    return term.kind == SIMPLE and term.name in _NULLABLE_SIMPLE


def most_general(left: Type, right: Type) -> Type:
    """The less specific of two compatible types."""
    return left if _less_specific(left, right) else right


def _less_specific(left: Type, right: Type) -> bool:
    if is_dyn(left) or left.kind == PARAM:
        return True
    if is_dyn(right) or right.kind == PARAM:
        return False
    if WRAPPER in (left.kind, right.kind):
        return plain(left) == plain(right)
    if left.kind != right.kind:
        return False
    if left.kind in (OPAQUE, LIST, MAP):
        return (
            left.name == right.name
            and len(left.params) == len(right.params)
            and all(_less_specific(one, other) for one, other in zip(left.params, right.params, strict=True))
        )
    return left.kind == TYPE or left == right


def _absent(bound: Bindings, variable: Type, term: Type) -> bool:
    """Whether the variable does not occur in the term: it would become infinite."""
    if term == variable:
        return False
    if term.kind == PARAM:
        current = bound.get(term.name)
        return current is None or _absent(bound, variable, current)
    return all(_absent(bound, variable, part) for part in term.params)


def equivalent(left: Type, right: Type) -> bool:
    """Same structure; names of type variables do not count."""
    if left.kind == PARAM and right.kind == PARAM:
        return True
    if WRAPPER in (left.kind, right.kind):
        return plain(left) == plain(right)
    return (
        left.kind == right.kind
        and left.name == right.name
        and len(left.params) == len(right.params)
        and all(equivalent(one, other) for one, other in zip(left.params, right.params, strict=True))
    )
