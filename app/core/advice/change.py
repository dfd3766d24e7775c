"""One possible change as data, and its effect on a hypothesis."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.core.advice.hypothesis import Hypothesis


@dataclass(frozen=True, slots=True)
class Change:
    """``text`` completes "it would fit ...".

    ``data`` contains the same as fields, see docs/explain.md. ``weight`` orders changes: those that the
    Pod's owner can make, and that cost least, are light.
    """

    code: str
    text: str
    data: Mapping[str, object] = field(hash=False)
    weight: int
    apply: Callable[[Hypothesis], None] = field(compare=False, repr=False)
