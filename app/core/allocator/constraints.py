"""matchAttribute and distinctAttribute: attributes that the devices of a claim must share, or must not.

Monotonic: once a set of devices breaks a constraint, adding more does not repair it. So the search
may turn back at the first device that does not go with those before it. Every constraint keeps a
stack, one entry for each added device; ``remove`` takes back the latest one.
"""

from collections.abc import Hashable, Mapping
from typing import Protocol

from app.core.model.device import Attribute

_SCALARS = frozenset({"string", "int", "bool", "version"})
_FAMILY = {"strings": "string", "ints": "int", "bools": "bool", "versions": "version"}
Values = tuple[str, frozenset[object]]
"""Type and values of an attribute seen as a set, with ListTypeAttributes on."""


class ConstraintState(Protocol):
    """The devices that a constraint has seen so far."""

    attribute: str

    def add(self, attribute: Attribute | None) -> bool:
        """Adds a device by its attribute, or reports that it does not match the others."""

    def remove(self) -> None:
        """Takes back the device that was added last."""

    def state(self) -> Hashable:
        """All that later answers depend on."""


def find_attribute(attributes: Mapping[str, Attribute], driver: str, name: str) -> Attribute | None:
    """An attribute by its full name: published so, or without the domain if that is the driver's."""
    found = attributes.get(name)
    if found is None:
        domain, slash, rest = name.partition("/")
        if slash and domain == driver:
            return attributes.get(rest)
    return found


class MatchScalar:
    """matchAttribute without ListTypeAttributes: equal type and value; lists never match."""

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self._seen: list[Attribute] = []

    def add(self, attribute: Attribute | None) -> bool:
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

    def add(self, attribute: Attribute | None) -> bool:
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
        self._seen: list[Attribute] = []

    def add(self, attribute: Attribute | None) -> bool:
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


class DistinctSets:
    """distinctAttribute with ListTypeAttributes: no value on two devices."""

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self._seen: list[Values] = []

    def add(self, attribute: Attribute | None) -> bool:
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


def as_set(attribute: Attribute | None) -> Values | None:
    """Type and values, or None for an attribute of unknown type."""
    if attribute is None or attribute.kind == "unknown" or attribute.value == ():
        return None
    if isinstance(attribute.value, tuple):
        return _FAMILY[attribute.kind], frozenset(attribute.value)
    return attribute.kind, frozenset((attribute.value,))


def new_constraint(match: str | None, distinct: str | None, *, sets: bool) -> ConstraintState:
    """The state of a constraint before any device; exactly one of the two names is given."""
    if match is not None:
        return MatchSets(match) if sets else MatchScalar(match)
    if distinct is None:
        raise ValueError("a constraint names an attribute to match or to be distinct")
    return DistinctSets(distinct) if sets else DistinctScalar(distinct)
