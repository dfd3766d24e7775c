"""The names that an expression can use: variables, types, fields, messages, functions.

Two environments exist in Kubernetes: for expressions that are stored already (the scheduler's; it
knows everything, whatever the feature gates say), and for those that are being written (the API
server's, as far as the gates and the oldest supported version allow).
"""

from dataclasses import dataclass, field
from functools import lru_cache

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


@dataclass(frozen=True, slots=True)
class CelFeatures:
    """What of the environment depends on feature gates and on who asks. Hashable: caches key by it.

    kube-scheduler evaluates with the environment of stored expressions, where every gate counts as
    on; so does this by default. ``new_expressions`` is what the API server checks objects with when
    they are written: only there do the two gates matter (DRAListTypeAttributes and
    DRAConsumableCapacity; 1.37 has the second one on).
    """

    list_type_attributes: bool = False
    consumable_capacity: bool = True
    new_expressions: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Environment:
    """Look-ups for the checker. ``attribute`` is the type of an attribute's value."""

    attribute: Type
    device_fields: dict[str, Type]
    functions: dict[str, tuple[Overload, ...]] = field(repr=False)

    def identifier(self, name: str) -> tuple[Type, object] | None:
        """The type of a variable or constant, and the constant's value."""
        if name == "device":
            return types.DEVICE, None
        if name == "google.protobuf.NullValue.NULL_VALUE":
            return types.INT, 0
        named = _TYPE_NAMES.get(name)
        if named is not None:
            return types.type_of(named), TypeValue(name)
        return None

    def field(self, message: str, name: str) -> Type | None:
        """The type of a message's field."""
        return self.device_fields.get(name) if message == types.DEVICE.name else None

    def unknown_field(self, message: str, name: str) -> str:
        """What to say of a field that is not there."""
        if message != types.DEVICE.name:
            return f"undefined field '{name}' of {message}"
        return f"undefined field '{name}': device has {', '.join(sorted(self.device_fields))}"

    def message(self, name: str) -> tuple[str, Type, dict[str, Type]] | None:
        """A message that can be written as ``name{...}``: full name, its type, its fields."""
        if name == types.DEVICE.name:
            return name, types.DEVICE, self.device_fields
        result = message_type(name)
        return None if result is None else (name, result, field_types(name))


def _lists_first(group: tuple[Overload, ...]) -> tuple[Overload, ...]:
    """The order of the oldest version that an API server serves: 1.37 declares these a second time."""
    return tuple(sorted(group, key=lambda overload: overload.args[0].kind != types.LIST))


@lru_cache(maxsize=8)
def environment(features: CelFeatures) -> Environment:
    """The environment for these features."""
    lists = features.list_type_attributes or not features.new_expressions
    attribute = types.DYNAMIC if lists else types.ANYTHING
    fields = {
        "driver": types.STRING,
        "attributes": types.map_of(types.STRING, types.map_of(types.STRING, attribute)),
        "capacity": types.map_of(types.STRING, types.map_of(types.STRING, types.QUANTITY)),
    }
    if features.consumable_capacity or not features.new_expressions:
        fields["allowMultipleAllocations"] = types.BOOL
    known = functions()
    if features.new_expressions:
        known = known | {name: _lists_first(known[name]) for name in ("indexOf", "lastIndexOf")}
    if not lists:
        known = {name: group for name, group in known.items() if name != "includes"}
    return Environment(attribute, fields, known)
