"""A device as expressions see it, made once a shape and kept in ``DeviceShape.cel_view``."""

from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.values.containers import NativeMap, anew
from app.core.cel.values.quantities import Quantity, parse_quantity
from app.core.cel.values.semver import parse_semver
from app.core.model.device import Attribute, DeviceShape

# Limits of the API (k8s.io/api/resource/v1); a shape within them has a known worst-case cost.
_MAX_ENTRIES = 32
_MAX_TEXT = 64
_MAX_LIST = 64


_EMPTY = NativeMap({})


class Domains(NativeMap):
    """device.attributes or device.capacity: a domain that is not there is an empty map.

    That holds for looking up, not for ``in``.
    """

    __slots__ = ()

    def find(self, key: Any) -> tuple[Any, bool]:
        """The attributes of a domain."""
        found = self.entries.get(key) if key.__class__ is str else None
        return (_EMPTY if found is None else anew(found)), True


class View:
    """What evaluations read. ``flat`` and ``amounts`` are keyed by "domain/name" for the fast path."""

    __slots__ = ("amounts", "attributes", "capacity", "device", "driver", "error", "flat", "shared", "small")

    def __init__(self, shape: DeviceShape) -> None:
        self.driver = shape.driver
        self.shared = bool(shape.allow_multiple_allocations)
        self.flat: dict[str, Any] = {}
        self.amounts: dict[str, Quantity] = {}
        self.error: str | None = None
        try:
            for name, attribute in shape.attributes.items():
                self.flat[_full(name, shape.driver)] = attribute_value(name, attribute)
        except EvalError as error:
            self.error = str(error)
        for name, capacity in shape.capacity.items():
            self.amounts[_full(name, shape.driver)] = _quantity(capacity.value)
        self.attributes = _domains(self.flat)
        self.capacity = _domains(self.amounts)
        self.device = NativeMap({
            "driver": shape.driver,
            "allowMultipleAllocations": self.shared,
            "attributes": self.attributes,
            "capacity": self.capacity,
        })  # fmt: skip
        self.small = self._is_small()

    def _is_small(self) -> bool:
        if (
            self.error is not None
            or len(self.flat) + len(self.amounts) > _MAX_ENTRIES
            or len(self.driver) > _MAX_TEXT
        ):
            return False
        return all(_is_small_value(value) for value in self.flat.values())


def view_of(shape: DeviceShape) -> View:
    """The shape's view. O(1) after the first time."""
    found = shape.cel_view
    if found is None:
        found = shape.cel_view = View(shape)
    return found  # type: ignore[no-any-return]  # the slot is this package's


def _full(name: str, driver: str) -> str:
    return name if "/" in name else f"{driver}/{name}"


def _domains(values: dict[str, Any]) -> Domains:
    domains: dict[Any, Any] = {}
    for name, value in values.items():
        domain, _, identifier = name.partition("/")
        domains.setdefault(domain, NativeMap({})).entries[identifier] = value
    return Domains(domains)


def attribute_value(name: str, attribute: Attribute) -> Any:
    """The CEL value of an attribute.

    Raises:
        EvalError: a version that is none, or an attribute of a type that is not known.
    """
    value = attribute.value
    try:
        if attribute.kind == "version":
            return parse_semver(str(value))
        if attribute.kind == "versions" and isinstance(value, tuple):
            return tuple(parse_semver(str(version)) for version in value)
    except EvalError as error:
        raise EvalError(f"attribute {name}: parse semantic version: {error}") from None
    if attribute.kind == "unknown":
        raise EvalError(f"attribute {name}: unsupported attribute value")
    return value


def _quantity(value: Any) -> Quantity:
    try:
        return parse_quantity(value.text)
    except EvalError:
        return Quantity(value.nanos, -9)


def _is_small_value(value: Any) -> bool:
    if value.__class__ is str:
        return len(value) <= _MAX_TEXT
    if value.__class__ is tuple:
        return len(value) <= _MAX_LIST and all(_is_small_value(item) for item in value)
    return True
