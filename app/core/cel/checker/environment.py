"""The names that an expression can use: variables, types, fields of messages, functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.core.cel.common import types
from app.core.cel.common.declarations import Overload, functions
from app.core.cel.common.types import Type
from app.core.cel.values.messages import field_types, message_type
from app.core.cel.values.values import TypeValue

_A, _B = types.param("A"), types.param("B")
_TYPE_NAMES: dict[str, Type] = {
    "bool": types.BOOL, "bytes": types.BYTES, "double": types.DOUBLE, "int": types.INT, "uint": types.UINT,
    "string": types.STRING, "null_type": types.NULL_TYPE, "list": types.list_of(_A),
    "map": types.map_of(_A, _B),
    "type": types.TYPE_TYPE, types.DURATION.name: types.DURATION, types.TIMESTAMP.name: types.TIMESTAMP,
    "net.IP": types.IP, "net.CIDR": types.CIDR, "optional_type": types.optional_of(_A),
    types.EMPTY.name: types.EMPTY,
}  # fmt: skip


def any_result(_result: Type) -> str | None:
    """Accepts an expression of any type."""
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Environment:
    """The declarations that an expression is checked against.

    ``variables`` are the types of the names that are given to an evaluation, ``messages`` the fields of
    the types that exist in this environment alone, by the full name of the type. ``refusal`` is given the
    type that an expression evaluates to, and returns why such a type is refused, or None. ``quoted_fields``:
    a name in back quotes is a field. ``lenient_or``: or() and orValue() of a value that is not optional are
    the value; otherwise they fail. ``list_message``: ``list{}`` is an empty list. ``variants``
    name implementations that differ (``library.registry.VARIANTS``).
    """

    variables: Mapping[str, Type]
    messages: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)
    functions: Mapping[str, tuple[Overload, ...]] = field(default_factory=functions, repr=False)
    refusal: Callable[[Type], str | None] = any_result
    quoted_fields: bool = True
    lenient_or: bool = False
    list_message: bool = True
    variants: frozenset[str] = frozenset()

    def identifier(self, name: str) -> tuple[Type, object] | None:
        """The type of a variable or constant, and the constant's value."""
        variable = self.variables.get(name)
        if variable is not None:
            return variable, None
        if name == "google.protobuf.NullValue.NULL_VALUE":
            return types.INT, 0
        named = _TYPE_NAMES.get(name)
        if named is not None:
            return types.type_of(named), TypeValue(name)
        return None

    def field(self, message: str, name: str) -> Type | None:
        """The type of a message's field."""
        return self.messages.get(message, {}).get(name)

    def undeclared(self, name: str) -> str:
        """The error for a name that does not exist."""
        known = ", ".join(f"`{variable}`" for variable in sorted(self.variables))
        return f"undeclared reference to {name!r}: an expression sees only {known}"

    def unknown_field(self, message: str, name: str) -> str:
        """The error for a field that a message does not have."""
        fields = self.messages.get(message)
        if fields is None:
            return f"undefined field '{name}' of {message}"
        holder = next((name for name, term in self.variables.items() if term.name == message), message)
        return f"undefined field '{name}': {holder} has {', '.join(sorted(fields))}"

    def message(self, name: str) -> tuple[str, Type, Mapping[str, Type]] | None:
        """A message that can be written as ``name{...}``: full name, its type, its fields."""
        fields = self.messages.get(name)
        if fields is not None:
            return name, Type(types.STRUCT, name), fields
        result = message_type(name) if self.list_message or name != types.LIST else None
        return None if result is None else (name, result, field_types(name))
