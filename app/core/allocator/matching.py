"""Which devices a request's class and selectors pick, and which attributes it gives them.

What a selector can see of a device is its shape, and shapes are interned: one evaluation answers
for all devices that look the same, on every node. The order is in-tree's (the class first, then the
request, each up to the first selector that rejects the device), since it decides which error occurs.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.core.allocator.constraints import as_comparable, find_attribute
from app.core.allocator.evidence import SelectorCount
from app.core.allocator.outcome import Reason
from app.core.cel.common.errors import CelError, CelRuntimeError
from app.core.model.device import DeviceAttribute, DeviceShape
from app.core.pauses import pause
from app.core.selectors.accepted_drivers import AcceptedDrivers
from app.core.selectors.attributes_read import AttributesRead
from app.core.selectors.environment import CelFeatures


class CompiledSelector(Protocol):
    """A CEL expression about a device, compiled."""

    @property
    def error(self) -> CelError | None:
        """Why the expression does not compile."""

    @property
    def attributes_read(self) -> AttributesRead:
        """The attributes that decide it."""

    @property
    def drivers(self) -> AcceptedDrivers:
        """Those whose devices it may select; on others it is false."""

    @property
    def outcome(self) -> str:
        """What evaluates it; ``compiled`` has a bounded cost."""

    def matches(self, shape: DeviceShape) -> bool:
        """Whether the device matches; raises CelRuntimeError."""


class CompiledDerivation(Protocol):
    """A compiled CEL expression that derives an attribute from those that a device publishes."""

    @property
    def error(self) -> CelError | None:
        """Why the expression does not compile."""

    @property
    def attributes_read(self) -> AttributesRead:
        """The attributes that decide it."""

    def evaluate(self, shape: DeviceShape) -> DeviceAttribute:
        """The attribute; raises CelRuntimeError."""


class SelectorSource(Protocol):
    """Where compiled expressions come from (``app.core.cel.SelectorCache``)."""

    def get(self, text: str, features: CelFeatures) -> CompiledSelector:
        """The compiled selector, from the cache if it is there."""

    def get_derived(self, text: str, features: CelFeatures) -> CompiledDerivation:
        """The compiled derived attribute, from the cache if it is there."""


@dataclass(frozen=True, slots=True)
class NamedSelector:
    """A selector, and how to name it to a person: ``class gpu, selector #0``. ``of_class``: of the class."""

    where: str
    text: str
    selector: CompiledSelector
    of_class: bool = False


@dataclass(slots=True, eq=False)
class Matcher:
    """The selectors of one request and its class, with the verdicts so far.

    A verdict is True, the index of the selector that rejects, or the Reason of an error. ``struck`` keeps
    the evidence on rejected devices: nodes are much alike.
    """

    selectors: Sequence[NamedSelector]
    claim: str
    request: str
    verdicts: dict[DeviceShape, "bool | int | Reason"] = field(default_factory=dict)
    struck: dict[Hashable, SelectorCount] = field(default_factory=dict)

    @property
    def drivers(self) -> AcceptedDrivers:
        """The drivers whose devices the first selector of the class may select."""
        first = self.selectors[0] if self.selectors else None
        return first.selector.drivers if first is not None and first.of_class else None

    def verdict(self, shape: DeviceShape) -> "bool | int | Reason":
        """True, or the index of the selector that rejects it, or an error. One evaluation a shape."""
        found = self.verdicts.get(shape)
        if found is None:
            found = self.verdicts[shape] = self._evaluate(shape)
        return found

    def _evaluate(self, shape: DeviceShape) -> "bool | int | Reason":
        for index, item in enumerate(self.selectors):
            pause()  # a compiled selector has none, and takes up to a millisecond
            if item.selector.error is not None:
                return self._error(
                    "SelectorBroken", f"{item.where}: CEL compile error: {item.selector.error}"
                )
            try:
                if not item.selector.matches(shape):
                    return index
            except CelRuntimeError as error:
                return self._error("SelectorFailed", f"{item.where}: CEL runtime error: {error}")
        return True

    def _error(self, code: str, message: str) -> Reason:
        return Reason(code, message, self.claim, self.request)


@dataclass(slots=True, eq=False)
class Attributes:
    """The attributes that constraints compare, as one request sees them (KEP-6050).

    A derived attribute of the request hides the device's own of that name. ``values`` keeps what
    was found: the attribute, None, or the Reason why it cannot be computed. ``strict``: a value that
    constraints cannot compare is an error (see ``as_comparable``).
    """

    derived: Mapping[str, CompiledDerivation]
    claim: str
    request: str
    strict: bool = False
    lists: bool = False
    values: dict[tuple[str, DeviceShape], "DeviceAttribute | Reason | None"] = field(default_factory=dict)

    def get(self, shape: DeviceShape, name: str) -> "DeviceAttribute | Reason | None":
        """The attribute by its full name. One evaluation a shape."""
        if name not in self.derived and not self.strict:
            return find_attribute(shape.attributes, shape.driver, name)
        key = (name, shape)
        if key not in self.values:
            self.values[key] = self._found(shape, name)
        return self.values[key]

    @property
    def may_fail(self) -> bool:
        """Whether ``get`` can return a Reason."""
        return self.strict or bool(self.derived)

    def _found(self, shape: DeviceShape, name: str) -> "DeviceAttribute | Reason | None":
        found: DeviceAttribute | Reason | None = None
        if name in self.derived:
            found = self._evaluate(shape, name)
        elif "/" in name:
            found = find_attribute(shape.attributes, shape.driver, name)
        if not self.strict or not isinstance(found, DeviceAttribute):
            return found
        comparable = as_comparable(found, lists=self.lists)
        if comparable is None:
            return self._error("AttributeUnsupported", f"attribute {name}: unsupported attribute value")
        return comparable

    def _evaluate(self, shape: DeviceShape, name: str) -> "DeviceAttribute | Reason":
        expression = self.derived[name]
        if expression.error is not None:
            return self._error("SelectorBroken", f"derived attribute {name}: {expression.error}")
        try:
            return expression.evaluate(shape)
        except CelRuntimeError as error:
            return self._error("SelectorFailed", f"derived attribute {name}: {error}")

    def _error(self, code: str, message: str) -> Reason:
        return Reason(code, message, self.claim, self.request)
