"""Random literals of messages, by the type that they are worth."""

from collections.abc import Callable
from random import Random

from app.core.cel.common import types
from app.core.cel.common.types import Type

_SECONDS = (
    "0",
    "1",
    "-1",
    "1577836800",
    "253402300799",
    "253402300800",
    "-62135596800",
    "-62135596801",
    "9223372036854775807",
    "-9223372036854775808",
    "999999999999",
    "-99999999999",
)
_NANOS = ("0", "5", "-1", "999999999", "1000000000", "2147483647", "-2147483648", "2147483648")
_BY_TYPE = {
    "int": ("Int64Value", "Int32Value"),
    "uint": ("UInt64Value", "UInt32Value"),
    "double": ("DoubleValue", "FloatValue"),
    "bool": ("BoolValue",),
    "string": ("StringValue",),
    "bytes": ("BytesValue",),
}
_ONE_OF = {
    "number_value": types.DOUBLE,
    "string_value": types.STRING,
    "bool_value": types.BOOL,
    "null_value": types.INT,
    "list_value": types.list_of(types.DYNAMIC),
    "struct_value": types.map_of(types.STRING, types.DYNAMIC),
}
_Term = Callable[[Type, int], str]


def message(random: Random, wanted: Type, depth: int, term: _Term) -> str | None:
    """A literal that is worth a value of the type; None if there is no such message."""
    name = wanted.name
    if name in (types.DURATION.name, types.TIMESTAMP.name):
        fields = {"seconds": random.choice(_SECONDS), "nanos": random.choice(_NANOS)}
        return _written(name, {field: value for field, value in fields.items() if random.random() < 0.7})
    if name in _BY_TYPE:
        named = f"google.protobuf.{random.choice(_BY_TYPE[name])}"
        return _written(named, {"value": _held(random, wanted, depth, term)} if random.random() < 0.9 else {})
    if wanted.kind == types.MAP:
        held = _held(random, types.map_of(types.STRING, wanted.params[1]), depth, term)
        return _written("google.protobuf.Struct", {"fields": held})
    if wanted.kind == types.LIST:
        return _written("google.protobuf.ListValue", {"values": _held(random, wanted, depth, term)})
    if wanted.kind == types.NULL:
        return random.choice(("google.protobuf.Value{}", "google.protobuf.Any{}", "google.protobuf.Empty{}"))
    return None


def any_value(random: Random, depth: int, term: _Term) -> str:
    """A google.protobuf.Value."""
    field = random.choice(tuple(_ONE_OF))
    return _written("google.protobuf.Value", {field: _held(random, _ONE_OF[field], depth, term)})


def _held(random: Random, wanted: Type, depth: int, term: _Term) -> str:
    chance = random.random()
    if chance < 0.1:
        return f"dyn({term(types.DYNAMIC, depth)})"
    return term(wanted, depth) if chance < 0.95 else "null"


def _written(name: str, fields: dict[str, str]) -> str:
    return f"{name}{{{', '.join(f'{field}: {value}' for field, value in fields.items())}}}"
