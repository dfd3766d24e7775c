"""The expected requests of future Pods, derived from templates, claims, and claims that are gone.

No training and no clock: a claim counts while it is there, and when it is gone it counts on until as many
others have gone. The mix stays the same object until a tenth of it differs, as kept verdicts depend on it.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest
from operator import itemgetter

from app.core.model.resource_claim import ClaimSpec
from app.core.pauses import FEW, leave, paced

MAX_KINDS = 16
"""The most frequent kinds of claim; the others are too rare to keep devices for."""
MAX_SIZE = 16 << 20
"""Characters of kinds of claim that are gone: a tenant may create and delete large ones without end."""
MAX_KIND_SIZE = 4_000
"""Characters of a kind that is in the mix: the filters of all Pods compile its selectors."""
_SMALL = 2_000
"""Characters of a kind that is not counted: there are no more kinds of claims that are gone than claims."""
_TOLERANCE = 0.1
_LEAST_CHANGES = 16


@dataclass(frozen=True, eq=False)
class RequestMix:
    """Kinds of claim and how often each comes, beside the others; the same object stays the same mix."""

    kinds: tuple[tuple[ClaimSpec, float], ...] = ()

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The requested DeviceClasses, each once."""
        names: dict[str, None] = {}
        for spec, _ in self.kinds:
            for request in spec.requests:
                names.update(dict.fromkeys(option.device_class for option in request.options))
        return tuple(names)

    @property
    def total(self) -> float:
        """The weights of all kinds."""
        return sum(weight for _, weight in self.kinds)


class RequestLog:
    """Counts claims as they come and go. O(1) a claim; ``mix`` is O(kinds) when enough has changed."""

    def __init__(self) -> None:
        self._there: Counter[ClaimSpec] = Counter()
        self._gone: Counter[ClaimSpec] = Counter()
        self._templates: Counter[ClaimSpec] = Counter()
        self._here = self._past = 0
        self._large: dict[ClaimSpec, int] = {}
        self._size = 0
        """Of what ``_gone`` alone may keep alive: the sum of the ``_large`` kinds."""
        self._changes = 0
        self._counted = 0
        """``_changes`` that the mix has been compared with."""
        self._mix = RequestMix()

    def fork(self) -> "RequestLog":
        """A copy that can be changed without this one noticing."""
        other = RequestLog()
        other._there = self._there.copy()
        other._gone = self._gone.copy()
        other._templates = self._templates.copy()
        other._here, other._past = self._here, self._past
        other._large, other._size = dict(self._large), self._size
        other._changes, other._counted = self._changes, self._counted
        other._mix = self._mix
        return other

    def come(self, spec: ClaimSpec) -> None:
        """A claim is there."""
        self._there[spec] += 1
        self._here += 1
        self._changes += 1

    def go(self, spec: ClaimSpec) -> None:
        """A claim is gone."""
        self._there[spec] -= 1
        if self._there[spec] <= 0:
            del self._there[spec]
        self._here -= 1
        self._gone[spec] += 1
        self._past += 1
        if spec.size > _SMALL and spec not in self._large:
            self._large[spec] = spec.size
            self._size += spec.size
        while self._past > self._here + _LEAST_CHANGES or self._size > MAX_SIZE:
            self._halve()

    def _halve(self) -> None:
        """Halves how often each kind has gone. Kinds that have gone once are forgotten."""
        before = self._gone
        self._gone = Counter({kind: count // 2 for kind, count in before.items() if count > 1})
        self._past = self._gone.total()
        large = self._large
        self._large = {kind: size for kind, size in large.items() if kind in self._gone}
        self._size = sum(self._large.values())
        leave([*before, *large])

    def template(self, before: ClaimSpec | None, after: ClaimSpec | None) -> None:
        """A template comes (``before`` is None), changes, or goes (``after`` is None)."""
        if before is not None:
            self._templates[before] -= 1
            if self._templates[before] <= 0:
                del self._templates[before]
        if after is not None:
            self._templates[after] += 1
        self._changes += _LEAST_CHANGES

    def mix(self) -> RequestMix:
        """The mix, each template counted as one claim more. With pauses."""
        if not self._mix.kinds or self._changes - self._counted >= max(_LEAST_CHANGES, self._here // 8):
            changes, counts = self._changes, self._counts()
            small = (item for item in paced(counts.items(), FEW) if item[0].size <= MAX_KIND_SIZE)
            kinds = nlargest(MAX_KINDS, small, key=itemgetter(1))
            found = RequestMix(tuple((kind, float(count)) for kind, count in kinds))
            # In a pause more may have changed, and others may have counted it.
            if changes >= self._counted:
                self._counted = changes
                if _difference(self._mix, found) > _TOLERANCE:
                    self._mix = found
        return self._mix

    def _counts(self) -> dict[ClaimSpec, int]:
        counts: dict[ClaimSpec, int] = {}
        for part in (self._there, self._gone, self._templates):
            for kind, count in paced(list(part.items()), FEW):
                counts[kind] = counts.get(kind, 0) + count
        return counts


def _difference(one: RequestMix, other: RequestMix) -> float:
    """From 0 (alike) to 1: the share of claims that would have to ask for something else."""
    if not one.kinds or not other.kinds:
        return float(bool(one.kinds) != bool(other.kinds))
    shares = {kind: weight / one.total for kind, weight in one.kinds}
    for kind, weight in other.kinds:
        shares[kind] = shares.get(kind, 0.0) - weight / other.total
    return sum(abs(share) for share in shares.values()) / 2
