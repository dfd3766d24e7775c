"""The evidence for a reason, as data: holders of the devices, terms of selectors, taints and more."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from app.core.pauses import FEW, paced

MOST_NAMED = 100
"""Holders, taints or counters behind one reason: the first ones. Those of most devices come first; counters
are in the order of their names.
"""


@dataclass(frozen=True, slots=True)
class HoldingClaim:
    """A claim (namespace/name) and how many of the matching devices it holds.

    ``state`` is set if the claim is being deleted, or is reserved for Pods that are gone.
    """

    claim: str
    devices: int
    state: str = ""


@dataclass(frozen=True, slots=True)
class TermCount:
    """A term of a selector. ``devices`` fail it, ``alone`` fail nothing else of the selector.

    For a comparison: ``best`` is the value among those devices that comes nearest to ``bound``, or
    where there is no nearer, ``seen`` are some of the values that they have.
    """

    text: str
    devices: int
    alone: int
    bound: str | None = None
    best: str | None = None
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SelectorCount:
    """A selector by its place and text, and how many devices it struck out. Terms: the worst first."""

    where: str
    text: str
    devices: int
    terms: tuple[TermCount, ...] = ()


@dataclass(frozen=True, slots=True)
class TaintCount:
    """A taint that is not tolerated, and how many of the matching devices have it."""

    key: str
    value: str
    effect: str
    devices: int

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


@dataclass(frozen=True, slots=True)
class CounterShortage:
    """What a device needs of a counter, and what is left of it: where least is missing.

    Both have the form in which the driver publishes the counter.
    """

    pool: str
    counter_set: str
    counter: str
    needed: str
    left: str


@dataclass(frozen=True, slots=True)
class CapacityShortage:
    """A requested amount, and the largest available one. None: no device has such a capacity.

    ``published`` is the name under which devices have it then, if they differ by the domain alone.
    """

    name: str
    wanted: str
    best: str | None
    published: str = ""


@dataclass(frozen=True, slots=True)
class ValueCount:
    """How many of the devices that could be used have this value. None: no value."""

    value: str | None
    devices: int


@dataclass(frozen=True, slots=True)
class RequestValues:
    """The values that the devices have which one request could use."""

    request: str
    values: tuple[ValueCount, ...]


@dataclass(frozen=True, slots=True)
class ConstraintValues:
    """A constraint of a claim, ``wanted`` devices under it, and the values that devices have to offer.

    ``requests`` are the values by request, where the constraint is about several. ``disjoint``: the
    devices of these requests have no value in common.
    """

    kind: str
    attribute: str
    wanted: int
    values: tuple[ValueCount, ...] = ()
    requests: tuple[RequestValues, ...] = ()
    disjoint: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.attribute}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known behind one reason; what does not apply is empty.

    ``example`` is a device (driver/pool/device) that the request could use, or could if it were free.
    """

    holders: tuple[HoldingClaim, ...] = ()
    selectors: tuple[SelectorCount, ...] = ()
    taints: tuple[TaintCount, ...] = ()
    counters: tuple[CounterShortage, ...] = ()
    capacities: tuple[CapacityShortage, ...] = ()
    constraints: tuple[ConstraintValues, ...] = ()
    example: str = ""

    @property
    def shortened(self) -> "Evidence":
        """With the first ``MOST_NAMED`` of each: thousands may stand behind a reason, on each node."""
        return replace(
            self,
            holders=self.holders[:MOST_NAMED],
            taints=self.taints[:MOST_NAMED],
            counters=self.counters[:MOST_NAMED],
        )


NO_EVIDENCE = Evidence()


def named(items: Iterable[object], most: int = 3) -> str:
    """Some things by name: ``a, b, c and 4 more``."""
    left = iter(items)
    texts = [str(item) for item in islice(left, most)]
    rest = sum(1 for _ in paced(left, FEW))
    return ", ".join(texts) + (f" and {rest} more" if rest else "")
