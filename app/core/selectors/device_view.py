"""A device as expressions see it, made once a shape and kept in ``DeviceShape.cel_view``."""

from collections.abc import Mapping
from typing import Any, TypeVar

from app.core.cel.common.errors import EvalError
from app.core.cel.values.containers import NativeMap, anew
from app.core.cel.values.quantities import QuantityValue, parse_quantity
from app.core.cel.values.semver import parse_semver
from app.core.model.device import DeviceAttribute, DeviceShape

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


class Readable(NativeMap):
    """Attributes of a domain of which some cannot be read: these are keys without a value."""

    __slots__ = ("_gone",)

    def __init__(self, entries: dict[Any, Any], gone: dict[Any, str]) -> None:
        super().__init__(entries)
        self._gone = gone

    def find(self, key: Any) -> tuple[Any, bool]:
        """The value and whether there is one. Raises EvalError for an attribute that cannot be read."""
        if key in self._gone:
            raise EvalError(self._gone[key])
        return super().find(key)

    def has(self, key: Any) -> bool:
        """Whether the key has a value."""
        return key not in self._gone and super().has(key)


class View:
    """What evaluations read. ``flat`` and ``amounts`` are keyed by "domain/name" for the fast path."""

    __slots__ = (
        "amounts",
        "attributes",
        "capacity",
        "device",
        "driver",
        "error",
        "flat",
        "lists",
        "shared",
        "small",
        "unreadable",
    )

    def __init__(self, shape: DeviceShape) -> None:
        self.driver = shape.driver
        self.shared = bool(shape.allow_multiple_allocations)
        self.flat: dict[str, Any] = {}
        self.amounts: dict[str, QuantityValue] = {}
        self.error: str | None = None
        self.lists: str | None = None
        self.unreadable: dict[str, str] = {}
        for name, attribute in _full_last(shape.attributes):
            full = _full(name, shape.driver)
            self.unreadable.pop(full, None)
            if isinstance(attribute.value, tuple):
                self.lists = self.lists or f"attribute {name}: unsupported attribute value"
            try:
                self.flat[full] = attribute_value(name, attribute)
            except EvalError as error:
                self.error = self.error or str(error)
                self.unreadable[full] = str(error)
                self.flat.pop(full, None)
            else:
                if self.flat[full] == ():
                    self.unreadable[full] = f"attribute {name}: unsupported attribute value"
        for name, capacity in _full_last(shape.capacity):
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

    def lazy_device(self) -> NativeMap:
        """The device of which each attribute fails by itself, as in Kubernetes 1.38.

        For a device with ``unreadable`` attributes; they count as keys, but have no value.
        """
        entries: dict[str, dict[Any, Any]] = {}
        for name, value in {**self.flat, **dict.fromkeys(self.unreadable)}.items():
            domain, _, identifier = name.partition("/")
            entries.setdefault(domain, {})[identifier] = value
        domains: dict[Any, Any] = {}
        for domain, values in entries.items():
            gone = {
                name.removeprefix(f"{domain}/"): message
                for name, message in self.unreadable.items()
                if name.partition("/")[0] == domain
            }
            domains[domain] = Readable(values, gone) if gone else NativeMap(values)
        return NativeMap({**self.device.entries, "attributes": Domains(domains)})

    def _is_small(self) -> bool:
        if (
            self.unreadable
            or self.error is not None
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


_Named = TypeVar("_Named")


def _full_last(published: Mapping[str, _Named]) -> list[tuple[str, _Named]]:
    """Names with a domain come last: published by both of its names, the full one counts."""
    return sorted(published.items(), key=lambda entry: "/" in entry[0])


def _full(name: str, driver: str) -> str:
    return name if "/" in name else f"{driver}/{name}"


def _domains(values: dict[str, Any]) -> Domains:
    domains: dict[Any, Any] = {}
    for name, value in values.items():
        domain, _, identifier = name.partition("/")
        domains.setdefault(domain, NativeMap({})).entries[identifier] = value
    return Domains(domains)


def attribute_value(name: str, attribute: DeviceAttribute) -> Any:
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


def _quantity(value: Any) -> QuantityValue:
    try:
        return parse_quantity(value.text)
    except EvalError:
        return QuantityValue(value.nanos, -9)


def _is_small_value(value: Any) -> bool:
    if value.__class__ is str:
        return len(value) <= _MAX_TEXT
    if value.__class__ is tuple:
        return len(value) <= _MAX_LIST and all(_is_small_value(item) for item in value)
    return True
