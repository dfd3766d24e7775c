"""Finds for each device why a request cannot use it, and the cause to report."""

from collections import Counter
from dataclasses import dataclass

from app.core.allocator.node_devices import USABLE, NodeDevices
from app.core.allocator.outcome import AllocationError, Reason
from app.core.allocator.partial_allocation import PartialAllocation
from app.core.allocator.plan import Alternative
from app.core.pauses import FEW, paced

AVAILABLE = "available"
WANTED = "wanted"
DEVICES = "devices"
CURABLE = (
    "DevicesInUse",
    "CapacityTooSmall",
    "CountersExhausted",
    "DeviceTainted",
    "ConstraintNotMet",
    "NodeUnsuited",
    "FeatureDisabled",
    "Unsupported",
    "OtherNode",
    "SelectorFailed",
)
"""Causes that exclude devices which class and selectors select, the most transient first."""


@dataclass(frozen=True, slots=True, eq=False)
class Exclusions:
    """The devices of a node by what excludes them from an alternative, evaluated alone.

    ``causes`` maps a code, or AVAILABLE, to positions of devices; ``rejected`` the index of a selector to
    the devices that it rejects.
    """

    node_devices: NodeDevices
    alternative: Alternative
    causes: dict[str, list[int]]
    rejected: dict[int, list[int]]

    @property
    def wanted(self) -> int:
        """The number of devices that the alternative needs."""
        return self.node_devices.wanted[self.alternative.index]

    @property
    def suffices(self) -> bool:
        """Whether the alternative can be satisfied alone."""
        return self.number(AVAILABLE) >= self.wanted and (self.wanted > 0 or not self.alternative.takes_all)

    def number(self, cause: str) -> int:
        """The number of devices with a cause."""
        return len(self.causes.get(cause, ()))

    def code(self) -> str:
        """The cause to report: one whose removal is sufficient, else the largest of several.

        TooFewDevices if removing all of ``CURABLE`` is not sufficient, SelectorRejected or NoDevices if
        no device has such a cause.
        """
        short = max(self.wanted - self.number(AVAILABLE), 1)
        curable = [code for code in CURABLE if self.number(code)]
        enough = [code for code in curable if self.number(code) >= short]
        if enough:
            return enough[0]
        if sum(self.number(code) for code in curable) >= short:
            return max(curable, key=self.number)
        if curable or self.number(AVAILABLE):
            return "TooFewDevices"
        return "SelectorRejected" if self.node_devices.devices else "NoDevices"

    def counts(self) -> dict[str, int]:
        """By cause, for SelectorRejected by selector, with ``DEVICES``, ``WANTED``, ``AVAILABLE``."""
        counts = Counter({code: len(positions) for code, positions in self.causes.items()})
        for index, positions in self.rejected.items():
            counts[f"SelectorRejected {self.alternative.matcher.selectors[index].where}"] = len(positions)
        counts[AVAILABLE] += 0
        counts[DEVICES] = len(self.node_devices.devices)
        counts[WANTED] = self.wanted
        return dict(counts)


def exclusions(node_devices: NodeDevices, alternative: Alternative, empty: PartialAllocation) -> Exclusions:
    """Finds the exclusions. Cost: O(devices). Leaves the counters and constraints unchanged.

    ``empty``: an allocation on the node that has no devices yet. Making one costs O(claims): all requests
    share one.
    """
    positions = (
        node_devices.members[alternative.index] if alternative.takes_all else range(len(node_devices.devices))
    )
    # If All mode finds no devices, report why none is a member.
    found = Exclusions(node_devices, alternative, {}, {})
    for position in paced(positions or range(len(node_devices.devices)), FEW):
        cause = _cause(node_devices, alternative, position, empty)
        if isinstance(cause, int):
            found.rejected.setdefault(cause, []).append(position)
            cause = "SelectorRejected"
        found.causes.setdefault(cause, []).append(position)
    return found


def _cause(
    node_devices: NodeDevices, alternative: Alternative, position: int, empty: PartialAllocation
) -> str | int:
    """Why the request cannot use the device; the index of the selector that rejects it.

    Selectors come first, since users ask what would match.
    """
    selected = node_devices.selected(alternative, position)
    if isinstance(selected, Reason):
        return "SelectorFailed"
    if selected == "SelectorRejected":
        verdict = alternative.matcher.verdict(node_devices.shapes[position])
        return verdict if isinstance(verdict, int) else "SelectorRejected"
    if selected is not USABLE:
        return str(selected)
    status = node_devices.status(alternative, position)
    if status is not USABLE:
        return "CapacityTooSmall" if isinstance(status, Reason) else str(status)
    try:
        cause = empty.take(alternative, position)
    except AllocationError as error:
        return error.reason.code
    if cause is None:
        empty.undo()
    return cause or AVAILABLE
