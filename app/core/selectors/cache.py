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

DEFAULT_SIZE = 4096  # in-tree keeps 10; one compiled selector takes some 20 kB


class SelectorCache:
    """The least recently used selector goes first. Broken selectors are kept, too.

    ``hits`` and ``misses`` count look-ups, ``outcomes`` what compilations came to; ``evaluations()``
    counts by engine.
    """

    def __init__(self, size: int = DEFAULT_SIZE, *, engine: str = "fast") -> None:
        self._size = size
        self._engine = engine
        self._selectors: OrderedDict[tuple[str, CelFeatures, str], Selector] = OrderedDict()
        self._derived: OrderedDict[tuple[str, CelFeatures], DerivedAttribute] = OrderedDict()
        self._evicted = {"fast": 0, "reference": 0}
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
        self._selectors[key] = found
        if len(self._selectors) > self._size:
            _, oldest = self._selectors.popitem(last=False)
            self._evicted[oldest.engine] += oldest.evaluations[0]
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

    def evaluations(self) -> dict[str, int]:
        """How often selectors were evaluated, by engine. O(size)."""
        counts = dict(self._evicted)
        for selector in self._selectors.values():
            counts[selector.engine] += selector.evaluations[0]
        return counts
