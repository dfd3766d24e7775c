"""One thing that could be different, as data, and what it does to a scene."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.core.advice.hypothesis import Hypothesis


@dataclass(frozen=True, slots=True)
class Change:
    """``text`` completes "it would fit ...". ``data`` says the same in fields, see docs/explain.md.

    ``weight`` orders changes: what a Pod's owner can do, and what costs least, is light.
    """

    code: str
    text: str
    data: Mapping[str, object] = field(hash=False)
    weight: int
    apply: Callable[[Hypothesis], None] = field(compare=False, repr=False)
