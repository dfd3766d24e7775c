"""matchAttribute and distinctAttribute: attributes that the devices of a claim must share, or must not.

Monotonic: once a set of devices breaks a constraint, adding more does not repair it. So the search
may turn back at the first device that does not go with those before it. Every constraint keeps a
stack, one entry for each added device; ``remove`` takes back the latest one.
"""

from collections.abc import Hashable, Mapping
from typing import Protocol

from app.core.cel.common.errors import EvalError
from app.core.cel.values.semver import parse_semver
from app.core.model.device import DeviceAttribute

_SCALARS = frozenset({"string", "int", "bool", "version"})
_FAMILY = {"strings": "string", "ints": "int", "bools": "bool", "versions": "version"}
Values = tuple[str, frozenset[object]]
"""Type and values of an attribute seen as a set, with ListTypeAttributes on."""


class ConstraintState(Protocol):
    """The devices that a constraint has seen so far."""

    attribute: str

    def add(self, attribute: DeviceAttribute | None, _request: str = "", _device: int = 0) -> bool:
        """Adds a device of a request by its attribute, or reports that it does not match the others.

        ``_device`` is its position.
        """

    def remove(self) -> None:
        """Takes back the device that was added last."""

    def state(self) -> Hashable:
        """All that later answers depend on."""


def find_attribute(
    attributes: Mapping[str, DeviceAttribute], driver: str, name: str
) -> DeviceAttribute | None:
    """An attribute by its full name: published so, or without the domain if that is the driver's."""
    found = attributes.get(name)
    if found is None:
        domain, slash, rest = name.partition("/")
        if slash and domain == driver:
            return attributes.get(rest)
    return found


def as_comparable(attribute: DeviceAttribute, *, lists: bool) -> DeviceAttribute | None:
    """The attribute as Kubernetes 1.38 compares it: versions without build metadata, which does not belong to
    their order. None: it is of a type that constraints do not know, or holds a version that is none.
    """
    if attribute.kind in _SCALARS:
        if attribute.kind != "version":
            return attribute
        version = _without_build(str(attribute.value))
        return None if version is None else DeviceAttribute("version", version)
    if not lists or not isinstance(attribute.value, tuple) or not attribute.value:
        return None
    if attribute.kind != "versions":
        return attribute
    versions = [_without_build(str(item)) for item in attribute.value]
    return None if None in versions else DeviceAttribute("versions", tuple(map(str, versions)))


def _without_build(version: str) -> str | None:
    try:
        parse_semver(version)
    except EvalError:
        return None
    return version.partition("+")[0]


class MatchScalar:
    """matchAttribute without ListTypeAttributes: equal type and value; lists never match."""

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self._seen: list[DeviceAttribute] = []

    def add(self, attribute: DeviceAttribute | None, _request: str = "", _device: int = 0) -> bool:
        """See ConstraintState. The first device may have any value, even a list."""
        if attribute is None:
            return False
        if self._seen and (attribute.kind not in _SCALARS or attribute != self._seen[0]):
            return False
        self._seen.append(attribute)
        return True

    def remove(self) -> None:
        """See ConstraintState."""
        self._seen.pop()

    def state(self) -> Hashable:
        """See ConstraintState."""
        return self._seen[0] if self._seen else None


class MatchSets:
    """matchAttribute with ListTypeAttributes: all devices share at least one value."""

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self._common: list[Values] = []

    def add(self, attribute: DeviceAttribute | None, _request: str = "", _device: int = 0) -> bool:
        """See ConstraintState."""
        values = as_set(attribute)
        if values is None:
            return False
        if self._common:
            kind, common = self._common[-1]
            values = (kind, common & values[1] if values[0] == kind else frozenset())
            if not values[1]:
                return False
        self._common.append(values)
        return True

    def remove(self) -> None:
        """See ConstraintState."""
        self._common.pop()

    def state(self) -> Hashable:
        """See ConstraintState."""
        return self._common[-1] if self._common else None


class DistinctScalar:
    """distinctAttribute without ListTypeAttributes: no two devices with equal type and value."""

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self._seen: list[DeviceAttribute] = []

    def add(self, attribute: DeviceAttribute | None, _request: str = "", _device: int = 0) -> bool:
        """See ConstraintState. A list goes with nothing, but may be the first."""
        if attribute is None:
            return False
        if self._seen and (attribute.kind not in _SCALARS or attribute in self._seen):
            return False
        self._seen.append(attribute)
        return True

    def remove(self) -> None:
        """See ConstraintState."""
        self._seen.pop()

    def state(self) -> Hashable:
        """See ConstraintState."""
        return frozenset(self._seen)


class DistinctByRequest:
    """distinctAttribute until Kubernetes 1.36: compares with the latest device of each request.

    A request's second device replaces its first, so that those two are not compared with later ones; to
    take back one forgets the other as well.
    """

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self._latest: dict[str, Hashable] = {}
        self._requests: list[str] = []

    def add(self, attribute: DeviceAttribute | None, request: str = "", device: int = 0) -> bool:
        """See ConstraintState."""
        if attribute is None:
            return False
        mark = self._mark(attribute, device)
        if self._latest and (attribute.kind not in _SCALARS or mark in self._latest.values()):
            return False
        self._latest[request] = mark
        self._requests.append(request)
        return True

    def remove(self) -> None:
        """See ConstraintState."""
        self._latest.pop(self._requests.pop(), None)

    def state(self) -> Hashable:
        """See ConstraintState."""
        return frozenset(self._latest.items()), tuple(self._requests)

    def _mark(self, attribute: DeviceAttribute, _device: int) -> Hashable:
        """What must differ from device to device."""
        return attribute


class DistinctByIdentity(DistinctByRequest):
    """distinctAttribute of Kubernetes 1.34: compares pointers, so that only a device is equal to itself."""

    def _mark(self, _attribute: DeviceAttribute, device: int) -> Hashable:
        return device


class DistinctSets:
    """distinctAttribute with ListTypeAttributes: no value on two devices."""

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self._seen: list[Values] = []

    def add(self, attribute: DeviceAttribute | None, _request: str = "", _device: int = 0) -> bool:
        """See ConstraintState."""
        values = as_set(attribute)
        if values is None or any(values[0] == kind and values[1] & seen for kind, seen in self._seen):
            return False
        self._seen.append(values)
        return True

    def remove(self) -> None:
        """See ConstraintState."""
        self._seen.pop()

    def state(self) -> Hashable:
        """See ConstraintState."""
        return frozenset(self._seen)


def is_scalar(attribute: DeviceAttribute) -> bool:
    """Whether it has one value of a known type."""
    return attribute.kind in _SCALARS


def as_set(attribute: DeviceAttribute | None) -> Values | None:
    """Type and values, or None for an attribute of unknown type."""
    if attribute is None or attribute.kind == "unknown" or attribute.value == ():
        return None
    if isinstance(attribute.value, tuple):
        return _FAMILY[attribute.kind], frozenset(attribute.value)
    return attribute.kind, frozenset((attribute.value,))


def new_constraint(
    match: str | None, distinct: str | None, *, sets: bool, compared: str = "all"
) -> ConstraintState:
    """The state of a constraint before any device; exactly one of the two names is given.

    ``compared`` is ``Channel.distinct``.
    """
    if match is not None:
        return MatchSets(match) if sets else MatchScalar(match)
    if distinct is None:
        raise ValueError("a constraint names an attribute to match or to be distinct")
    if compared == "requests":
        return DistinctByRequest(distinct)
    if compared == "identity":
        return DistinctByIdentity(distinct)
    return DistinctSets(distinct) if sets else DistinctScalar(distinct)
