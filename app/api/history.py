"""Recent decisions, in a ring in memory, for the page, the API and the command line."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

Verb = Literal["filter", "bind", "preempt"]
Outcome = Literal["passed", "refused", "bound", "failed", "evicted", "useless"]


@dataclass(frozen=True, slots=True)
class Decision:
    """A filter, a bind or a preemption. ``summary`` is the reason of a refusal, or names the evicted Pods.

    ``reason`` is the code of the reason that refused most nodes. ``number`` and ``times`` are set by
    ``History``.
    """

    at: str
    verb: Verb
    namespace: str
    name: str
    outcome: Outcome
    node: str | None = None
    fitting: int = 0
    nodes: int = 0
    summary: str = ""
    seconds: float = 0.0
    reason: str = ""
    number: int = 0
    first: str = ""
    times: int = 1


class History:
    """At most ``size`` decisions, numbered from 1; the oldest are dropped first.

    Repeated equal decisions about a Pod share one entry with a count, so that many pending Pods do not
    displace all other entries. Adding costs O(1), memory O(size).
    """

    def __init__(self, size: int = 1000) -> None:
        self._size = size
        self._entries: OrderedDict[int, Decision] = OrderedDict()
        self._latest: dict[tuple[str, str, bool], int] = {}
        self.last = 0

    def add(self, decision: Decision) -> None:
        """Adds a decision, as the newest one."""
        self.last += 1
        key = _key(decision)
        first, times = decision.at, 1
        before = self._entries.get(self._latest.get(key, 0))
        if before is not None and _same(before, decision):
            del self._entries[before.number]
            first, times = before.first, before.times + 1
        self._entries[self.last] = replace(decision, number=self.last, first=first, times=times)
        self._latest[key] = self.last
        if len(self._entries) > self._size:
            number, oldest = self._entries.popitem(last=False)
            if self._latest.get(_key(oldest)) == number:
                del self._latest[_key(oldest)]

    def before(self, number: int | None = None) -> Iterator[Decision]:
        """The decisions below a number, or all, newest first."""
        for entry in reversed(self._entries.values()):
            if number is None or entry.number < number:
                yield entry

    def latest(self, namespace: str, name: str) -> Decision | None:
        """The last response to kube-scheduler about a Pod. Cost: O(1)."""
        return self._entries.get(self._latest.get((namespace, name, False), 0))


def _key(decision: Decision) -> tuple[str, str, bool]:
    """The key for equal decisions: filters and binds of a Pod, and preemptions for it, which follow
    refusals.
    """
    return decision.namespace, decision.name, decision.verb == "preempt"


def _same(one: Decision, other: Decision) -> bool:
    return (one.verb, one.outcome, one.node, one.summary) == (
        other.verb,
        other.outcome,
        other.node,
        other.summary,
    )
