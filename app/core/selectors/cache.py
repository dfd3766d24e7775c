"""A bounded store of compiled selectors."""

from collections import OrderedDict
from collections.abc import Iterator

from app.core.selectors.environment import CelFeatures
from app.core.selectors.selector import (
    OUTCOMES,
    DerivedAttribute,
    Outcome,
    Selector,
    compile_derived,
    compile_selector,
)

DEFAULT_SIZE = 4096  # in-tree keeps 10
MAX_BYTES = 64 << 20
"""Of all compiled selectors together: 4,096 usual ones are half of that."""
_BYTES, _BYTES_A_CHARACTER = 4_000, 75
"""Memory of a compiled selector, measured up to 10 kB of text: 750 kB."""


class SelectorCache:
    """The least recently used selector goes first. Broken selectors are kept, too. ``bytes`` is an estimate.

    ``hits`` and ``misses`` count look-ups, ``outcomes`` what compilations came to; ``evaluations()``
    counts by what evaluates.
    """

    def __init__(self, size: int = DEFAULT_SIZE, *, engine: str = "fast", max_bytes: int = MAX_BYTES) -> None:
        self._size = size
        self._max_bytes = max_bytes
        self.bytes = 0
        self._engine = engine
        self._selectors: OrderedDict[tuple[str, CelFeatures, str], Selector] = OrderedDict()
        self._derived: OrderedDict[tuple[str, CelFeatures], DerivedAttribute] = OrderedDict()
        self._evicted: dict[Outcome, int] = dict.fromkeys(OUTCOMES, 0)
        self.outcomes: dict[Outcome, int] = dict.fromkeys(OUTCOMES, 0)
        self.hits = 0
        self.misses = 0

    def get(self, text: str, features: CelFeatures) -> Selector:
        """The compiled selector. O(1) but for the first time."""
        key = (text, features, self._engine)
        found = self._selectors.get(key)
        if found is not None:
            self.hits += 1
            self._selectors.move_to_end(key)
            return found
        self.misses += 1
        found = compile_selector(text, features, engine=self._engine)
        self.outcomes[found.outcome] += 1
        # Compiling pauses: another one may have compiled the same meanwhile.
        if key not in self._selectors:
            self.bytes += _size_of(text)
        self._selectors[key] = found
        while len(self._selectors) > 1 and (
            len(self._selectors) > self._size or self.bytes > self._max_bytes
        ):
            _, oldest = self._selectors.popitem(last=False)
            self.bytes -= _size_of(oldest.text)
            self._evicted[oldest.outcome] += oldest.evaluations[0]
        return found

    def get_derived(self, text: str, features: CelFeatures) -> DerivedAttribute:
        """The compiled expression of a derived attribute. O(1) but for the first time."""
        key = (text, features)
        found = self._derived.get(key)
        if found is None:
            found = self._derived[key] = compile_derived(text, features)
            if len(self._derived) > self._size:
                self._derived.popitem(last=False)
        else:
            self._derived.move_to_end(key)
        return found

    def __len__(self) -> int:
        return len(self._selectors)

    def __iter__(self) -> Iterator[Selector]:
        return iter(self._selectors.values())

    def evaluations(self) -> dict[Outcome, int]:
        """How often selectors were evaluated, by what ran. O(size)."""
        counts = dict(self._evicted)
        for selector in self._selectors.values():
            counts[selector.outcome] += selector.evaluations[0]
        del counts["invalid"]
        return counts


def _size_of(text: str) -> int:
    return _BYTES + _BYTES_A_CHARACTER * len(text)
